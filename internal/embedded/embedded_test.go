package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startNATS(t *testing.T, dir, listen string) *NATS {
	t.Helper()
	n, err := StartNATS(dir, listen)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func stopNATS(t *testing.T, n *NATS) {
	t.Helper()
	if err := n.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// connect returns a connection and what closes it.
func connect(t *testing.T, url string, options ...nats.Option) (jetstream.JetStream, func()) {
	t.Helper()
	conn, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js, conn.Close
}

func TestNATSKeepsMessages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b") // it makes the folder
	ctx := t.Context()
	const messages = 10
	for start := range 3 {
		n := startNATS(t, dir, "")
		js, closeConn := connect(t, "", n.Option())
		s, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.CachedInfo().State.Msgs, uint64(start*messages); got != want {
			t.Fatalf("start %d: %d messages, want %d", start, got, want)
		}
		for i := range messages {
			if _, err := js.Publish(ctx, "s.x", fmt.Append(nil, start*messages+i)); err != nil {
				t.Fatal(err)
			}
		}
		m, err := s.GetMsg(ctx, 1)
		if err != nil || string(m.Data) != "0" {
			t.Fatalf("start %d: the first message is %v, %v", start, m, err)
		}
		closeConn()
		stopNATS(t, n)
	}
}

func TestNATSSyncsEveryWrite(t *testing.T) {
	n := startNATS(t, t.TempDir(), "")
	defer stopNATS(t, n)
	if c := n.server.JetStreamConfig(); !c.SyncAlways {
		t.Errorf("JetStream runs with %+v", c)
	}
}

func TestNATSDoesNotListen(t *testing.T) {
	n := startNATS(t, t.TempDir(), "")
	defer stopNATS(t, n)
	if n.URL() != "" || n.server.Addr() != nil {
		t.Errorf("it listens on %v, and says %q", n.server.Addr(), n.URL())
	}
	js, closeConn := connect(t, "", n.Option())
	defer closeConn()
	if _, err := js.AccountInfo(t.Context()); err != nil {
		t.Errorf("in-process: %v", err)
	}
}

func TestNATSListens(t *testing.T) {
	n := startNATS(t, t.TempDir(), "127.0.0.1:0")
	defer stopNATS(t, n)
	addr, ok := n.server.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		t.Fatalf("it listens on %v", n.server.Addr())
	}
	if want := fmt.Sprintf("nats://127.0.0.1:%d", addr.Port); n.URL() != want {
		t.Errorf("it says %s, want %s", n.URL(), want)
	}
	for _, options := range [][]nats.Option{nil, {n.Option()}} {
		js, closeConn := connect(t, n.URL(), options...)
		if _, err := js.AccountInfo(t.Context()); err != nil {
			t.Error(err)
		}
		closeConn()
	}
}

// TestNATSLocksItsFolder: a second server on one store would destroy it.
func TestNATSLocksItsFolder(t *testing.T) {
	dir := t.TempDir()
	first := startNATS(t, dir, "")
	for range 2 {
		_, err := StartNATS(dir, "")
		if !errors.Is(err, ErrInUse) {
			t.Fatalf("got %v, want in use", err)
		}
		if want := dir + ": another settlehook uses this data folder; stop it, or name another folder with --data"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
	js, closeConn := connect(t, "", first.Option())
	if _, err := js.AccountInfo(t.Context()); err != nil {
		t.Errorf("the first: %v", err)
	}
	closeConn()
	stopNATS(t, first)
	stopNATS(t, startNATS(t, dir, ""))
}

// TestNATSRefusals: each is one line, comes at once, and leaves the folder free.
func TestNATSRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spoiled := t.TempDir()
	if err := os.WriteFile(filepath.Join(spoiled, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := t.TempDir()
	for _, tt := range []struct{ dir, listen, want string }{
		{good, "localhost", `address "localhost": write it as host:port`},
		{good, "127.0.0.1:nats", `address "127.0.0.1:nats": the port is not a number up to 65535`},
		{good, "127.0.0.1:-1", `address "127.0.0.1:-1": the port is not a number up to 65535`},
		{good, "127.0.0.1:65536", `address "127.0.0.1:65536": the port is not a number up to 65535`},
		{good, taken.Addr().String(), "embedded NATS: Error listening on port: " + taken.Addr().String()},
		{file, "", "create the data folder: mkdir " + file + ": not a directory"},
		{filepath.Join(file, "below"), "", "create the data folder: mkdir " + file + ": not a directory"},
		{spoiled, "", "embedded NATS: Can't start JetStream: "},
	} {
		n, err := StartNATS(tt.dir, tt.listen)
		if err == nil {
			stopNATS(t, n)
			t.Errorf("%s, %s: started", tt.dir, tt.listen)
			continue
		}
		if !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %q, want %q", err, tt.want)
		}
	}
	stopNATS(t, startNATS(t, good, ""))
}

// TestRedisExpiresKeys has the stand-in's own clock end a key.
func TestRedisExpiresKeys(t *testing.T) {
	r, err := StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop()
	options, err := redis.ParseURL(r.URL())
	if err != nil {
		t.Fatalf("%s: %v", r.URL(), err)
	}
	if host, _, err := net.SplitHostPort(options.Addr); err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("it listens on %s", options.Addr)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	const short = 30 * time.Millisecond
	begun := time.Now()
	if err := client.Set(ctx, "short", "v", short).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(ctx, "long", "v", time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	for {
		err := client.Get(ctx, "short").Err()
		if errors.Is(err, redis.Nil) {
			break
		}
		if err != nil {
			t.Fatalf("a key with %s to live is still there: %v", short, err)
		}
	}
	if took := time.Since(begun); took < short {
		t.Errorf("a key with %s to live is gone after %s", short, took)
	}
	if v, err := client.Get(ctx, "long").Result(); v != "v" || err != nil {
		t.Errorf("a key with an hour to live: %q, %v", v, err)
	}
}

// TestRedisForgets: a new start has nothing of the last.
func TestRedisForgets(t *testing.T) {
	for range 2 {
		r, err := StartRedis()
		if err != nil {
			t.Fatal(err)
		}
		options, err := redis.ParseURL(r.URL())
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(options)
		if set, err := client.SetNX(t.Context(), "k", "v", time.Hour).Result(); !set || err != nil {
			t.Errorf("set: %v, %v", set, err)
		}
		_ = client.Close()
		r.Stop()
	}
}

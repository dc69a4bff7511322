package redisconn_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/testserver"
)

func redisConfig(t *testing.T, url string) config.Redis {
	t.Helper()
	c := config.Redis{DialTimeout: 250 * time.Millisecond, ReadTimeout: 200 * time.Millisecond, WriteTimeout: 150 * time.Millisecond}
	if err := c.URL.UnmarshalText([]byte(url)); err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, c config.Redis) redis.UniversalClient {
	t.Helper()
	client, err := redisconn.Open(c, func(bool) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestOpenSingle(t *testing.T) {
	client, ok := open(t, redisConfig(t, "redis://user:p4ss@redis:7000/3")).(*redis.Client)
	if !ok {
		t.Fatal("not a client of a single server")
	}
	o := client.Options()
	type options struct {
		addr, user, password             string
		db, maxRetries, dialerRetries    int
		dial, read, write, poolTimeout   time.Duration
		contextTimeoutEnabled, encrypted bool
	}
	got := options{
		o.Addr, o.Username, o.Password, o.DB, o.MaxRetries, o.DialerRetries,
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.ContextTimeoutEnabled, o.TLSConfig != nil,
	}
	want := options{
		"redis:7000", "user", "p4ss", 3, 1, 1,
		250 * time.Millisecond, 200 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, true, false,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOpenCluster(t *testing.T) {
	// One address would make a client of a single server, if the mode did not say.
	for _, url := range []string{"redis-cluster://u:p4ss@c1:7000", "redis-cluster://u:p4ss@c1:7000,c2:7001"} {
		client, ok := open(t, redisConfig(t, url)).(*redis.ClusterClient)
		if !ok {
			t.Fatalf("%s: not a client of a cluster", url)
		}
		o := client.Options()
		if addrs := strings.Join(o.Addrs, ","); !strings.HasSuffix(url, "@"+addrs) {
			t.Errorf("%s: got %s", url, addrs)
		}
		if o.Username != "u" || o.Password != "p4ss" || o.MaxRedirects != 3 || o.DialerRetries != 1 || !o.ContextTimeoutEnabled {
			t.Errorf("%s: got user %q, redirects %d, dials %d, deadlines %v", url, o.Username, o.MaxRedirects, o.DialerRetries, o.ContextTimeoutEnabled)
		}
	}
}

func TestOpenSentinel(t *testing.T) {
	sentinel := testserver.RedisSentinel(t)
	client, ok := open(t, redisConfig(t, "redis-sentinel://"+sentinel.Addr+"/"+testserver.SentinelMaster+"/2")).(*redis.Client)
	if !ok {
		t.Fatal("not a client of a master")
	}
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	master := redis.NewClient(&redis.Options{Addr: sentinel.Master.Addr, DB: 2})
	defer func() { _ = master.Close() }()
	if v, err := master.Get(t.Context(), "k").Result(); v != "v" || err != nil {
		t.Errorf("database 2 of the master holds %q, %v", v, err)
	}
}

func TestOpenTLS(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authority := certificate(t)

	c := redisConfig(t, "rediss://redis")
	client, ok := open(t, c).(*redis.Client)
	if o := client.Options(); !ok || o.TLSConfig == nil || o.TLSConfig.RootCAs != nil || o.TLSConfig.InsecureSkipVerify {
		t.Errorf("without REDIS_TLS_CA, the system's authorities count; got %+v", o.TLSConfig)
	}
	c.TLSCA = write("ca.pem", authority)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	if o := open(t, c).(*redis.Client).Options(); !o.TLSConfig.RootCAs.Equal(pool) {
		t.Error("REDIS_TLS_CA is not what the server is checked with")
	}
	for path, want := range map[string]string{
		write("empty.pem", nil):             "REDIS_TLS_CA holds no certificate; give a PEM file",
		write("text.pem", []byte("p4ss\n")): "REDIS_TLS_CA holds no certificate; give a PEM file",
		filepath.Join(dir, "absent.pem"):    "read REDIS_TLS_CA: open " + filepath.Join(dir, "absent.pem") + ": no such file or directory",
	} {
		c.TLSCA = path
		if _, err := redisconn.Open(c, func(bool) {}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", filepath.Base(path), err, want)
		}
	}
}

func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(0, 0).AddDate(200, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestRedisComesAndGoes kills the server and starts it again: meanwhile it is
// dialled a few times, however much is asked of it, and then used again.
func TestRedisComesAndGoes(t *testing.T) {
	server := testserver.Redis(t)
	counted := countDials(t, server.Addr)
	client := open(t, redisConfig(t, "redis://"+counted.addr))
	ctx := t.Context()
	ping(t, client)
	server.Kill()
	counted.cut()

	begun, before := time.Now(), counted.dials.Load()
	refused := 0
	for range 1000 {
		err := client.Ping(ctx).Err()
		if err == nil {
			t.Fatal("an answer from a server that is gone")
		}
		if errors.Is(err, redisconn.ErrOpen) {
			refused++
		}
	}
	// Five failures open the fuse, and each pause ends with one more. A command
	// is tried twice.
	tries := 5 + int64(time.Since(begun)/time.Second)
	if dials := counted.dials.Load() - before; dials < 5 || dials > 2*tries {
		t.Errorf("1000 commands dialled %d times, want 5 to %d", dials, 2*tries)
	}
	if int64(refused) < 1000-tries {
		t.Errorf("%d of 1000 commands were spared, want at least %d", refused, 1000-tries)
	}
	pipe := client.Pipeline()
	cmds := []redis.Cmder{pipe.Get(ctx, "a"), pipe.Get(ctx, "b")}
	if _, err := pipe.Exec(ctx); err == nil || cmds[0].Err() == nil || cmds[1].Err() == nil {
		t.Errorf("a pipeline: got %v, and %v, %v for its commands", err, cmds[0].Err(), cmds[1].Err())
	}

	server.Start()
	ping(t, client)
	if err := client.Ping(ctx).Err(); err != nil {
		t.Errorf("once answered, it is used: %v", err)
	}
}

// TestRedisRecoversUnderLoad: a crowd that asks all the time does not keep the
// one who tries from finding Redis back.
func TestRedisRecoversUnderLoad(t *testing.T) {
	server := testserver.Redis(t)
	client := open(t, redisConfig(t, "redis://"+server.Addr))
	server.Kill()
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	for range 16 {
		crowd.Go(func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				_ = client.Ping(t.Context()).Err()
				select {
				case <-stop:
					return
				case <-tick.C:
				}
			}
		})
	}
	defer crowd.Wait()
	defer close(stop)
	for !errors.Is(client.Ping(t.Context()).Err(), redisconn.ErrOpen) {
	}
	server.Start()
	ping(t, client)
}

// ping returns once Redis answers.
func ping(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Redis is not used again: %v", err)
		case <-tick.C:
		}
	}
}

// relay passes connections on to a server, and counts them.
type relay struct {
	addr  string
	dials atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
}

func countDials(t *testing.T, server string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: l.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.dials.Add(1)
			serving.Go(func() { r.pass(c, server) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); r.cut(); serving.Wait() })
	return r
}

func (r *relay) pass(client net.Conn, addr string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	r.mu.Lock()
	r.conns = append(r.conns, client, server)
	r.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_, _ = client.Close(), server.Close()
		})
	}
	both.Wait()
}

// cut ends the connections there are.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

// TestErrorsKeepSecrets: whatever fails, the password is in no error.
func TestErrorsKeepSecrets(t *testing.T) {
	server := testserver.Redis(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer func() { _ = admin.Close() }()
	if err := admin.ConfigSet(t.Context(), "requirepass", "the-right-one").Err(); err != nil {
		t.Fatal(err)
	}
	gone := testserver.FreeAddr(t)
	for _, url := range []string{
		"redis://:s3cr3t@" + server.Addr,
		"redis://user:s3cr3t@" + server.Addr,
		"rediss://user:s3cr3t@" + server.Addr,
		"redis://user:s3cr3t@" + gone,
		"redis-cluster://user:s3cr3t@" + server.Addr,
		"redis-cluster://user:s3cr3t@" + gone,
		"redis-sentinel://user:s3cr3t@" + gone + "/m?sentinel_password=s3cr3t",
		"redis-sentinel://user:s3cr3t@" + server.Addr + "/m?sentinel_password=s3cr3t",
	} {
		client := open(t, redisConfig(t, url))
		errs := []string{}
		for range 6 { // and once more, with the fuse open
			err := client.Ping(t.Context()).Err()
			if err == nil {
				t.Fatalf("%s: an answer to a wrong password", url)
			}
			errs = append(errs, err.Error())
		}
		if slices.ContainsFunc(errs, func(e string) bool { return strings.Contains(e, "s3cr3t") }) {
			t.Errorf("%s: the password is in %q", url, errs)
		}
	}
}

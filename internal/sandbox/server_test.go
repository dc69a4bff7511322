package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/pkg/sign"
)

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		say    string // "" accepts
	}{
		{"defaults", func(*Config) {}, ""},
		{"localhost", func(c *Config) { c.Addr = "localhost:0" }, ""},
		{"IPv6 loopback", func(c *Config) { c.Addr = "[::1]:0" }, ""},
		{"all addresses", func(c *Config) { c.Addr = ":8888" }, "not a loopback address"},
		{"all addresses, admin", func(c *Config) { c.AdminAddr = "0.0.0.0:8889" }, "not a loopback address"},
		{"a name", func(c *Config) { c.Addr = "sandbox.example:1" }, "not a loopback address"},
		{"all addresses, allowed", func(c *Config) { c.Addr, c.AllowPublic = ":8888", true }, ""},
		{"no port", func(c *Config) { c.Addr = "127.0.0.1" }, "not host:port"},
		{"no merchant", func(c *Config) { c.Merchants = nil }, "no merchant"},
		{"merchant id", func(c *Config) { c.Merchants[0].ID = "a/b" }, "merchant id"},
		{"merchant twice", func(c *Config) { c.Merchants[1].ID = "m1001" }, "configured twice"},
		{"account twice", func(c *Config) { c.Merchants[1].Account = "8801" }, "configured twice"},
		{"no keys", func(c *Config) { c.Merchants[0].Keys = nil }, "merchant m1001"},
		{"empty secret", func(c *Config) { c.Merchants[0].Keys = []sign.Key{{ID: "k"}} }, "empty secret"},
		{"notify base", func(c *Config) { c.NotifyBase = "127.0.0.1:8080" }, "notify base"},
		{"notify base of a merchant", func(c *Config) { c.Merchants[0].NotifyBase = "ftp://x" }, "notify base"},
		{"negative scale", func(c *Config) { c.TimeScale = -1 }, "time scale"},
		{"falling offsets", func(c *Config) { c.PushOffsets = seconds(0, 15, 5) }, "push offsets"},
		{"no offsets", func(c *Config) { c.PushOffsets = []time.Duration{} }, "push offset"},
		{"negative pool", func(c *Config) { c.Pushers = -1 }, "must not be negative"},
		{"run", func(c *Config) { c.Run = "a b" }, "run"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Merchants: merchants()}
			tt.change(&cfg)
			_, err := New(cfg)
			if (err == nil) != (tt.say == "") || (err != nil && !strings.Contains(err.Error(), tt.say)) {
				t.Fatalf("error %v, want %q", err, tt.say)
			}
			if err != nil && strings.ContainsRune(err.Error(), '\n') {
				t.Fatalf("more than one line: %q", err)
			}
		})
	}
}

// From order to acknowledgement over real sockets, until the context ends.
func TestRun(t *testing.T) {
	type push struct{ path, contentType, body string }
	pushes := make(chan push, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		pushes <- push{r.Method + " " + r.URL.Path, r.Header.Get("Content-Type"), string(body)}
		_, _ = io.WriteString(w, "success")
	}))
	defer receiver.Close()
	core, logs := observer.New(zapcore.DebugLevel)
	s := newSandbox(t, func(c *Config) {
		c.Logger = zap.New(core)
		c.Merchants[0].NotifyBase = receiver.URL + "/"
	})
	if s.Addr() != "" || s.AdminAddr() != "" {
		t.Fatal("addresses before Start")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	create(t, s, NewOrder{OrderID: "o1", Course: settledCourse(0)})
	got := <-pushes
	if got.path != "POST /callbacks/collect/m1001" || got.contentType != "application/json" {
		t.Fatalf("%+v", got)
	}
	if err := verify("m1001", []byte(got.body)); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
	if r := record(t, s, "o1"); !r.Accepted {
		t.Fatalf("%+v", r)
	}
	resp, err := http.Get(s.AdminURL() + "/books")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil {
		t.Fatal("started again")
	}
	http.DefaultClient.CloseIdleConnections()
	if conn, err := net.Dial("tcp", s.Addr()); err == nil {
		_ = conn.Close()
		t.Fatal("still listening")
	}
	for _, entry := range logs.All() {
		for name, value := range entry.ContextMap() {
			if text, ok := value.(string); ok && (strings.Contains(text, "secret") || strings.Contains(text, "{")) {
				t.Fatalf("%s: field %s holds a secret or a body", entry.Message, name)
			}
		}
	}
}

func TestStartFailsOnTakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	s := newSandbox(t, func(c *Config) { c.AdminAddr = taken.Addr().String() })
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot listen on "+taken.Addr().String()) {
		t.Fatalf("error %v", err)
	}
}

func TestOnCreate(t *testing.T) {
	refuse := errors.New("ledger is down")
	var s *Server
	var announced []Order
	s = newSandbox(t, func(c *Config) {
		c.OnCreate = func(_ context.Context, o Order) error {
			// Nobody sees it yet, and its id is taken.
			if _, err := s.Order(o.Merchant, o.OrderID); !errors.Is(err, ErrUnknownOrder) {
				t.Errorf("visible early: %v", err)
			}
			if err := s.books.reserve(key{o.Merchant, o.OrderID}, Balance{}); !errors.Is(err, ErrDuplicateOrder) {
				t.Errorf("id not taken: %v", err)
			}
			announced = append(announced, o)
			if len(announced) == 1 {
				return refuse
			}
			return nil
		}
	})
	n := NewOrder{Merchant: "m1001", Flow: Collect, OrderID: "o1", Amount: dec("1000")}
	if _, err := s.CreateOrder(t.Context(), n); !errors.Is(err, refuse) {
		t.Fatalf("error %v", err)
	}
	if len(s.Books()) != 0 {
		t.Fatal("a refused order is in the books")
	}
	create(t, s, n)
	if len(announced) != 2 || announced[1].Submitted.String() != "1000.00" || announced[1].OrderID != "o1" || announced[1].Account != "8801" {
		t.Fatalf("%+v", announced)
	}
}

func TestSetNotifyBaseRefuses(t *testing.T) {
	if err := newSandbox(t).SetNotifyBase("not an address"); !errors.Is(err, ErrInvalid) {
		t.Fatalf("error %v", err)
	}
}

// A connection that a client opened in reserve, over which nothing has come, does
// not keep the sandbox from closing, nor make it fail.
func TestCloseCutsOffReserveConnections(t *testing.T) {
	s := start(t, newSandbox(t))
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	create(t, s, NewOrder{OrderID: "o1"})
	if _, err := client(t, s, newSecret).QueryOrder(t.Context(), "o1"); err != nil { // the server has accepted by now
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

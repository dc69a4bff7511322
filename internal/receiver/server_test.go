package receiver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/internal/receiver"
)

// TestServerHasEveryTimeout: one that is zero is none.
func TestServerHasEveryTimeout(t *testing.T) {
	cfg := defaultHTTP()
	s := receiver.NewServer(cfg, http.NotFoundHandler(), zap.NewNop())
	if s.ReadHeaderTimeout != cfg.ReadHeaderTimeout || s.ReadTimeout != cfg.ReadTimeout ||
		s.WriteTimeout != cfg.WriteTimeout || s.IdleTimeout != cfg.IdleTimeout {
		t.Errorf("time-outs %v %v %v %v, want those of %+v", s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout, cfg)
	}
	if s.MaxHeaderBytes != 8<<10 {
		t.Errorf("headers of %d bytes, want 8 KiB", s.MaxHeaderBytes)
	}
	if !s.Protocols.HTTP1() || s.Protocols.HTTP2() || s.Protocols.UnencryptedHTTP2() {
		t.Errorf("protocols %v, want HTTP/1 only", s.Protocols)
	}
}

// TestHugePathIsRefused is beyond what a handler sees.
func TestHugePathIsRefused(t *testing.T) {
	h := newHarness(t, nil)
	if got := h.send(request{target: "/callbacks/collect/" + strings.Repeat("a", 30_000), media: "-"}); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", got.status)
	}
}

func TestServerLogGoesToZap(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	s := receiver.NewServer(defaultHTTP(), http.NotFoundHandler(), zap.New(core))
	s.ErrorLog.Print("http: TLS handshake error from 198.51.100.1:1: EOF")
	s.ErrorLog.Print("http: Accept error: too many open files; retrying in 5ms")
	lines := logs.All()
	if len(lines) != 2 || lines[0].Level != zapcore.DebugLevel || lines[1].Level != zapcore.WarnLevel {
		t.Fatalf("log %v, want a handshake at debug and an Accept error at warn", lines)
	}
	if got := lines[1].ContextMap()["message"]; got != "http: Accept error: too many open files; retrying in 5ms" {
		t.Errorf("message %q", got)
	}
}

// TestShutdownFinishesWhatIsOnItsWay is the graceful stop as a program does it.
func TestShutdownFinishesWhatIsOnItsWay(t *testing.T) {
	h := newHarness(t, nil)
	h.wantSuccess(h.send(request{body: mustSign(t, object("A1"), newSecret)}))
	h.handler.Drain()
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestNewRefusesIncompleteOptions(t *testing.T) {
	complete := func() receiver.Options {
		opts := defaultOptions(t)
		opts.Store, opts.Keeper, opts.Clock, opts.Log, opts.Metrics = new(fakeStore), new(fakeKeeper), time.Now, zap.NewNop(), prometheus.NewRegistry()
		return opts
	}
	if _, err := receiver.New(complete()); err != nil {
		t.Fatalf("complete options: %v", err)
	}
	for name, spoil := range map[string]func(*receiver.Options){
		"store":     func(o *receiver.Options) { o.Store = nil },
		"keeper":    func(o *receiver.Options) { o.Keeper = nil },
		"merchants": func(o *receiver.Options) { o.Merchants = nil },
		"clock":     func(o *receiver.Options) { o.Clock = nil },
		"log":       func(o *receiver.Options) { o.Log = nil },
		"metrics":   func(o *receiver.Options) { o.Metrics = nil },
		"time-out":  func(o *receiver.Options) { o.PublishTimeout = 0 },
		"room":      func(o *receiver.Options) { o.HTTP.MaxInFlight = 0 },
		"reading":   func(o *receiver.Options) { o.HTTP.MaxReading = 0 },
		"share":     func(o *receiver.Options) { o.HTTP.MaxReadingPerSource = 0 },
	} {
		opts := complete()
		spoil(&opts)
		if _, err := receiver.New(opts); err == nil {
			t.Errorf("without %s: no error", name)
		}
	}
	opts := complete()
	if _, err := receiver.New(opts); err != nil {
		t.Fatal(err)
	}
	if _, err := receiver.New(opts); err == nil {
		t.Error("a second handler on one registry: no error")
	}
}

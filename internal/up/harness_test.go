package up

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/internal/stream"
)

// patience bounds every wait for a condition.
const patience = 30 * time.Second

// eventually returns once the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("never came: %s", what)
		case <-tick.C:
		}
	}
}

// screen is what a person sees.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) shows(parts ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, part := range parts {
		if !strings.Contains(s.text.String(), part) {
			return false
		}
	}
	return true
}

// settings are those of "up" with every listener on a free port.
func settings(t *testing.T, merchantsFile string, more map[string]string) config.Up {
	t.Helper()
	env := map[string]string{
		"HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "MERCHANTS_FILE": merchantsFile,
		"RETRY_MIN": "10ms", "RETRY_MAX": "50ms",
	}
	maps.Copy(env, more)
	cfg, err := config.LoadUp(env)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// instance is one life of the all-in-one program.
type instance struct {
	t    *testing.T
	at   Running
	out  *screen
	end  context.CancelFunc
	gone chan struct{}
	err  error // once gone is closed
}

// run starts everything, and returns once it runs.
func run(t *testing.T, c Config) *instance {
	t.Helper()
	i := &instance{t: t, out: &screen{}, gone: make(chan struct{})}
	started := make(chan Running, 1)
	c.Out, c.Log, c.Started = i.out, zap.NewNop(), func(r Running) { started <- r }
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	i.end = end
	go func() { defer close(i.gone); i.err = Run(ctx, c) }()
	t.Cleanup(func() { end(); <-i.gone })
	select {
	case i.at = <-started:
	case <-i.gone:
		t.Fatalf("it ended at once: %v", i.err)
	case <-time.After(patience):
		t.Fatal("it does not start")
	}
	return i
}

// stop ends it as Ctrl-C does.
func (i *instance) stop() {
	i.t.Helper()
	i.holdToContract()
	i.end()
	select {
	case <-i.gone:
	case <-time.After(patience):
		i.t.Fatal("it does not stop")
	}
	if i.err != nil {
		i.t.Fatalf("stopped with %v", i.err)
	}
}

// holdToContract holds what was emitted to its schemas, where that can be read
// from outside.
func (i *instance) holdToContract() {
	i.t.Helper()
	if i.at.NATS == "" {
		return
	}
	js, disconnect := i.streams()
	defer disconnect()
	if _, err := contracttest.Streams(i.t.Context(), js); err != nil {
		i.t.Error(err)
	}
}

// streams connects to the embedded NATS from outside.
func (i *instance) streams() (js jetstream.JetStream, disconnect func()) {
	i.t.Helper()
	nc, err := nats.Connect(i.at.NATS)
	if err != nil {
		i.t.Fatal(err)
	}
	if js, err = jetstream.New(nc); err != nil {
		i.t.Fatal(err)
	}
	return js, nc.Close
}

// ledger is the PAYMENTS stream as it is: its last sequence, and the sequence
// and time of what stands on every subject.
type ledger struct {
	Last  uint64
	First uint64
	Told  map[string]string // what, by subject
}

func readLedger(t *testing.T, js jetstream.JetStream) ledger {
	t.Helper()
	s, err := js.Stream(t.Context(), stream.Payments)
	if err != nil {
		t.Fatal(err)
	}
	state := s.CachedInfo().State
	l := ledger{Last: state.LastSeq, First: state.FirstSeq, Told: map[string]string{}}
	for seq := state.FirstSeq; seq <= state.LastSeq && state.Msgs > 0; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if before, twice := l.Told[m.Subject]; twice {
			t.Errorf("%s is told twice: %s", m.Subject, before)
		}
		l.Told[m.Subject] = fmt.Sprintf("%d at %s: %s", seq, m.Time, m.Data)
	}
	return l
}

// writeMerchants writes a merchants file for an address of the sandbox.
func writeMerchants(t *testing.T, sandboxAddr string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "merchants.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, sandboxMerchants, "http://"+sandboxAddr), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

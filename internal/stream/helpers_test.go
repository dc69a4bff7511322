package stream

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/testserver"
)

// patience bounds every wait on a busy machine; nothing waits that long when
// all is well.
const patience = 20 * time.Second

// topology is small, for one server.
func topology() config.Topology {
	const mib = config.Bytes(1 << 20)
	return config.Topology{
		Replicas: 1, CallbacksMaxBytes: 4 * mib, CallbacksMaxAge: 45 * 24 * time.Hour,
		PaymentsMaxBytes: 4 * mib, PaymentsMaxAge: 400 * 24 * time.Hour, OrdersMaxBytes: 4 * mib,
		TrailMaxBytes: 4 * mib, TrailMaxAge: 45 * 24 * time.Hour,
		ParkedMaxBytes: 4 * mib, ParkedMaxAge: 90 * 24 * time.Hour,
		QuarantineMaxBytes: 4 * mib, QuarantineMaxAge: 45 * 24 * time.Hour, QuarantineMaxPerSubject: 3,
	}
}

// bench is a server with the declared streams, and a connection to it.
type bench struct {
	server *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream

	ackWait time.Duration // of the durables; 0: 30 s
}

// newBench starts a server with nothing on it.
func newBench(t testing.TB) *bench {
	t.Helper()
	s := testserver.NATS(t)
	nc, js := dial(t, s.ClientURL())
	return &bench{server: s, nc: nc, js: js}
}

// newStreams starts a server with the declared streams.
func newStreams(t testing.TB) *bench {
	t.Helper()
	b := newBench(t)
	if err := Setup(within(t), b.js, topology()); err != nil {
		t.Fatal(err)
	}
	return b
}

func dial(t testing.TB, url string, options ...nats.Option) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// within is a context that ends with the test, or when patience does.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks the server until what it says is true.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not so after %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// messages reads everything that a stream holds, oldest first.
func (b *bench) messages(t testing.TB, name string) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := b.js.Stream(within(t), name)
	if err != nil {
		t.Fatal(err)
	}
	state := s.CachedInfo().State
	var all []*jetstream.RawStreamMsg
	if state.Msgs == 0 {
		return nil
	}
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(within(t), seq)
		if err != nil {
			t.Fatalf("message %d of %s: %v", seq, name, err)
		}
		all = append(all, m)
	}
	return all
}

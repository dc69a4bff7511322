package subscribe_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe"
)

// patience bounds every wait on a busy machine; nothing waits that long when
// all is well.
const patience = time.Minute

// ledger is a server with the permissions of deploy/nats and the declared
// streams.
type ledger struct {
	t       testing.TB
	servers testserver.NATSServers
	js      jetstream.JetStream // of the operator, who may publish and look
}

func newLedger(t testing.TB) *ledger {
	t.Helper()
	l := &ledger{t: t, servers: testserver.NATSWithRoles(t)}
	const mib = config.Bytes(1 << 20)
	must(t, stream.Setup(within(t), l.dial("setup"), config.Topology{
		Replicas: 1, CallbacksMaxBytes: mib, CallbacksMaxAge: time.Hour,
		PaymentsMaxBytes: 16 * mib, PaymentsMaxAge: time.Hour, OrdersMaxBytes: mib, TrailMaxBytes: mib, TrailMaxAge: time.Hour,
		ParkedMaxBytes: mib, ParkedMaxAge: time.Hour,
		QuarantineMaxBytes: mib, QuarantineMaxAge: time.Hour, QuarantineMaxPerSubject: 3,
	}))
	l.js = l.dial("operator")
	return l
}

// dial connects in a role. Whatever the server forbids fails the test.
func (l *ledger) dial(role string) jetstream.JetStream {
	l.t.Helper()
	nc, err := nats.Connect(l.servers.URL(role), nats.CustomInboxPrefix(testserver.InboxPrefix(role)),
		nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				l.t.Errorf("%s: %v", role, err)
			}
		}))
	must(l.t, err)
	l.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(l.t, err)
	return js
}

// downstream is a connection as consumers have it.
func (l *ledger) downstream() jetstream.JetStream { return l.dial("downstream") }

func (l *ledger) publish(list ...events.Event) {
	l.t.Helper()
	for _, e := range list {
		body, err := e.MarshalJSON()
		must(l.t, err)
		must(l.t, l.publishRaw(e.NATSSubject(), body))
	}
}

func (l *ledger) publishRaw(subject string, body []byte) error {
	_, err := l.js.Publish(within(l.t), subject, body)
	return err
}

// done reports whether a durable has nothing left to deliver or to hear of. One that
// is being made says so, too, before it has looked at the stream: nobody can ask it
// for messages by then.
func (l *ledger) done(durable string) bool {
	cons, err := l.js.Consumer(l.t.Context(), subscribe.Stream, durable)
	if err != nil {
		return false
	}
	info := cons.CachedInfo()
	return info.NumPending == 0 && info.NumAckPending == 0 && info.NumWaiting > 0
}

// running is a Run in the background.
type running struct {
	t      testing.TB
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

func start(t testing.TB, js jetstream.JetStream, cfg subscribe.Config, h subscribe.Handler) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, cancel: cancel, ended: make(chan struct{})}
	go func() { defer close(r.ended); r.err = subscribe.Run(ctx, js, cfg, h) }()
	t.Cleanup(func() { cancel(); <-r.ended })
	return r
}

// over reports whether the run has ended by itself.
func (r *running) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// stop ends the run and returns its error.
func (r *running) stop() error {
	r.cancel()
	return r.wait()
}

func (r *running) wait() error {
	r.t.Helper()
	select {
	case <-r.ended:
		return r.err
	case <-time.After(patience):
		r.t.Fatalf("Run has not ended after %s", patience)
		return nil
	}
}

// books stand for the tables of a service: a booking under a unique id.
type books struct {
	mu     sync.Mutex
	booked map[string]int // by event id: how often it took effect
	seen   map[string]int // by event id: how often it came
	course []string       // ids as they came
}

func newBooks() *books { return &books{booked: map[string]int{}, seen: map[string]int{}} }

// book is the transaction: it tells whether the event was new.
func (b *books) book(id string) (isNew bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.course = append(b.course, id)
	b.seen[id]++
	if b.booked[id] > 0 {
		return false
	}
	b.booked[id]++
	return true
}

func (b *books) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.booked)
}

func (b *books) times(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[id]
}

// within is a context that ends with the test, or when patience does.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks until the answer is yes.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not so after %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// receive waits for a signal of another goroutine.
func receive[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("not so after %s: %s", patience, what)
	}
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

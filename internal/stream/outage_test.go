package stream

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
)

// link is a connection as the programs have it.
type link struct {
	nc         *nats.Conn
	js         jetstream.JetStream
	lost, back chan struct{}
	closed     chan error
}

// connect opens a connection with the options that guarantees hang on.
func connect(t testing.TB, addr string, extra ...nats.Option) *link {
	t.Helper()
	var url config.NATSURL
	if err := url.UnmarshalText([]byte("nats://" + addr)); err != nil {
		t.Fatal(err)
	}
	l := &link{lost: make(chan struct{}, 100), back: make(chan struct{}, 100), closed: make(chan error, 1)}
	nc, err := Connect(config.NATS{URL: url, ConnectTimeout: patience}, "test", zap.NewNop(),
		func(err error) { l.closed <- err }, append(
			extra,
			nats.DisconnectErrHandler(func(*nats.Conn, error) { l.lost <- struct{}{} }),
			nats.ReconnectHandler(func(*nats.Conn) { l.back <- struct{}{} }),
		)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	l.nc, l.js = nc, js
	return l
}

// TestNothingAppearsAfterReconnect: a publish while disconnected fails, and is
// not stored once the server is back (issue "Must show" 3).
func TestNothingAppearsAfterReconnect(t *testing.T) {
	p := testserver.NATSProcess(t)
	l := connect(t, p.Addr)
	if err := Setup(within(t), l.js, topology()); err != nil {
		t.Fatal(err)
	}
	log := NewCallbackLog(l.js)
	if _, err := log.Store(within(t), accepted(t, "m1", "before")); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	receive(t, l.lost, "the disconnect")
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if r, err := log.Store(ctx, accepted(t, "m1", "while-disconnected")); err == nil {
			t.Errorf("stored without a server: %+v", r)
		}
		cancel()
	}
	p.Start()
	receive(t, l.back, "the reconnect")
	if err := l.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Store(within(t), accepted(t, "m1", "after")); err != nil {
		t.Fatal(err)
	}
	b := &bench{nc: l.nc, js: l.js}
	var stored []string
	for _, m := range b.messages(t, Callbacks) {
		_, rest, _ := strings.Cut(string(m.Data), `"orderId":"`)
		id, _, _ := strings.Cut(rest, `"`)
		stored = append(stored, id)
	}
	if got := strings.Join(stored, ", "); got != "before, after" {
		t.Errorf("stored %s; want what was acknowledged, before and after", got)
	}
}

// deafConn is a connection that can be made deaf: what is written arrives, and
// what the server answers is held back.
type deafConn struct {
	net.Conn
	hearing *sync.RWMutex
}

func (c deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.hearing.RLock()
	defer c.hearing.RUnlock()
	return n, err
}

// deafDialer makes connections that are deaf while it is locked.
type deafDialer struct{ sync.RWMutex }

func (d *deafDialer) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return deafConn{c, &d.RWMutex}, err
}

// TestLostAcknowledgement: an append that timed out may be stored, and says
// so by saying nothing; the next one finds it.
func TestLostAcknowledgement(t *testing.T) {
	s := testserver.NATS(t)
	var line deafDialer
	l := connect(t, s.Addr().String(), nats.SetCustomDialer(&line))
	if err := Setup(within(t), l.js, topology()); err != nil {
		t.Fatal(err)
	}
	impatient, err := OpenLedger(within(t), l.js, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	e := reconciletest.Outcome(reconciletest.Order(events.FlowPay, reconciletest.OrderID), events.OutcomeSettled, "1000")
	line.Lock()
	_, err = impatient.Append(within(t), e, 0)
	line.Unlock()
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, reconcile.ErrConflict) || errors.Is(err, reconcile.ErrExists) {
		t.Fatalf("Append = %v, want no more than a time-out", err)
	}

	ledger := openLedger(t, &bench{nc: l.nc, js: l.js})
	var last *reconcile.Entry
	eventually(t, "the event is stored", func() bool {
		last, err = ledger.Last(within(t), reconciletest.MerchantID, reconciletest.OrderID)
		return err == nil && last != nil
	})
	if last.Event.ID != e.ID {
		t.Errorf("stored %s", last.Event.ID)
	}
	if _, err := ledger.Append(within(t), e, 0); !errors.Is(err, reconcile.ErrConflict) {
		t.Errorf("appended again: %v, want a conflict", err)
	}
	if _, err := ledger.Append(within(t), e, last.Sequence); !errors.Is(err, reconcile.ErrExists) {
		t.Errorf("appended behind itself: %v, want that it exists", err)
	}
}

// TestAppendWithoutServer says nothing about the event, and what was
// acknowledged outlives a killed server.
func TestAppendWithoutServer(t *testing.T) {
	p := testserver.NATSProcess(t)
	l := connect(t, p.Addr)
	if err := Setup(within(t), l.js, topology()); err != nil {
		t.Fatal(err)
	}
	ledger, err := OpenLedger(within(t), l.js, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	order := reconciletest.Order(events.FlowPay, reconciletest.OrderID)
	seq, err := ledger.Append(within(t), reconciletest.Outcome(order, events.OutcomeSettled, "1000"), 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	receive(t, l.lost, "the disconnect")
	_, err = ledger.Append(within(t), reconciletest.Outcome(order, events.OutcomeReversed, "1000"), seq)
	if err == nil || errors.Is(err, reconcile.ErrConflict) || errors.Is(err, reconcile.ErrExists) {
		t.Errorf("Append without a server = %v", err)
	}
	p.Start()
	receive(t, l.back, "the reconnect")
	if err := l.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	last, err := ledger.Last(within(t), order.Merchant, order.OrderID)
	if err != nil || last == nil || last.Sequence != seq || last.Event.Outcome() != events.OutcomeSettled {
		t.Errorf("after the restart: %+v, %v; want the settled event alone", last, err)
	}
}

// TestConsumerOutlivesTheServer: a killed server interrupts the work, and
// nothing is lost.
func TestConsumerOutlivesTheServer(t *testing.T) {
	p := testserver.NATSProcess(t)
	l := connect(t, p.Addr)
	b := &bench{nc: l.nc, js: l.js, ackWait: time.Second}
	if err := Setup(within(t), l.js, topology()); err != nil {
		t.Fatal(err)
	}
	b.store(t, "m1", 3)
	r := b.run(t, "m1", 1, acks, openGate{})
	for range 3 {
		r.seen.next(t)
	}
	p.Kill()
	receive(t, l.lost, "the disconnect")
	p.Start()
	receive(t, l.back, "the reconnect")
	if _, err := NewCallbackLog(l.js).Store(within(t), accepted(t, "m1", "after")); err != nil {
		t.Fatal(err)
	}
	// The server writes acknowledgements down late: those before may come again.
	for r.seen.next(t).Order.OrderID != "after" {
	}
	b.settled(t, "m1")
}

// openGate is always open.
type openGate struct{}

func (openGate) Wait(ctx context.Context) (bool, error) { return false, ctx.Err() }
func (openGate) Shut() <-chan struct{}                  { return nil }

// TestClosedForGood: a protocol violation ends the connection, and whoever runs
// on it hears of it.
func TestClosedForGood(t *testing.T) {
	s := testserver.NATS(t)
	l := connect(t, s.Addr().String())
	if err := l.nc.Publish(strings.Repeat("a", 5000), nil); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, l.closed, "the end of the connection"); !errors.Is(err, ErrClosed) {
		t.Errorf("closed with %v", err)
	}
}

func TestConnectFails(t *testing.T) {
	var url config.NATSURL
	if err := url.UnmarshalText([]byte("nats://user:hunter2@" + testserver.FreeAddr(t))); err != nil {
		t.Fatal(err)
	}
	_, err := Connect(config.NATS{URL: url, ConnectTimeout: time.Second}, "test", zap.NewNop(), func(error) {})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "[redacted]@127.0.0.1") {
		t.Errorf("Connect = %v; want the address without the password", err)
	}
}

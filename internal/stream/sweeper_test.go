package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/pkg/events"
)

// sweepLog is a processor and observer that keeps what it was given.
type sweepLog struct {
	mu      sync.Mutex
	dues    []reconcile.Due
	answers func(reconcile.Due) reconcile.Result
}

func (l *sweepLog) Sweep(_ context.Context, due reconcile.Due) reconcile.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dues = append(l.dues, due)
	if l.answers != nil {
		return l.answers(due)
	}
	return acknowledge
}

func (l *sweepLog) Swept(context.Context, reconcile.Due, reconcile.Result, time.Duration) {}

// orders are the orders looked at, in turn.
func (l *sweepLog) orders() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.dues {
		ids = append(ids, d.Order.OrderID)
	}
	return ids
}

// clockwork is a clock that a test moves on.
type clockwork struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clockwork) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clockwork) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// register registers an order of a merchant of the tests.
func (b *bench) register(t testing.TB, order events.Order) {
	t.Helper()
	body, err := json.Marshal(reconciletest.Submission(order, "1000"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.js.Publish(within(t), events.SubmittedSubject(order), body); err != nil {
		t.Fatal(err)
	}
}

// sweeps runs a tier of the tests' merchant until stop.
func (b *bench) sweeps(t testing.TB, tier sweep.Tier, l *sweepLog, clock func() time.Time) (stop func()) {
	t.Helper()
	s := NewSweepConsumer(SweepConfig{
		Merchant: reconciletest.Merchant(), Tier: tier, Clock: clock, Verify: time.Hour,
		Durable: Sweeper(reconciletest.MerchantID, tier, 30*time.Second),
	}, b.js, l, l, zap.NewNop())
	intake, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(intake, t.Context()) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func collectOrder(id string) events.Order { return reconciletest.Order(events.FlowCollect, id) }

// TestSweeperWaitsForTheTurn: a registration goes back to the server until its
// turn comes, across a restart of the worker, and is looked at once.
func TestSweeperWaitsForTheTurn(t *testing.T) {
	b := newStreams(t)
	for i := range 3 * sweepAckPending { // more than may wait at once
		b.register(t, collectOrder(fmt.Sprintf("A%d", i)))
	}
	b.register(t, events.Order{Flow: events.FlowCollect, Merchant: "other", OrderID: "B1"})
	tier := sweep.Plan([]time.Duration{time.Second}, time.Hour)[0]
	var l sweepLog
	stop := b.sweeps(t, tier, &l, time.Now)
	durable := Sweeper(reconciletest.MerchantID, tier, 0).Config.Durable
	eventually(t, "some wait at the server's", func() bool {
		c, err := b.js.Consumer(within(t), Orders, durable)
		return err == nil && c.CachedInfo().NumAckPending == sweepAckPending
	})
	stop()
	b.sweeps(t, tier, &l, time.Now)
	eventually(t, "all had their turn", func() bool { return len(l.orders()) == 3*sweepAckPending })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.dues {
		if early := time.Until(d.Since); early > 0 {
			t.Errorf("%s had its turn %s early", d.Order.OrderID, early)
		}
	}
}

// TestSweeperLooksBack: the look-back reads outcomes of the ledger that may
// change without a word, with their sequence, and nothing else.
func TestSweeperLooksBack(t *testing.T) {
	b := newStreams(t)
	ledger, err := OpenLedger(within(t), b.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []events.Event{
		reconciletest.Outcome(collectOrder("F1"), events.OutcomeFailed, "1000"),
		reconciletest.Outcome(collectOrder("S1"), events.OutcomeSettled, "1000"),
		reconciletest.Review(collectOrder("R1"), "changed"),
	} {
		if _, err := ledger.Append(within(t), e, 0); err != nil {
			t.Fatal(err)
		}
	}
	tiers := sweep.Plan([]time.Duration{time.Second}, time.Hour)
	var l sweepLog
	clock := &clockwork{}
	clock.advance(2 * time.Hour)
	b.sweeps(t, tiers[1], &l, clock.now)
	eventually(t, "both outcomes had their turn", func() bool { return len(l.orders()) == 2 })
	if diff := cmp.Diff([]string{"F1", "S1"}, slices.Sorted(slices.Values(l.orders()))); diff != "" {
		t.Errorf("looked back at (-want +got):\n%s", diff)
	}
	for _, d := range l.dues {
		if want := map[string]uint64{"F1": 1, "S1": 2}[d.Order.OrderID]; d.Sequence != want || d.Stage != reconcile.StageLookBack {
			t.Errorf("looked back at %+v", d)
		}
	}
}

// TestSweeperTakesUpAgain: a look that came to nothing comes again, one that
// panicked is not left out, and neither holds up the others.
func TestSweeperTakesUpAgain(t *testing.T) {
	b := newStreams(t)
	for _, id := range []string{"again", "panic", "plain"} {
		b.register(t, collectOrder(id))
	}
	clock := &clockwork{}
	clock.advance(2 * time.Hour)
	l := sweepLog{answers: func(d reconcile.Due) reconcile.Result {
		switch {
		case d.Order.OrderID == "panic":
			panic("no such state")
		case d.Order.OrderID == "again" && d.Deliveries == 1:
			return reconcile.Result{Disposition: reconcile.Redeliver, After: time.Millisecond}
		}
		return acknowledge
	}}
	tier := sweep.Plan([]time.Duration{time.Hour}, time.Hour)[0]
	b.sweeps(t, tier, &l, clock.now)
	eventually(t, "all but the panic are done", func() bool {
		c, err := b.js.Consumer(within(t), Orders, "sweep-1-"+reconciletest.MerchantID)
		return err == nil && len(l.orders()) == 4 && c.CachedInfo().NumAckPending == 1 && c.CachedInfo().NumPending == 0
	})
}

// TestSweeperEndsWithPanics: an order that makes the processor panic is left to
// the next tier, and by the last one after a day.
func TestSweeperEndsWithPanics(t *testing.T) {
	tiers := sweep.Plan([]time.Duration{time.Hour, 2 * time.Hour}, time.Hour)
	l := sweepLog{answers: func(reconcile.Due) reconcile.Result { panic("no such state") }}
	for _, tt := range []struct {
		tier sweep.Tier
		age  time.Duration // since its turn came
		want reconcile.Disposition
	}{
		{tiers[0], 0, reconcile.Acknowledge},
		{tiers[1], panicsEnd, reconcile.Redeliver},
		{tiers[1], panicsEnd + 1, reconcile.Acknowledge},
	} {
		s := NewSweepConsumer(SweepConfig{
			Tier: tt.tier, Clock: func() time.Time { return reconciletest.Start.Add(tt.tier.Delay + tt.age) },
		}, nil, &l, &l, zap.NewNop())
		due, res := s.process(t.Context(), sweep.Message{Order: collectOrder("A1"), Stored: reconciletest.Start, Deliveries: 1000})
		if res.Disposition != tt.want || res.Cause != "panic" || res.Err == nil || due.Order.OrderID != "A1" {
			t.Errorf("tier %s, %s after its turn: %+v", tt.tier.Name, tt.age, res)
		}
	}
}

// TestSweeperRefusesWeakenedDurable: a durable that would forget orders is not
// worked with.
func TestSweeperRefusesWeakenedDurable(t *testing.T) {
	b := newStreams(t)
	tier := sweep.Plan([]time.Duration{time.Hour}, time.Hour)[0]
	weak := Sweeper(reconciletest.MerchantID, tier, 30*time.Second)
	weak.Config.MaxDeliver = 3
	if err := SetupSweeper(within(t), b.js, weak); err != nil {
		t.Fatal(err)
	}
	want := Sweeper(reconciletest.MerchantID, tier, 30*time.Second)
	_, err := openDurable(within(t), b.js, want.Stream, want.Config)
	if err == nil || !strings.Contains(err.Error(), "stream ORDERS, consumer sweep-1-m1001: max_deliver is 3, must be -1") {
		t.Errorf("got %v", err)
	}
}

// TestPurgeWaitsForCopies: where a copy is behind, nobody knows what waits.
func TestPurgeWaitsForCopies(t *testing.T) {
	peers := func(p ...*jetstream.PeerInfo) *jetstream.ClusterInfo { return &jetstream.ClusterInfo{Replicas: p} }
	for want, clusters := range map[bool][]*jetstream.ClusterInfo{
		true:  {nil, peers(), peers(&jetstream.PeerInfo{Current: true}, &jetstream.PeerInfo{Current: true, Lag: 3})},
		false: {peers(&jetstream.PeerInfo{Current: true}, &jetstream.PeerInfo{}), peers(&jetstream.PeerInfo{Current: true, Offline: true})},
	} {
		for _, c := range clusters {
			if got := level(c); got != want {
				t.Errorf("%+v: level is %t", c, got)
			}
		}
	}
}

// TestPurgeSparesUnreadMerchants: callbacks of a merchant that no durable reads
// yet stay, however idle the others are.
func TestPurgeSparesUnreadMerchants(t *testing.T) {
	b := newStreams(t)
	ctx := within(t)
	if err := SetupReconciler(ctx, b.js, Reconciler("m1", 10, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	b.store(t, "new", 3)
	p := NewPurger(b.js, 0.000001)
	for range 2 {
		if removed, err := p.Round(ctx); err != nil || removed != 0 {
			t.Fatalf("purged %d (%v)", removed, err)
		}
	}
}

// TestPurge: above high water, what all merchants are done with goes, and
// nothing else.
func TestPurge(t *testing.T) {
	b := newStreams(t)
	ctx := within(t)
	for _, m := range []string{"m1", "m2", "idle"} {
		if err := SetupReconciler(ctx, b.js, Reconciler(m, 10, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	b.store(t, "m1", 4) // 1 to 4
	b.store(t, "m2", 4) // 5 to 8
	ack := func(merchant string, n int) {
		t.Helper()
		cons, err := b.js.Consumer(ctx, Callbacks, ReconcilerName(merchant))
		if err != nil {
			t.Fatal(err)
		}
		batch, err := cons.Fetch(n)
		if err != nil {
			t.Fatal(err)
		}
		for m := range batch.Messages() {
			if err := m.DoubleAck(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	ack("m1", 4)
	ack("m2", 2) // 5 and 6; 7 and 8 wait

	calm := NewPurger(b.js, 1)
	full := NewPurger(b.js, 0.000001)
	for name, want := range map[*Purger][]uint64{calm: {0, 0}, full: {0, 6}} {
		var got []uint64
		for range 2 {
			done, err := name.Round(ctx)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, done)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("purged in each round (-want +got):\n%s", diff)
		}
	}
	ack("m2", 2)
	if _, err := NewCallbackLog(b.js).Store(ctx, accepted(t, "idle", "B1")); err != nil { // 9, after the round before
		t.Fatal(err)
	}
	ack("idle", 1) // done, but a durable that lags behind would look the same before it was
	if done, err := full.Round(ctx); err != nil || done != 2 {
		t.Errorf("purged %d (%v), want 2", done, err)
	}
	var left []string
	for _, m := range b.messages(t, Callbacks) {
		left = append(left, m.Subject)
	}
	if len(left) != 1 {
		t.Errorf("left %v, want the one that waits", left)
	}
}

package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// TestDelivery: what the receiver stored comes out as it went in.
func TestDelivery(t *testing.T) {
	b := newStreams(t)
	b.store(t, "m1", 1)
	r := b.run(t, "m1", 4, acks, opened())
	got := r.seen.next(t).Delivery
	a := accepted(t, "m1", "A0")
	want := reconcile.Delivery{
		Merchant: reconcile.Merchant{ID: "m1"}, Order: events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A0"},
		Callback: a.Callback, ReceivedAt: reconciletest.Start, StreamSequence: 1, Deliveries: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delivery (-stored +delivered):\n%s", diff)
	}
	b.settled(t, "m1")
}

// TestRedeliver: a callback comes back after its delay, and not before.
func TestRedeliver(t *testing.T) {
	const delay = 150 * time.Millisecond
	b := newStreams(t)
	b.store(t, "m1", 1)
	var put time.Time
	r := b.run(t, "m1", 1, func(_ context.Context, d reconcile.Delivery) reconcile.Result {
		if d.Deliveries == 1 {
			put = time.Now()
			return reconcile.Result{Disposition: reconcile.Redeliver, After: delay}
		}
		if waited := time.Since(put); waited < delay {
			t.Errorf("back after %s, want %s", waited, delay)
		}
		return acknowledge
	}, opened())
	for want := range uint64(2) {
		if got := r.seen.next(t).Deliveries; got != want+1 {
			t.Errorf("delivery %d, want %d", got, want+1)
		}
	}
	b.settled(t, "m1")
}

// TestPark: what is given up on is kept with its history, and does not come
// back.
func TestPark(t *testing.T) {
	b := newStreams(t)
	b.store(t, "m1", 2)
	failure := park
	failure.Err = errors.New("gateway\r\nNats-Msg-Id: forged")
	r := b.run(t, "m1", 1, func(_ context.Context, d reconcile.Delivery) reconcile.Result {
		if d.Deliveries == 1 {
			return reconcile.Result{Disposition: reconcile.Redeliver, After: time.Millisecond}
		}
		return failure
	}, opened())
	for range 4 {
		r.seen.next(t)
	}
	b.settled(t, "m1")

	parked := b.messages(t, Parked)
	if len(parked) != 2 {
		t.Fatalf("%d parked, want 2", len(parked))
	}
	slices.SortFunc(parked, func(a, b *jetstream.RawStreamMsg) int {
		return strings.Compare(a.Header.Get(HeaderSequence), b.Header.Get(HeaderSequence))
	})
	for i, m := range parked {
		a := accepted(t, "m1", fmt.Sprintf("A%d", i))
		sequence := fmt.Sprint(i + 1)
		want := nats.Header{
			"Content-Type": {"application/json"}, "Settlehook-Received-At": {"2026-05-04T12:00:00Z"},
			"Settlehook-Key-Id": {"k1"}, "Settlehook-Source": {"192.0.2.1"},
			"Settlehook-Reason": {"expired"}, "Settlehook-Error": {"gateway  Nats-Msg-Id: forged"},
			"Settlehook-Subject":  {events.CallbackSubject("collect", "m1", a.Callback.OrderID)},
			"Settlehook-Sequence": {sequence}, "Settlehook-Deliveries": {"2"},
			"Nats-Msg-Id": {sequence}, "Nats-Expected-Stream": {Parked},
		}
		if diff := cmp.Diff(want, m.Header); diff != "" {
			t.Errorf("headers of a parked callback (-want +got):\n%s", diff)
		}
		if m.Subject != "parked.v1.collect.m1" || string(m.Data) != string(a.Body) {
			t.Errorf("parked on %s: %s", m.Subject, m.Data)
		}
	}
}

// TestPoison: what the receiver can't have stored is parked as it is, and
// nobody works on it.
func TestPoison(t *testing.T) {
	good := accepted(t, "m1", "A0")
	for _, test := range []struct {
		name, subject string
		header        nats.Header
		body          []byte
		want          string // subject in PARKED
	}{
		{"no callback", "callbacks.v1.collect.m1.00", nil, []byte("\x00junk"), "parked.v1.collect.m1"},
		{"another content type", good.message().Subject, nats.Header{HeaderContentType: {"text/html"}}, good.Body, "parked.v1.collect.m1"},
		{"not a flow", "callbacks.v1.bogus.m1.00", good.message().Header, good.Body, "parked.v1._unknown.m1"},
		{"with expectations of its own", "callbacks.v1.pay.m1.00", nats.Header{"Nats-Expected-Stream": {Callbacks}, "Nats-Expected-Last-Sequence": {"0"}}, []byte("{}"), "parked.v1.pay.m1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newStreams(t)
			if _, err := b.js.Publish(within(t), "parked.v1.collect.m0", nil); err != nil { // PARKED is not empty
				t.Fatal(err)
			}
			if _, err := b.js.PublishMsg(within(t), &nats.Msg{Subject: test.subject, Header: test.header, Data: test.body}); err != nil {
				t.Fatal(err)
			}
			r := b.run(t, "m1", 1, func(context.Context, reconcile.Delivery) reconcile.Result {
				t.Error("poison was worked on")
				return acknowledge
			}, opened())
			if got := r.seen.next(t).Result; got.Disposition != reconcile.Park || got.Cause != "unreadable" || !errors.Is(got.Err, errNotOurs) {
				t.Errorf("poison: %+v", got)
			}
			b.settled(t, "m1")
			parked := b.messages(t, Parked)[1:]
			if len(parked) != 1 || parked[0].Subject != test.want || string(parked[0].Data) != string(test.body) {
				t.Errorf("parked %+v, want it on %s", parked, test.want)
			}
		})
	}
}

// TestReceivedAtFallsBack to when the message was stored: never earlier than it
// was received.
func TestReceivedAtFallsBack(t *testing.T) {
	b := newStreams(t)
	m := accepted(t, "m1", "A0").message()
	m.Header.Set(headerReceivedAt, "yesterday")
	if _, err := b.js.PublishMsg(within(t), m); err != nil {
		t.Fatal(err)
	}
	r := b.run(t, "m1", 1, acks, opened())
	if got, want := r.seen.next(t).ReceivedAt, b.messages(t, Callbacks)[0].Time; !got.Equal(want) {
		t.Errorf("received at %s, stored at %s", got, want)
	}
}

// TestParkingFails: a callback that can't be kept elsewhere is not given up on.
func TestParkingFails(t *testing.T) {
	b := newStreams(t)
	b.store(t, "m1", 1)
	if err := b.js.DeleteStream(within(t), Parked); err != nil {
		t.Fatal(err)
	}
	r := b.run(t, "m1", 1, func(context.Context, reconcile.Delivery) reconcile.Result { return park }, opened())
	r.seen.next(t)
	if w := receive(t, r.warned, "a warning"); !strings.Contains(w, "may come again") {
		t.Errorf("warned %q", w)
	}
	if i := b.info(t, "m1"); i.NumAckPending != 1 || i.AckFloor.Consumer != 0 {
		t.Errorf("a callback that was not parked is gone: %+v", i)
	}
}

// TestParkedOnce: parking again, after an acknowledgement that was lost, keeps
// one copy.
func TestParkedOnce(t *testing.T) {
	b := newStreams(t)
	b.store(t, "m1", 1)
	cons, err := openDurable(within(t), b.js, Callbacks, Reconciler("m1", 10, 30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	m, err := cons.Next(jetstream.FetchContext(within(t)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.js.PublishMsg(within(t), parkedMessage(m, "m1", park)); err != nil {
		t.Fatal(err)
	}
	if err := (acknowledger{js: b.js, timeout: patience}).settle(within(t), m, "m1", park); err != nil {
		t.Fatal(err)
	}
	if n := len(b.messages(t, Parked)); n != 1 {
		t.Errorf("%d copies in PARKED, want 1", n)
	}
	b.settled(t, "m1")
}

// TestWeakenedDurable is refused, loudly, and nothing is pulled through it;
// once it is mended work goes on.
func TestWeakenedDurable(t *testing.T) {
	b := newStreams(t)
	b.store(t, "m1", 1)
	weak := Reconciler("m1", 10, 30*time.Second)
	weak.MaxDeliver = 1
	if err := SetupReconciler(within(t), b.js, weak); err != nil {
		t.Fatal(err)
	}
	g := newGate()
	g.open(false)
	r := b.run(t, "m1", 1, acks, g)
	receive(t, g.asked, "the first look at the gate")
	receive(t, r.warned, "a warning")
	if text := fmt.Sprint(r.logs.All()[0].ContextMap()["error"]); !strings.Contains(text, "max_deliver is 1, must be -1") {
		t.Errorf("warned %q", text)
	}
	receive(t, g.asked, "the second look at the gate") // tried again, and nothing was pulled
	if i := b.info(t, "m1"); i.Delivered.Consumer != 0 {
		t.Errorf("pulled through a weakened durable: %+v", i)
	}
	if err := SetupReconciler(within(t), b.js, Reconciler("m1", 10, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	g.open(false)
	r.seen.next(t)
	b.settled(t, "m1")
}

// A pull request that is under way when a drain begins may be answered to
// nobody: those callbacks come again after the ack wait. That is why the tests
// of drains hold what was worked on against what was acknowledged, and have a
// short ack wait.

// TestGateShut: when the gateway is not worth asking any more, what was pulled
// is finished, the rest stays in the stream, and one callback tries the gateway
// before all go on.
func TestGateShut(t *testing.T) {
	const all, inFlight = 30, 2
	b := newStreams(t)
	b.ackWait = time.Second
	b.store(t, "m1", all)
	g := opened()
	var first atomic.Bool
	r := b.run(t, "m1", inFlight, func(context.Context, reconcile.Delivery) reconcile.Result {
		if first.CompareAndSwap(false, true) {
			g.close()
		}
		return acknowledge
	}, g)
	receive(t, g.asked, "the first look at the gate")
	receive(t, g.asked, "the look at the gate after the drain")
	drained := len(r.seen)
	if drained == 0 || drained == all {
		t.Fatalf("%d of %d were worked on before the gate was shut", drained, all)
	}

	g.open(true)
	receive(t, g.asked, "the look at the gate after the probe")
	if probed := len(r.seen) - drained; probed != 1 {
		t.Errorf("the gateway was tried with %d callbacks, want 1", probed)
	}
	g.open(false)
	done := map[uint64]bool{}
	for len(done) < all {
		d := r.seen.next(t)
		if done[d.StreamSequence] {
			t.Errorf("callback %d was acknowledged, and came again", d.StreamSequence)
		}
		done[d.StreamSequence] = true
	}
	b.settled(t, "m1")
}

// TestIntakeEnds: a stop finishes and acknowledges what is in hand, and pulls
// no more.
func TestIntakeEnds(t *testing.T) {
	const all, inFlight = 30, 3
	b := newStreams(t)
	b.store(t, "m1", all)
	entered, release := make(chan struct{}, all), make(chan struct{})
	r := b.run(t, "m1", inFlight, func(ctx context.Context, _ reconcile.Delivery) reconcile.Result {
		entered <- struct{}{}
		<-release
		if ctx.Err() != nil {
			t.Error("the work was cut off by the end of intake")
		}
		return acknowledge
	}, opened())
	for range inFlight {
		receive(t, entered, "work")
	}
	r.stopIntake()
	close(release)
	r.await(t)
	if err := b.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	worked := len(r.seen)
	if worked < inFlight || worked == all {
		t.Errorf("%d of %d were worked on after the stop, %d were in hand", worked, all, inFlight)
	}
	eventually(t, "what was worked on is acknowledged", func() bool {
		i := b.info(t, "m1")
		return int(i.Delivered.Consumer)-i.NumAckPending == worked
	})
	if i := b.info(t, "m1"); i.NumWaiting != 0 || int(i.NumPending) < all-worked-inFlight {
		t.Errorf("still pulling after the stop: %d requests wait, %d are left", i.NumWaiting, i.NumPending)
	}
}

// TestWorkIsCutOff: the callbacks in hand see the end of the time to drain.
func TestWorkIsCutOff(t *testing.T) {
	b := newStreams(t)
	b.store(t, "m1", 1)
	entered := make(chan struct{})
	r := b.run(t, "m1", 1, func(ctx context.Context, _ reconcile.Delivery) reconcile.Result {
		close(entered)
		<-ctx.Done()
		return reconcile.Result{Disposition: reconcile.Redeliver, After: time.Minute}
	}, opened())
	receive(t, entered, "work")
	r.stop(t)
	if i := b.info(t, "m1"); i.AckFloor.Consumer != 0 {
		t.Errorf("a callback that was cut off is gone: %+v", i)
	}
}

// TestStopWhileWaiting: a consumer without callbacks ends at once, probing or
// pulling.
func TestStopWhileWaiting(t *testing.T) {
	for _, probe := range []bool{true, false} {
		b := newStreams(t)
		g := newGate()
		g.open(probe)
		r := b.run(t, "m1", 1, acks, g)
		eventually(t, "the consumer waits at the server", func() bool {
			c, err := b.js.Consumer(within(t), Callbacks, ReconcilerName("m1"))
			return err == nil && c.CachedInfo().NumWaiting == 1
		})
		r.stopIntake()
		r.await(t)
	}
}

// TestMerchantsAreApart: one merchant's gateway that is down stops nothing of
// another's, even with all of its own callbacks put back.
func TestMerchantsAreApart(t *testing.T) {
	const all = 200 // more than the MaxAckPending of one durable, which is 150
	b := newStreams(t)
	b.store(t, "down", all)
	b.store(t, "slow", all)
	b.store(t, "fine", all)
	shut := newGate()
	stuck := b.run(t, "down", 4, acks, shut)
	b.run(t, "slow", 4, func(context.Context, reconcile.Delivery) reconcile.Result {
		return reconcile.Result{Disposition: reconcile.Redeliver, After: time.Hour}
	}, opened())
	eventually(t, "one merchant's share is full", func() bool {
		c, err := b.js.Consumer(within(t), Callbacks, ReconcilerName("slow"))
		return err == nil && c.CachedInfo().NumAckPending == 150
	})
	fine := b.run(t, "fine", 4, acks, opened())
	for range all {
		fine.seen.next(t)
	}
	b.settled(t, "fine")
	if len(stuck.seen) != 0 {
		t.Error("callbacks were pulled through a gate that was never open")
	}
}

// TestPanicIsParked: a callback that makes the processor panic is kept for a
// person, and the next one is worked on.
func TestPanicIsParked(t *testing.T) {
	b := newStreams(t)
	for _, order := range []string{"A0", "A1"} {
		if _, err := NewCallbackLog(b.js).Store(within(t), accepted(t, "m1", order)); err != nil {
			t.Fatal(err)
		}
	}
	r := b.run(t, "m1", 1, func(_ context.Context, d reconcile.Delivery) reconcile.Result {
		if d.Order.OrderID == "A0" {
			panic("poison for the test")
		}
		return acknowledge
	}, opened())
	if got := r.seen.next(t).Result; got.Disposition != reconcile.Park || got.Cause != "panic" || got.Err == nil {
		t.Errorf("panic: %+v", got)
	}
	if got := r.seen.next(t).Result; got.Disposition != reconcile.Acknowledge {
		t.Errorf("the callback after it: %+v", got)
	}
	b.settled(t, "m1")
	if parked := b.messages(t, Parked); len(parked) != 1 {
		t.Errorf("%d parked, want the one", len(parked))
	}
}

package reconcile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// TestStepOrder: nothing is marked before it is stored, nothing acknowledged
// before it is marked, and the common case reads no last event.
func TestStepOrder(t *testing.T) {
	const (
		claim   = reconciletest.StepClaim
		query   = reconciletest.StepQuery
		last    = reconciletest.StepLast
		appends = reconciletest.StepAppend
		done    = reconciletest.StepDone
		release = reconciletest.StepRelease
	)
	success := push(collectOrder, succ, "1000")
	for _, test := range []struct {
		name   string
		before func(*testing.T, *reconciletest.World)
		d      reconcile.Delivery
		says   reconciletest.Reply
		want   []reconciletest.Step
	}{
		{name: "first outcome", d: success, says: paidReply, want: []reconciletest.Step{claim, query, appends, done}},
		{name: "review", d: push(collectOrder, succ, "999"), says: paidReply, want: []reconciletest.Step{claim, query, last, appends, release}},
		{name: "look again", d: success, says: openReply, want: []reconciletest.Step{claim, query, last, release}},
		{name: "gateway down", d: success, says: down, want: []reconciletest.Step{claim, query, release}},
		{
			name: "done before", d: success, says: paidReply, want: []reconciletest.Step{claim, last},
			before: func(t *testing.T, w *reconciletest.World) { finish(t, worker(w, "before"), success) },
		},
		{
			name: "held by another", d: success, says: paidReply, want: []reconciletest.Step{claim},
			before: func(t *testing.T, w *reconciletest.World) {
				if _, err := w.Claims.Claim(t.Context(), success.ClaimKey(), "another", time.Hour); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "told before, Redis forgot", d: success, says: paidReply,
			want: []reconciletest.Step{claim, query, appends, last, done},
			before: func(t *testing.T, w *reconciletest.World) {
				finish(t, worker(w, "before"), success)
				w.Claims.Flush()
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			w.Gateway.Says(reconciletest.OrderID, test.says)
			if test.before != nil {
				test.before(t, w)
			}
			var seen steps
			deliver(t, w.Worker("w", 1, reconciletest.Config(), reconciletest.Hook(reconciletest.NoFault).Record(seen.add)), test.d)
			if diff := cmp.Diff(test.want, seen.inOrder()); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

func worker(w *reconciletest.World, name string) *reconciletest.Worker {
	return w.Worker(name, 1, reconciletest.Config(), reconciletest.NoFault)
}

// TestRepeatedPush: a done callback is not asked about again, whoever gets it,
// and the ledger keeps its one event when Redis forgets.
func TestRepeatedPush(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	d := push(payOrder, succ, "1000")
	for range 8 {
		w.Clock.Advance(time.Minute)
		finish(t, worker(w, "each a new process"), d)
	}
	if asked := w.Gateway.Asked(reconciletest.OrderID); asked != 1 {
		t.Errorf("asked %d times about 8 equal pushes, want once", asked)
	}
	holds(t, w, "settled confirmed 1000.00")

	w.Claims.Flush()
	res := finish(t, worker(w, "after the flush"), d)[0]
	if res.Queries != 1 || res.Emitted || res.Sequence != 1 || res.Decision != ignores(reconcile.ReasonDuplicate, true) {
		t.Errorf("after Redis forgot: %+v; want one query and the event found", res)
	}
	finish(t, worker(w, "marked again"), d)
	if asked := w.Gateway.Asked(reconciletest.OrderID); asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
	holds(t, w, "settled confirmed 1000.00")
}

// TestDoneMarkBeyondLedger: a mark from before a backup was restored swallows
// nothing.
func TestDoneMarkBeyondLedger(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	d := push(collectOrder, succ, "1000")
	finish(t, worker(w, "before"), d)
	w.Ledger.Restore(0)

	var seen steps
	res := deliver(t, w.Worker("w", 1, reconciletest.Config(), reconciletest.Hook(reconciletest.NoFault).Record(seen.add)), d)
	if res.Disposition != reconcile.Acknowledge || !res.Emitted || seen.count(reconciletest.StepForget) != 1 {
		t.Errorf("%+v with steps %v; want the mark forgotten and the event emitted", res, seen.seen)
	}
	holds(t, w, "settled confirmed 1000.00")
}

// TestDoneMarkOfFormerState: a duplicate counts as done only if it is the
// order's last event (gateway page, "any state entered again").
func TestDoneMarkOfFormerState(t *testing.T) {
	w := reconciletest.NewWorld()
	success := push(collectOrder, succ, "1000")
	reversal := reconciletest.Reversal(collectOrder, "1000", reconciletest.Start)
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	finish(t, worker(w, "w"), success)
	w.Gateway.Says(reconciletest.OrderID, failedReply)
	finish(t, worker(w, "w"), reversal)
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	w.Clock.Advance(time.Hour)
	success.ReceivedAt = w.Clock.Now()

	res := finish(t, worker(w, "w"), success)[0]
	if res.Decision != reviews(reconcile.ReasonReentered) {
		t.Errorf("the settled push again after a reversal: %+v, want a review", res.Decision)
	}
	holds(t, w, "settled confirmed 1000.00",
		"reversed reverse 1000.00 supersedes "+idOf(events.OutcomeSettled),
		"review reentered 1000.00")
}

// TestLedgerUnreadableBehindMark: a mark that can't be checked is not believed.
func TestLedgerUnreadableBehindMark(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	d := push(collectOrder, succ, "1000")
	finish(t, worker(w, "before"), d)
	res := deliver(t, w.Worker("w", 1, reconciletest.Config(), reconciletest.Nth(reconciletest.StepLast, 1, reconciletest.Unapplied)), d)
	if res.Disposition != reconcile.Redeliver || res.Cause != "ledger" || res.Err == nil {
		t.Errorf("%+v, want it delivered again", res)
	}
}

// TestWithoutRedis: everything still settles, once, and looking again still
// comes to an end.
func TestWithoutRedis(t *testing.T) {
	gone := reconciletest.Always(reconciletest.Unapplied,
		reconciletest.StepClaim, reconciletest.StepDone, reconciletest.StepRelease, reconciletest.StepForget)
	t.Run("settles once", func(t *testing.T) {
		w := reconciletest.NewWorld()
		w.Gateway.Says(reconciletest.OrderID, paidReply)
		for i := range 3 {
			one := w.Worker("w", uint64(i), reconciletest.Config(), gone)
			if res := finish(t, one, push(collectOrder, succ, "1000"))[0]; res.Claim != reconcile.ClaimUnguarded || res.Emitted != (i == 0) {
				t.Errorf("push %d: %+v", i, res)
			}
		}
		holds(t, w, "settled confirmed 1000.00")
		if w.StoreFailures() == 0 {
			t.Error("nobody heard that the store fails")
		}
	})
	t.Run("the budget ends", func(t *testing.T) {
		w := reconciletest.NewWorld()
		w.Gateway.Says(reconciletest.OrderID, openReply)
		results := finish(t, w.Worker("w", 1, reconciletest.Config(), gone), push(collectOrder, succ, "1000"))
		if len(results) != 3 {
			t.Errorf("%d looks, want the budget of 3", len(results))
		}
		holds(t, w, "review lagging 0.00")
	})
}

// TestTrail: looks that made no event are kept, others speak by their event.
func TestTrail(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, down, openReply, paidReply)
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	w.Claims.Flush()
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	type look struct {
		Verdict, Reason string
		Answered, Err   bool
	}
	var got []look
	for _, l := range w.Trail.Looks() {
		got = append(got, look{l.Decision.Verdict.String(), string(l.Decision.Reason), l.Query() != nil, l.Err != nil})
	}
	want := []look{{"none", "", false, true}, {"retry", "lagging", true, false}, {"ignore", "duplicate", true, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("trail (-want +got):\n%s", diff)
	}
}

// TestStopWhileWorking: a worker that is told to stop gives its claim back, so
// that the callback need not wait for the lease.
func TestStopWhileWorking(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	d := push(collectOrder, succ, "1000")
	ctx, stop := contextEndingAt(t, reconciletest.StepQuery)
	res, _ := w.Worker("stopped", 1, reconciletest.Config(), stop).Deliver(ctx, d)
	if res.Disposition != reconcile.Redeliver || res.Cause != "cut_off" {
		t.Fatalf("stopped while asking: %+v", res)
	}
	if res := deliver(t, worker(w, "next"), d); res.Claim != reconcile.ClaimOwned || !res.Emitted {
		t.Errorf("the next worker: %+v, want the claim and the event", res)
	}
}

// TestHeld: a delivery that finds the work in other hands comes back soon, and
// spends nothing.
func TestHeld(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	d := push(collectOrder, succ, "1000")
	if _, err := w.Claims.Claim(t.Context(), d.ClaimKey(), "another", reconciletest.Lease); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		res := deliver(t, worker(w, "w"), d)
		if res.Disposition != reconcile.Redeliver || res.Cause != "held" || res.After < time.Second/2 || res.After > time.Second {
			t.Fatalf("held: %+v", res)
		}
	}
	w.Clock.Advance(reconciletest.Lease)
	if res := deliver(t, worker(w, "w"), d); res.Attempts != 0 || !res.Emitted {
		t.Errorf("after the lease: %+v", res)
	}
	if asked := w.Gateway.Asked(reconciletest.OrderID); asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
}

// TestSuffixedOrder: an unregistered X_1 is a duplicate payment where X is
// known, submitted or told, and an order like others where it is not.
func TestSuffixedOrder(t *testing.T) {
	suffixed := reconciletest.Order(events.FlowCollect, reconciletest.OrderID+"_1")
	for _, test := range []struct {
		name  string
		known func(*testing.T, *reconciletest.World)
		want  []string
	}{
		{"X is unknown", func(*testing.T, *reconciletest.World) {}, []string{"settled confirmed 1000.00"}},
		{"X is submitted", func(t *testing.T, w *reconciletest.World) { submit(t, w, collectOrder, "1000") }, []string{"review duplicate_payment 1000.00"}},
		{"X is settled", func(t *testing.T, w *reconciletest.World) {
			w.Gateway.Says(reconciletest.OrderID, paidReply)
			finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
		}, []string{"settled confirmed 1000.00", "review duplicate_payment 1000.00"}},
		{"X_1 is submitted too", func(t *testing.T, w *reconciletest.World) {
			submit(t, w, collectOrder, "1000")
			submit(t, w, suffixed, "1000")
		}, []string{"settled confirmed 1000.00"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			test.known(t, w)
			w.Gateway.Says(suffixed.OrderID, paidReply)
			finish(t, worker(w, "w"), push(suffixed, succ, "1000"))
			holds(t, w, test.want...)
		})
	}
}

// TestReadsBesideTheQueryFail: what is not known for sure decides nothing.
func TestReadsBesideTheQueryFail(t *testing.T) {
	suffixed := reconciletest.Order(events.FlowCollect, reconciletest.OrderID+"_1")
	for _, test := range []struct {
		step reconciletest.Step
		nth  int
		d    reconcile.Delivery
	}{
		{reconciletest.StepOpenReviews, 1, push(collectOrder, succ, "1000")},
		{reconciletest.StepSubmitted, 1, push(collectOrder, succ, "1000")},
		{reconciletest.StepLast, 1, push(collectOrder, succ, "999")}, // a review needs the last event
		{reconciletest.StepSubmitted, 2, push(suffixed, succ, "1000")},
		{reconciletest.StepLast, 1, push(suffixed, succ, "1000")},
	} {
		w := reconciletest.NewWorld()
		w.Gateway.Says(test.d.Order.OrderID, paidReply)
		res := deliver(t, w.Worker("w", 1, reconciletest.Config(), reconciletest.Nth(test.step, test.nth, reconciletest.Unapplied)), test.d)
		if res.Disposition != reconcile.Redeliver || res.Cause != "ledger" || res.Err == nil || len(w.Ledger.Entries()) != 0 {
			t.Errorf("%s %d fails: %+v; want it delivered again, and nothing told", test.step, test.nth, res)
		}
		if next := deliver(t, worker(w, "w"), test.d); next.Attempts != 0 || next.Disposition != reconcile.Acknowledge {
			t.Errorf("%s %d failed: the next delivery %+v; want no attempt spent", test.step, test.nth, next)
		}
	}
}

func submit(t *testing.T, w *reconciletest.World, o events.Order, amount string) {
	t.Helper()
	if _, err := w.Orders.Submit(t.Context(), reconciletest.Submission(o, amount)); err != nil {
		t.Fatal(err)
	}
}

// TestStaleCallback: status 0 is acknowledged, kept in the trail, and not
// marked done.
func TestStaleCallback(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, openReply)
	d := push(collectOrder, callback.Submitted, "1000")
	for i := range 2 {
		if res := finish(t, worker(w, "w"), d)[0]; res.Decision.Reason != reconcile.ReasonStale || res.Queries != 1 {
			t.Errorf("push %d: %+v", i, res)
		}
	}
	holds(t, w)
	if looks := len(w.Trail.Looks()); looks != 2 {
		t.Errorf("%d looks in the trail, want 2", looks)
	}
}

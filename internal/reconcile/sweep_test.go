package reconcile_test

import (
	"context"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// sweepOnce takes one turn, and expects that the process survives.
func sweepOnce(t *testing.T, w *reconciletest.World, due reconcile.Due) reconcile.Result {
	t.Helper()
	due.Deliveries = max(due.Deliveries, 1)
	res, crash := worker(w, "sweep").Sweep(t.Context(), due)
	if crash != nil {
		t.Fatalf("the worker crashed: %s", crash)
	}
	return res
}

func expectTurn(t *testing.T, res reconcile.Result, d reconcile.Disposition, cause string) {
	t.Helper()
	if res.Disposition != d || res.Cause != cause {
		t.Fatalf("got %s %q (%v), want %s %q", res.Disposition, res.Cause, res.Err, d, cause)
	}
}

// TestSweepAsksOnlyWhereNoOutcomeStands: what is told, withdrawn or superseded
// costs no query.
func TestSweepAsksOnlyWhereNoOutcomeStands(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(*testing.T, *reconciletest.World)
		due    reconcile.Due
		cause  string
	}{
		{"told", func(t *testing.T, w *reconciletest.World) { settledBeforeIt(t, w); submit(t, w, collectOrder, "1000") }, turn(collectOrder, reconcile.StageTier), "told"},
		{"withdrawn", func(t *testing.T, w *reconciletest.World) {
			submit(t, w, collectOrder, "1000")
			if err := w.Orders.Withdraw(t.Context(), reconciletest.Withdrawal(collectOrder, "1000")); err != nil {
				t.Fatal(err)
			}
		}, turn(collectOrder, reconcile.StageLastTier), "withdrawn"},
		{"superseded", func(t *testing.T, w *reconciletest.World) {
			settledBeforeIt(t, w)
			w.Gateway.Says(reconciletest.OrderID, failedReply)
			finish(t, worker(w, "reversal"), reconciletest.Reversal(collectOrder, "1000", reconciletest.Start))
		}, lookBack(collectOrder), "superseded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			tt.before(t, w)
			asked, told := w.Gateway.Asked(reconciletest.OrderID), len(w.Ledger.Entries())
			expectTurn(t, sweepOnce(t, w, tt.due), reconcile.Acknowledge, tt.cause)
			if n := w.Gateway.Asked(reconciletest.OrderID) - asked; n != 0 {
				t.Errorf("the gateway was asked %d times", n)
			}
			if n := len(w.Ledger.Entries()) - told; n != 0 {
				t.Errorf("%d events were told", n)
			}
		})
	}
}

// TestSweepSaysSo: what the sweep tells names no callback, and two statements.
func TestSweepSaysSo(t *testing.T) {
	w := reconciletest.NewWorld()
	submit(t, w, collectOrder, "1000")
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	sweepOnce(t, w, turn(collectOrder, reconcile.StageTier))
	p := w.Ledger.Entries()[0].Event.Data.Common()
	if p.Via != events.ViaSweep || p.Match != events.TwoWay || p.Evidence.Callback != nil || p.Evidence.StreamSequence != 0 ||
		p.Evidence.Query == nil || !p.SubmittedAmount.Equal(events.MustParseAmount("1000")) {
		t.Errorf("the event says %+v", p)
	}
}

// TestUnreachableGatewayPassesOn: a tier leaves an order to the next one, the
// last one goes on asking, and then asks a person.
func TestUnreachableGatewayPassesOn(t *testing.T) {
	for _, cause := range []string{"transport", "breaker_open", "anomaly"} {
		t.Run(cause, func(t *testing.T) {
			w := reconciletest.NewWorld()
			submit(t, w, collectOrder, "1000")
			w.Gateway.Says(reconciletest.OrderID, reconciletest.Down(cause))
			expectTurn(t, sweepOnce(t, w, turn(collectOrder, reconcile.StageTier)), reconcile.Acknowledge, "passed_on")

			last := turn(collectOrder, reconcile.StageLastTier)
			last.Deliveries = 100
			w.Clock.Advance(reconciletest.Config().ParkAfter)
			for range reconciletest.Config().Attempts {
				expectTurn(t, sweepOnce(t, w, last), reconcile.Redeliver, "unavailable")
			}
			w.Clock.Advance(time.Second)
			expectTurn(t, sweepOnce(t, w, last), reconcile.Acknowledge, "")
			holds(t, w, "review unanswered ")

			// It answers after all, and the order has a callback.
			w.Gateway.Says(reconciletest.OrderID, paidReply)
			finish(t, worker(w, "callback"), push(collectOrder, succ, "1000"))
			if got := len(w.Ledger.Entries()); got != 3 {
				t.Errorf("%d events, want the review, settled and resolved", got)
			}
		})
	}
}

// TestCutOffSaysNothing: a worker that ends while it asks leaves order and
// callback to the next one, however old they are.
func TestCutOffSaysNothing(t *testing.T) {
	ended := reconciletest.Reply{Err: &reconcile.Unavailable{Cause: "transport", Err: context.Canceled}}
	for _, stage := range []reconcile.Stage{reconcile.StageTier, reconcile.StageLastTier} {
		w := reconciletest.NewWorld()
		submit(t, w, collectOrder, "1000")
		w.Gateway.Says(reconciletest.OrderID, ended)
		w.Clock.Advance(10 * reconciletest.Config().ParkAfter)
		due := turn(collectOrder, stage)
		due.Deliveries = 100
		expectTurn(t, sweepOnce(t, w, due), reconcile.Redeliver, "cut_off")
		d := push(collectOrder, succ, "1000")
		d.Deliveries = 100
		if res := deliver(t, worker(w, "callback"), d); res.Disposition != reconcile.Redeliver || res.Cause != "cut_off" {
			t.Errorf("callback: %s %q", res.Disposition, res.Cause)
		}
		holds(t, w)
	}
}

// TestUnfitOrderIsLeftOut: enough of them would take every place of a tier.
func TestUnfitOrderIsLeftOut(t *testing.T) {
	w := reconciletest.NewWorld()
	submit(t, w, collectOrder, "1000")
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	due := turn(collectOrder, reconcile.StageLastTier)
	due.Merchant.Currency = "no currency"
	res := sweepOnce(t, w, due)
	if expectTurn(t, res, reconcile.Acknowledge, "unfit"); res.Err == nil {
		t.Error("nobody hears why")
	}
	holds(t, w)
}

// TestSweepWaitsForTheRate: waiting for a turn in the rate says nothing about
// the gateway, whichever tier it is.
func TestSweepWaitsForTheRate(t *testing.T) {
	for _, stage := range []reconcile.Stage{reconcile.StageTier, reconcile.StageLastTier} {
		w := reconciletest.NewWorld()
		submit(t, w, collectOrder, "1000")
		w.Gateway.Says(reconciletest.OrderID, reconciletest.Down(reconcile.CauseRate))
		w.Clock.Advance(10 * reconciletest.Config().ParkAfter)
		due := turn(collectOrder, stage)
		due.Deliveries = 100
		expectTurn(t, sweepOnce(t, w, due), reconcile.Redeliver, "unavailable")
		holds(t, w)
	}
}

// TestLookBackEnds: a settled order whose gateway never answers again stays
// settled, and is left.
func TestLookBackEnds(t *testing.T) {
	w := reconciletest.NewWorld()
	settledBeforeIt(t, w)
	w.Gateway.Says(reconciletest.OrderID, down)
	due := lookBack(collectOrder)
	w.Clock.Advance(reconciletest.Config().ParkAfter)
	for range reconciletest.Config().Attempts {
		expectTurn(t, sweepOnce(t, w, due), reconcile.Redeliver, "unavailable")
	}
	w.Clock.Advance(time.Second)
	expectTurn(t, sweepOnce(t, w, due), reconcile.Acknowledge, "unanswered")
	holds(t, w, "settled confirmed 1000.00")
}

// TestSweepGivesUpAfterQuestions: neither deliveries that came before the turn, or
// waited for the rate, nor a worker's own wrong clock end what the sweep asks.
func TestSweepGivesUpAfterQuestions(t *testing.T) {
	for _, stage := range []reconcile.Stage{reconcile.StageLastTier, reconcile.StageLookBack} {
		begin := func(t *testing.T) (*reconciletest.World, reconcile.Due) {
			w := reconciletest.NewWorld()
			if stage == reconcile.StageLookBack {
				settledBeforeIt(t, w)
			}
			submit(t, w, collectOrder, "1000")
			due := lookBack(collectOrder)
			due.Stage, due.Deliveries = stage, 1000
			return w, due
		}
		t.Run("first question, long after the turn", func(t *testing.T) {
			w, due := begin(t)
			w.Gateway.Says(reconciletest.OrderID, reconciletest.Down(reconcile.CauseRate))
			for range 10 {
				expectTurn(t, sweepOnce(t, w, due), reconcile.Redeliver, "unavailable")
			}
			w.Gateway.Says(reconciletest.OrderID, down)
			w.Clock.Advance(10 * reconciletest.Config().ParkAfter)
			told := len(w.Ledger.Entries())
			for range reconciletest.Config().Attempts - 1 {
				expectTurn(t, sweepOnce(t, w, due), reconcile.Redeliver, "unavailable")
			}
			if n := len(w.Ledger.Entries()) - told; n != 0 {
				t.Errorf("%d events were told", n)
			}
			if res := sweepOnce(t, w, due); res.Disposition != reconcile.Acknowledge {
				t.Errorf("it never ends: %+v", res)
			}
		})
		t.Run("a clock that is ahead", func(t *testing.T) {
			w, due := begin(t)
			w.Gateway.Says(reconciletest.OrderID, down)
			w.Clock.Advance(10 * reconciletest.Config().ParkAfter)
			due.Now = due.Since.Add(time.Minute)
			for range 2 * reconciletest.Config().Attempts {
				expectTurn(t, sweepOnce(t, w, due), reconcile.Redeliver, "unavailable")
			}
		})
	}
}

// TestEachOutcomeIsLookedBackAt: what one look-back told is looked back at too.
func TestEachOutcomeIsLookedBackAt(t *testing.T) {
	w := reconciletest.NewWorld()
	submit(t, w, collectOrder, "1000")
	w.Gateway.Says(reconciletest.OrderID, openReply)
	sweepOnce(t, w, turn(collectOrder, reconcile.StageLastTier))
	finish(t, worker(w, "callback"), push(collectOrder, succ, "1000"))
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	worker(w, "sweep").FinishSweep(t.Context(), lookBack(collectOrder), mostDeliveries)
	entries := w.Ledger.Entries()
	again, settled := lookBack(collectOrder), entries[2]
	if settled.Event.Outcome() != events.OutcomeSettled {
		t.Fatalf("told %s", settled.Event.ID)
	}
	w.Gateway.Says(reconciletest.OrderID, failedReply)
	again.Sequence = settled.Sequence
	worker(w, "sweep").FinishSweep(t.Context(), again, mostDeliveries)
	if entries = w.Ledger.Entries(); entries[len(entries)-1].Event.Outcome() != events.OutcomeReversed {
		t.Errorf("the reversal after the late success is not found: %s", line(entries[len(entries)-1].Event))
	}
}

// TestSweepDoesNotPassOverAReview: what a person was asked about is not settled
// by leaving out the callback that contradicts.
func TestSweepDoesNotPassOverAReview(t *testing.T) {
	for _, tt := range []struct {
		name   string
		pushed reconcile.Delivery
		before reconciletest.Reply // when the callback came
		now    reconciletest.Reply
		want   []string
	}{
		{"another amount", push(collectOrder, succ, "999"), paidReply, paidReply, []string{"review amount_mismatch 1000.00"}},
		{"success against failed", push(collectOrder, succ, "1000"), failedReply, failedReply, []string{"review contradiction 0.00"}},
		{"a reversal of nothing", reconciletest.Reversal(collectOrder, "1000", reconciletest.Start), failedReply, failedReply, []string{"review reverse_unsettled 0.00"}},
		{"lagging, then another amount", push(collectOrder, succ, "999"), openReply, paidReply, []string{"review lagging 0.00", "review amount_mismatch 1000.00"}},
		{"lagging, then failed", push(payOrder, succ, "1000"), openReply, failedReply, []string{"review lagging 0.00", "review contradiction 0.00"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			submit(t, w, tt.pushed.Order, "1000")
			w.Gateway.Says(reconciletest.OrderID, tt.before)
			finish(t, worker(w, "callback"), tt.pushed)
			w.Gateway.Says(reconciletest.OrderID, tt.now)
			for _, stage := range []reconcile.Stage{reconcile.StageTier, reconcile.StageLastTier} {
				due := turn(tt.pushed.Order, stage)
				worker(w, "sweep").FinishSweep(t.Context(), due, mostDeliveries)
			}
			holds(t, w, tt.want...)
		})
	}
}

// TestSweepDoesNotPassOverACallback: one that is still looked at, that waits, or
// whose review a person has dismissed, is heard before anything is told.
func TestSweepDoesNotPassOverACallback(t *testing.T) {
	waiting := func(t *testing.T, w *reconciletest.World, d reconcile.Delivery) {
		w.Callbacks.Keep(d.Order, reconcile.Heard{Callback: d.Callback, ReceivedAt: d.ReceivedAt, StreamSequence: d.StreamSequence})
	}
	lookedAt := func(t *testing.T, w *reconciletest.World, d reconcile.Delivery) {
		if res := deliver(t, worker(w, "callback"), d); res.Disposition != reconcile.Redeliver {
			t.Fatalf("the callback is through: %s", res.Disposition)
		}
	}
	dismissed := func(t *testing.T, w *reconciletest.World, d reconcile.Delivery) {
		finish(t, worker(w, "callback"), d)
		for _, e := range w.Ledger.Entries() {
			c := e.Event.Data.(events.Review).Case
			if _, err := w.Resolver(reconciletest.NoFault).Resolve(t.Context(), reconcile.Resolution{
				Merchant: d.Merchant, Order: d.Order, Case: c, By: "anna", Why: "asked the gateway's support",
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	reversal := reconciletest.Reversal(collectOrder, "1000", reconciletest.Start)
	for _, tt := range []struct {
		name   string
		pushed reconcile.Delivery
		before func(*testing.T, *reconciletest.World, reconcile.Delivery)
		says   reconciletest.Reply
		want   []string // of the last tier
	}{
		{"payout's success, looked at, against failed", push(payOrder, succ, "1000"), lookedAt, failedReply, []string{"review contradiction 0.00"}},
		{"payout's success, waiting, against failed", push(payOrder, succ, "1000"), waiting, failedReply, []string{"review contradiction 0.00"}},
		{"payout's success, waiting, against open", push(payOrder, succ, "1000"), waiting, openReply, []string{"review lagging 0.00"}},
		{"payout's success, dismissed, against failed", push(payOrder, succ, "1000"), dismissed, failedReply, []string{"review contradiction 0.00", "resolved contradiction 0.00 by "}},
		{"success, waiting, against open", push(collectOrder, succ, "1000"), waiting, openReply, []string{"review lagging 0.00"}},
		{"success, waiting, against not found", push(collectOrder, succ, "1000"), waiting, reconciletest.NotFound(), []string{"review not_found "}},
		{"another amount, waiting", push(collectOrder, succ, "999"), waiting, paidReply, []string{"review amount_mismatch 1000.00"}},
		{"another amount, dismissed", push(collectOrder, succ, "999"), dismissed, paidReply, []string{"review amount_mismatch 1000.00", "resolved amount_mismatch 1000.00 by "}},
		{"failed, waiting, against paid", push(collectOrder, fail, "1000"), waiting, paidReply, []string{"review contradiction 1000.00"}},
		{"a reversal, waiting, against paid", reversal, waiting, paidReply, []string{"review reverse_unsettled 1000.00"}},
		{"success, waiting, and paid", push(collectOrder, succ, "1000"), waiting, paidReply, []string{"settled confirmed 1000.00"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			submit(t, w, tt.pushed.Order, "1000")
			w.Gateway.Says(reconciletest.OrderID, tt.says)
			tt.before(t, w, tt.pushed)
			for _, stage := range []reconcile.Stage{reconcile.StageTier, reconcile.StageLastTier} {
				worker(w, "sweep").FinishSweep(t.Context(), turn(tt.pushed.Order, stage), mostDeliveries)
			}
			holds(t, w, tt.want...)
			if p := w.Ledger.Entries()[0].Event.Data.Common(); p.Evidence.Callback == nil || p.Evidence.StreamSequence != 1 {
				t.Errorf("the callback is no evidence: %+v", p.Evidence)
			}
		})
	}
}

// TestLookBackHearsWhatIsNew: the pushes behind the last outcome are no evidence
// against the next one, later ones are.
func TestLookBackHearsWhatIsNew(t *testing.T) {
	t.Run("the failed push does not deny the late success", func(t *testing.T) {
		w := reconciletest.NewWorld()
		w.Gateway.Says(reconciletest.OrderID, failedReply)
		finish(t, worker(w, "callback"), push(collectOrder, fail, "1000"))
		w.Gateway.Says(reconciletest.OrderID, paidReply)
		worker(w, "sweep").FinishSweep(t.Context(), lookBack(collectOrder), mostDeliveries)
		holds(t, w, "failed confirmed 0.00", "settled late_success 1000.00 supersedes "+idOf(events.OutcomeFailed))
	})
	t.Run("a later push of another amount does", func(t *testing.T) {
		w := reconciletest.NewWorld()
		w.Gateway.Says(reconciletest.OrderID, failedReply)
		finish(t, worker(w, "callback"), push(collectOrder, fail, "1000"))
		d := push(collectOrder, succ, "999")
		w.Callbacks.Keep(d.Order, reconcile.Heard{Callback: d.Callback, ReceivedAt: d.ReceivedAt, StreamSequence: 2})
		w.Gateway.Says(reconciletest.OrderID, paidReply)
		worker(w, "sweep").FinishSweep(t.Context(), lookBack(collectOrder), mostDeliveries)
		holds(t, w, "failed confirmed 0.00", "review amount_mismatch 1000.00")
	})
	t.Run("a repetition of what was told does not hide it", func(t *testing.T) {
		w := reconciletest.NewWorld()
		w.Gateway.Says(reconciletest.OrderID, failedReply)
		finish(t, worker(w, "callback"), push(collectOrder, fail, "1000"))
		for sequence, d := range map[uint64]reconcile.Delivery{2: push(collectOrder, succ, "999"), 3: push(collectOrder, fail, "1000")} {
			w.Callbacks.Keep(d.Order, reconcile.Heard{Callback: d.Callback, ReceivedAt: d.ReceivedAt, StreamSequence: sequence})
		}
		w.Gateway.Says(reconciletest.OrderID, paidReply)
		worker(w, "sweep").FinishSweep(t.Context(), lookBack(collectOrder), mostDeliveries)
		holds(t, w, "failed confirmed 0.00", "review amount_mismatch 1000.00")
	})
	t.Run("a reversal of a part", func(t *testing.T) {
		w := reconciletest.NewWorld()
		settledBeforeIt(t, w)
		for sequence, d := range map[uint64]reconcile.Delivery{
			2: reconciletest.Reversal(collectOrder, "400", reconciletest.Start), 3: push(collectOrder, succ, "1000"),
		} {
			w.Callbacks.Keep(d.Order, reconcile.Heard{Callback: d.Callback, ReceivedAt: d.ReceivedAt, StreamSequence: sequence})
		}
		w.Gateway.Says(reconciletest.OrderID, failedReply)
		worker(w, "sweep").FinishSweep(t.Context(), lookBack(collectOrder), mostDeliveries)
		holds(t, w, "settled confirmed 1000.00", "review amount_mismatch 0.00")
	})
	t.Run("a signed reversal makes a silent one an agreed one", func(t *testing.T) {
		w := reconciletest.NewWorld()
		settledBeforeIt(t, w)
		d := reconciletest.Reversal(collectOrder, "1000", reconciletest.Start)
		w.Callbacks.Keep(d.Order, reconcile.Heard{Callback: d.Callback, ReceivedAt: d.ReceivedAt, StreamSequence: 2})
		w.Gateway.Says(reconciletest.OrderID, failedReply)
		worker(w, "sweep").FinishSweep(t.Context(), lookBack(collectOrder), mostDeliveries)
		holds(t, w, "settled confirmed 1000.00", "reversed reverse 1000.00 supersedes "+idOf(events.OutcomeSettled))
	})
}

// TestNewestCallbackInReviewCounts: of several callbacks a person has not judged,
// the last one the gateway sent is believed.
func TestNewestCallbackInReviewCounts(t *testing.T) {
	w := reconciletest.NewWorld()
	submit(t, w, collectOrder, "1000")
	w.Gateway.Says(reconciletest.OrderID, openReply)
	wrong, right := push(collectOrder, succ, "999"), push(collectOrder, succ, "1000")
	wrong.StreamSequence, right.StreamSequence = 1, 2
	finish(t, worker(w, "right"), right)
	finish(t, worker(w, "wrong"), wrong) // came first, was looked at last
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	worker(w, "sweep").FinishSweep(t.Context(), turn(collectOrder, reconcile.StageTier), mostDeliveries)
	p := w.Ledger.Entries()[2].Event.Data.Common()
	if p.Outcome != events.OutcomeSettled || p.Match != events.ThreeWay || p.Evidence.StreamSequence != 2 {
		t.Errorf("told %s %s by callback %d", p.Outcome, p.Match, p.Evidence.StreamSequence)
	}
}

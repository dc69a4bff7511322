package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// situation is a callback, or a turn in the sweep, whose way through the steps is
// broken at each of them.
type situation struct {
	name   string
	before func(*testing.T, *reconciletest.World)
	d      reconcile.Delivery
	due    reconcile.Due // instead of d: a turn in the sweep
	says   reconciletest.Reply
	steps  []reconciletest.Step // that it takes once each
	want   []string             // the ledger, healed
	done   bool                 // whether it ends marked done
}

const (
	claimStep   = reconciletest.StepClaim
	queryStep   = reconciletest.StepQuery
	appendStep  = reconciletest.StepAppend
	doneStep    = reconciletest.StepDone
	releaseStep = reconciletest.StepRelease
	lastStep    = reconciletest.StepLast
	newestStep  = reconciletest.StepNewest
)

func settledBeforeIt(t *testing.T, w *reconciletest.World) {
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	finish(t, worker(w, "before"), push(collectOrder, succ, "1000"))
}

var situations = []situation{
	{
		name: "settled", d: push(collectOrder, succ, "1000"), says: paidReply,
		steps: []reconciletest.Step{claimStep, queryStep, appendStep, doneStep},
		want:  []string{"settled confirmed 1000.00"}, done: true,
	},
	{
		name: "failed payout", d: push(payOrder, fail, "1000"), says: failedReply,
		steps: []reconciletest.Step{claimStep, queryStep, appendStep, doneStep},
		want:  []string{"failed confirmed 0.00"}, done: true,
	},
	{
		name: "reversed", before: settledBeforeIt,
		d: reconciletest.Reversal(collectOrder, "1000", reconciletest.Start), says: failedReply,
		steps: []reconciletest.Step{claimStep, queryStep, appendStep, doneStep},
		want:  []string{"settled confirmed 1000.00", "reversed reverse 1000.00 supersedes " + idOf(events.OutcomeSettled)}, done: true,
	},
	{
		name: "review", d: push(collectOrder, succ, "999"), says: paidReply,
		steps: []reconciletest.Step{claimStep, queryStep, appendStep, releaseStep},
		want:  []string{"review amount_mismatch 1000.00"},
	},
	{
		name: "duplicate", before: func(t *testing.T, w *reconciletest.World) { settledBeforeIt(t, w); w.Claims.Flush() },
		d: push(collectOrder, succ, "1000"), says: paidReply,
		steps: []reconciletest.Step{claimStep, queryStep, appendStep, doneStep},
		want:  []string{"settled confirmed 1000.00"}, done: true,
	},
	{
		name: "settled over a review", before: func(t *testing.T, w *reconciletest.World) {
			w.Gateway.Says(reconciletest.OrderID, paidReply)
			finish(t, worker(w, "before"), push(collectOrder, succ, "999"))
		},
		d: push(collectOrder, succ, "1000"), says: paidReply,
		steps: []reconciletest.Step{claimStep, queryStep, appendStep, appendStep, doneStep},
		want: []string{
			"review amount_mismatch 1000.00",
			"settled confirmed 1000.00 supersedes " + mismatchReview,
			"resolved amount_mismatch 1000.00 by " + idOf(events.OutcomeSettled),
		}, done: true,
	},
	{
		name: "sweep: settled", before: registered(collectOrder), due: turn(collectOrder, reconcile.StageTier), says: paidReply,
		steps: []reconciletest.Step{lastStep, claimStep, queryStep, newestStep, appendStep, releaseStep},
		want:  []string{"settled confirmed 1000.00"},
	},
	{
		name: "sweep: expired", before: registered(collectOrder), due: turn(collectOrder, reconcile.StageLastTier), says: openReply,
		steps: []reconciletest.Step{lastStep, claimStep, queryStep, newestStep, appendStep, releaseStep},
		want:  []string{"expired open 0.00"},
	},
	{
		name: "sweep: open payout", before: registered(payOrder), due: turn(payOrder, reconcile.StageLastTier), says: openReply,
		steps: []reconciletest.Step{lastStep, claimStep, queryStep, newestStep, appendStep, releaseStep},
		want:  []string{"review open 0.00"},
	},
	{
		name: "sweep: settled over a review", before: func(t *testing.T, w *reconciletest.World) {
			registered(collectOrder)(t, w)
			w.Gateway.Says(reconciletest.OrderID, openReply)
			finish(t, worker(w, "before"), push(collectOrder, succ, "1000"))
		},
		due: turn(collectOrder, reconcile.StageTier), says: paidReply,
		steps: []reconciletest.Step{lastStep, claimStep, queryStep, newestStep, appendStep, appendStep, doneStep},
		want: []string{
			"review lagging 0.00", "settled confirmed 1000.00 supersedes " + laggingReview,
			"resolved lagging 0.00 by " + idOf(events.OutcomeSettled),
		},
	},
	{
		name: "look back: reversed", before: settledBeforeIt, due: lookBack(collectOrder), says: failedReply,
		steps: []reconciletest.Step{lastStep, claimStep, queryStep, newestStep, appendStep, releaseStep},
		want:  []string{"settled confirmed 1000.00", "reversed by_query 1000.00 supersedes " + idOf(events.OutcomeSettled)},
	},
	{
		name: "look back: late success over a review", before: func(t *testing.T, w *reconciletest.World) {
			w.Gateway.Says(reconciletest.OrderID, failedReply)
			finish(t, worker(w, "before"), push(collectOrder, fail, "1000"))
			later := push(collectOrder, succ, "1000")
			later.StreamSequence = 2
			finish(t, worker(w, "later"), later)
		},
		due: lookBack(collectOrder), says: paidReply,
		steps: []reconciletest.Step{lastStep, claimStep, queryStep, newestStep, appendStep, appendStep, doneStep},
		want: []string{
			"failed confirmed 0.00", "review contradiction 0.00",
			"settled late_success 1000.00 supersedes " + idOf(events.OutcomeFailed),
			"resolved contradiction 0.00 by " + idOf(events.OutcomeSettled),
		},
	},
	{
		name: "sweep: a registration later than the event", before: func(t *testing.T, w *reconciletest.World) {
			settledBeforeIt(t, w)
			submit(t, w, collectOrder, "999")
		},
		due: turn(collectOrder, reconcile.StageTier), says: paidReply,
		steps: []reconciletest.Step{lastStep, appendStep},
		want:  []string{"settled confirmed 1000.00", "review amount_mismatch 1000.00"},
	},
}

// registered begins with the registration of an order of 1000.
func registered(order events.Order) func(*testing.T, *reconciletest.World) {
	return func(t *testing.T, w *reconciletest.World) { submit(t, w, order, "1000") }
}

// turn is an order's turn in a tier of the sweep.
func turn(order events.Order, stage reconcile.Stage) reconcile.Due {
	return reconcile.Due{
		Merchant: reconciletest.Merchant(), Order: order, Stage: stage, Tier: "1", Stored: reconciletest.Start, Since: reconciletest.Start,
	}
}

// lookBack is the turn of the first event of a ledger.
func lookBack(order events.Order) reconcile.Due {
	due := turn(order, reconcile.StageLookBack)
	due.Tier, due.Sequence = "lookback", 1
	return due
}

// process takes a situation to its end, a turn in the sweep with the one in the
// last tier.
func (s situation) process(t *testing.T, w *reconciletest.Worker) {
	t.Helper()
	if s.due.Tier == "" {
		finish(t, w, s.d)
		return
	}
	dues := []reconcile.Due{s.due}
	if s.due.Stage == reconcile.StageTier {
		last := s.due
		last.Stage, last.Tier = reconcile.StageLastTier, "2"
		dues = append(dues, last)
	}
	for _, due := range dues {
		results := w.FinishSweep(t.Context(), due, mostDeliveries)
		if last := results[len(results)-1]; last.Disposition != reconcile.Acknowledge {
			t.Fatalf("not acknowledged after %d turns: %s %q %v", len(results), last.Disposition, last.Cause, last.Err)
		}
	}
}

// laggingReview is the id of the review of a push whose query stays open.
var laggingReview = events.ReviewID(reconciletest.MerchantID, reconciletest.OrderID,
	events.CaseTail(collectOrder, string(reconcile.ReasonLagging),
		"s1-r0-1000", reconciletest.PlatOrderID, "submitted", reconciletest.PlatOrderID, "0", "0", "collect 1000", "", ""))

// mismatchReview is the id of the review of a push of 999 where 1000 was paid.
var mismatchReview = events.ReviewID(reconciletest.MerchantID, reconciletest.OrderID,
	events.CaseTail(collectOrder, string(reconcile.ReasonAmountMismatch),
		"s1-r0-999", reconciletest.PlatOrderID, "success", reconciletest.PlatOrderID, "1000", "0", "", "", ""))

// TestFaults breaks every step of every situation in every way, and lets the
// stream deliver again: the ledger ends as if nothing had happened.
func TestFaults(t *testing.T) {
	faults := []reconciletest.Fault{
		reconciletest.Unapplied, reconciletest.Applied, reconciletest.CrashBefore, reconciletest.CrashAfter,
	}
	for _, s := range situations {
		nth := map[reconciletest.Step]int{}
		for _, step := range s.steps {
			nth[step]++
			for _, fault := range faults {
				t.Run(fmt.Sprintf("%s/%s %d %s", s.name, step, nth[step], fault), func(t *testing.T) {
					s.heals(t, step, nth[step], fault)
				})
			}
		}
	}
}

func (s situation) heals(t *testing.T, step reconciletest.Step, nth int, fault reconciletest.Fault) {
	w := reconciletest.NewWorld()
	if s.before != nil {
		s.before(t, w)
	}
	w.Gateway.Says(reconciletest.OrderID, s.says)
	hook := reconciletest.Nth(step, nth, fault)
	var struck atomic.Bool // reads beside the query ask the hook too
	s.process(t, w.Worker("w", 1, reconciletest.Config(), func(seen reconciletest.Step) reconciletest.Fault {
		f := hook(seen)
		if f != reconciletest.None {
			struck.Store(true)
		}
		return f
	}))
	if !struck.Load() {
		t.Fatal("the step was not taken: nothing was tested")
	}
	holds(t, w, s.want...)

	// Whatever was lost on the way, the next equal pushes change nothing, and
	// the last of them finds the work done.
	s.process(t, worker(w, "next"))
	asked := w.Gateway.Asked(reconciletest.OrderID)
	s.process(t, worker(w, "after that"))
	if s.due.Tier != "" {
		holds(t, w, s.want...)
		return
	}
	if again := w.Gateway.Asked(reconciletest.OrderID) - asked; (again == 0) != s.done {
		t.Errorf("the last push asked %d times, done is %v", again, s.done)
	}
	holds(t, w, s.want...)
}

// TestFaultPairs breaks two steps of one callback's way, drawn from a seed,
// since troubles come together.
func TestFaultPairs(t *testing.T) {
	const pairs = 50
	steps := []reconciletest.Step{claimStep, queryStep, appendStep, doneStep, releaseStep}
	for i, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			draw := func(nth int) reconciletest.Hook {
				fault := reconciletest.Unapplied + reconciletest.Fault(rng.IntN(4))
				return reconciletest.Nth(steps[rng.IntN(len(steps))], nth, fault)
			}
			for range pairs {
				s.healsTwice(t, draw(1), draw(2))
			}
		})
	}
}

func (s situation) healsTwice(t *testing.T, one, two reconciletest.Hook) {
	t.Helper()
	w := reconciletest.NewWorld()
	if s.before != nil {
		s.before(t, w)
	}
	w.Gateway.Says(reconciletest.OrderID, s.says)
	s.process(t, w.Worker("w", 1, reconciletest.Config(), func(step reconciletest.Step) reconciletest.Fault {
		f1, f2 := one(step), two(step)
		if f1 != reconciletest.None {
			return f1
		}
		return f2
	}))
	holds(t, w, s.want...)
}

// contextEndingAt returns a context that ends when a step is taken.
func contextEndingAt(t *testing.T, step reconciletest.Step) (context.Context, reconciletest.Hook) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, func(s reconciletest.Step) reconciletest.Fault {
		if s == step {
			cancel()
		}
		return reconciletest.None
	}
}

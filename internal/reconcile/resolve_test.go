package reconcile_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// opened brings a world to an open review and returns how to resolve it.
type opened func(t *testing.T, w *reconciletest.World) reconcile.Resolution

// reviewOf opens a review by a push that gets this answer.
func reviewOf(d reconcile.Delivery, says reconciletest.Reply) opened {
	return func(t *testing.T, w *reconciletest.World) reconcile.Resolution {
		t.Helper()
		w.Gateway.Says(reconciletest.OrderID, says)
		d.StreamSequence = 9
		finish(t, worker(w, "callback"), d)
		return resolution(t, w)
	}
}

// after opens a review when something else was told before.
func after(before func(*testing.T, *reconciletest.World), then opened) opened {
	return func(t *testing.T, w *reconciletest.World) reconcile.Resolution {
		t.Helper()
		before(t, w)
		return then(t, w)
	}
}

// resolution dismisses the review that the ledger ends with.
func resolution(t *testing.T, w *reconciletest.World) reconcile.Resolution {
	t.Helper()
	entries := w.Ledger.Entries()
	review, ok := entries[len(entries)-1].Event.Data.(events.Review)
	if !ok {
		t.Fatalf("the ledger ends with %s, not with a review", entries[len(entries)-1].Event.ID)
	}
	return reconcile.Resolution{
		Merchant: reconciletest.Merchant(), Order: review.Order(), Case: review.Case,
		By: "alice", Why: "the gateway confirmed it by phone",
	}
}

func toldBefore(o events.Outcome) func(*testing.T, *reconciletest.World) {
	return func(t *testing.T, w *reconciletest.World) {
		t.Helper()
		if _, err := w.Ledger.Append(t.Context(), reconciletest.Outcome(collectOrder, o, "1000"), 0); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	mismatch     = reviewOf(push(collectOrder, succ, "999"), paidReply)
	contradicted = reviewOf(push(collectOrder, succ, "1000"), failedReply)
	lagging      = reviewOf(push(collectOrder, succ, "1000"), openReply)
	unknown      = reviewOf(push(payOrder, succ, "1000"), reconciletest.NotFound())
	unconfirmed  = after(settledBeforeIt, reviewOf(reconciletest.Reversal(collectOrder, "1000", reconciletest.Start), paidReply))
)

// TestResolve: every outcome, by what the ledger and the query say.
func TestResolve(t *testing.T) {
	const settledByUs, failedByUs, reversedByUs, expiredByUs = events.OutcomeSettled, events.OutcomeFailed, events.OutcomeReversed, events.OutcomeExpired
	const toldOtherwise, disagrees = "told_otherwise", "query_disagrees"
	for _, tt := range []struct {
		name    string
		review  opened
		as      events.Outcome
		says    reconciletest.Reply
		tells   string // the last outcome then; empty: none is told
		refused string
	}{
		{name: "settled over another amount", review: mismatch, as: settledByUs, says: paidReply, tells: "settled by_operator 1000.00"},
		{name: "settled, query failed", review: mismatch, as: settledByUs, says: failedReply, refused: disagrees},
		{name: "settled, query open", review: lagging, as: settledByUs, says: openReply, refused: disagrees},
		{name: "settled, query of zero", review: mismatch, as: settledByUs, says: reconciletest.Succeeded(reconciletest.PlatOrderID, "0"), refused: disagrees},
		{name: "settled, not found", review: unknown, as: settledByUs, says: reconciletest.NotFound(), refused: disagrees},
		{name: "failed against the callback", review: contradicted, as: failedByUs, says: failedReply, tells: "failed by_operator 0.00"},
		{name: "failed, query success", review: contradicted, as: failedByUs, says: paidReply, refused: disagrees},
		{name: "failed, query open", review: lagging, as: failedByUs, says: openReply, refused: disagrees},
		{name: "reversed, nothing settled", review: contradicted, as: reversedByUs, says: failedReply, refused: toldOtherwise},
		{name: "reversed, by the signed callback", review: unconfirmed, as: reversedByUs, says: paidReply, tells: "reversed by_operator 1000.00"},
		{name: "reversed, by the query", review: unconfirmed, as: reversedByUs, says: failedReply, tells: "reversed by_operator 1000.00"},
		{name: "reversed, neither", review: after(settledBeforeIt, reviewOf(push(collectOrder, succ, "999"), paidReply)), as: reversedByUs, says: paidReply, refused: disagrees},
		{name: "settled stands", review: unconfirmed, as: settledByUs, says: down, tells: "settled confirmed 1000.00"},
		{name: "failed after settled", review: unconfirmed, as: failedByUs, says: failedReply, refused: toldOtherwise},
		{name: "expired after settled", review: unconfirmed, as: expiredByUs, says: openReply, refused: toldOtherwise},
		{name: "expired, open", review: lagging, as: expiredByUs, says: openReply, tells: "expired by_operator 0.00"},
		{name: "expired, a payout", review: unknown, as: expiredByUs, says: reconciletest.NotFound(), refused: toldOtherwise},
		{name: "expired, query success", review: lagging, as: expiredByUs, says: paidReply, refused: disagrees},
		{name: "settled after reversed", review: after(toldBefore(reversedBefore), reviewOf(push(collectOrder, succ, "1000"), paidReply)), as: settledByUs, says: paidReply, refused: toldOtherwise},
		{name: "settled payout after failed", review: after(func(t *testing.T, w *reconciletest.World) {
			w.Gateway.Says(reconciletest.OrderID, failedReply)
			finish(t, worker(w, "failed"), push(payOrder, fail, "1000"))
		}, reviewOf(push(payOrder, succ, "1000"), paidReply)), as: settledByUs, says: paidReply, tells: "settled by_operator 1000.00"},
		{name: "the other flow", review: after(toldBefore(settledBefore), reviewOf(push(payOrder, succ, "1000"), paidReply)), as: settledByUs, says: paidReply, refused: toldOtherwise},
		{name: "dismissed, whatever the gateway says", review: mismatch, says: down},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			what := tt.review(t, w)
			what.As = tt.as
			w.Gateway.Says(reconciletest.OrderID, tt.says)
			before := len(w.Ledger.Entries())

			preview, previewErr := w.Resolver(reconciletest.NoFault).Preview(t.Context(), what)
			if got := len(w.Ledger.Entries()); got != before {
				t.Fatalf("the preview told %d events", got-before)
			}
			res, err := w.Resolver(reconciletest.NoFault).Resolve(t.Context(), what)
			if (previewErr == nil) != (err == nil) || preview.Review.Event.ID != res.Review.Event.ID {
				t.Errorf("preview %v, resolved %v", previewErr, err)
			}
			if tt.refused != "" {
				var refused *reconcile.RefusedError
				if !errors.As(err, &refused) || refused.Reason != tt.refused || strings.ContainsAny(refused.Error(), "\n") {
					t.Fatalf("got %v, want %s", err, tt.refused)
				}
				if got := len(w.Ledger.Entries()); got != before {
					t.Errorf("a refused resolution told %d events", got-before)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			expectResolved(t, w, what, tt.tells)
			if _, err := w.Resolver(reconciletest.NoFault).Resolve(t.Context(), what); !errors.Is(err, reconcile.ErrNotOpen) {
				t.Errorf("resolved again: %v", err)
			}
		})
	}
}

// expectResolved: the review is closed by who resolved it, and the order's last
// outcome is this one.
func expectResolved(t *testing.T, w *reconciletest.World, what reconcile.Resolution, tells string) {
	t.Helper()
	entries := w.Ledger.Entries()
	if err := reconciletest.Audit(entries); err != nil {
		t.Errorf("the ledger can't be trusted: %v", err)
	}
	var last *events.Event
	closed := 0
	for _, e := range entries {
		switch d := e.Event.Data.(type) {
		case events.Resolved:
			if d.Case != what.Case {
				continue
			}
			closed++
			if d.By != what.By || d.Why != what.Why || d.Via != events.ViaOperator {
				t.Errorf("closed by %q because %q via %s", d.By, d.Why, d.Via)
			}
			if last != nil && what.As != "" && d.ResultingEvent != last.ID {
				t.Errorf("the resolution names %q, told was %q", d.ResultingEvent, last.ID)
			}
		case events.Review:
		default:
			last = &e.Event
		}
	}
	if closed != 1 {
		t.Errorf("the review is closed %d times", closed)
	}
	if tells == "" {
		return
	}
	if last == nil {
		t.Fatal("no outcome was told")
	}
	p := last.Data.Common()
	if got := fmt.Sprintf("%s %s %s", p.Outcome, p.Reason, p.Amount); got != tells {
		t.Errorf("told %q, want %q", got, tells)
	}
	if p.Reason == string(reconcile.ReasonByOperator) && (p.Via != events.ViaOperator || p.Supersedes == "") {
		t.Errorf("told via %s, superseding %q", p.Via, p.Supersedes)
	}
}

// TestResolveOverridesAmount: a person may take the gateway's amount where the
// callback said another; then the event doesn't say that three agreed.
func TestResolveOverridesAmount(t *testing.T) {
	w := reconciletest.NewWorld()
	submit(t, w, collectOrder, "1000")
	what := reviewOf(push(collectOrder, succ, "900"), reconciletest.Succeeded(reconciletest.PlatOrderID, "900"))(t, w)
	what.As = events.OutcomeSettled
	res, err := w.Resolver(reconciletest.NoFault).Resolve(t.Context(), what)
	if err != nil {
		t.Fatal(err)
	}
	p := res.Event.Data.Common()
	if p.Amount.String() != "900.00" || p.SubmittedAmount.String() != "1000.00" || p.Match != events.TwoWay {
		t.Errorf("told %s of %s, match %s", p.Amount, p.SubmittedAmount, p.Match)
	}
}

// TestResolveTellsWhatWasSeen: where the gateway says something else than the
// person has seen, nothing is told.
func TestResolveTellsWhatWasSeen(t *testing.T) {
	w := reconciletest.NewWorld()
	what := mismatch(t, w)
	what.As = events.OutcomeSettled
	r := w.Resolver(reconciletest.NoFault)
	seen, err := r.Preview(t.Context(), what)
	if err != nil {
		t.Fatal(err)
	}
	what.Shown = seen.Answer
	w.Gateway.Says(reconciletest.OrderID, reconciletest.Succeeded(reconciletest.PlatOrderID, "1"))
	var refused *reconcile.RefusedError
	if _, err := r.Resolve(t.Context(), what); !errors.As(err, &refused) || refused.Reason != "query_changed" {
		t.Fatalf("got %v", err)
	}
	holds(t, w, "review amount_mismatch 1000.00")
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	if _, err := r.Resolve(t.Context(), what); err != nil {
		t.Fatal(err)
	}
}

// TestResolveChecksWordsFirst: words that can't stand in the ledger are refused
// before anything is told.
func TestResolveChecksWordsFirst(t *testing.T) {
	w := reconciletest.NewWorld()
	what := mismatch(t, w)
	what.As, what.Why = events.OutcomeSettled, "no \xff text"
	if _, err := w.Resolver(reconciletest.NoFault).Resolve(t.Context(), what); err == nil {
		t.Error("accepted")
	}
	holds(t, w, "review amount_mismatch 1000.00")
}

// TestResolveClosesOthersAfterCrash: the outcome answers another review too, and
// does so when the tool crashed right after it was told.
func TestResolveClosesOthersAfterCrash(t *testing.T) {
	w := reconciletest.NewWorld()
	what := mismatch(t, w)
	w.Gateway.Says(reconciletest.OrderID, openReply)
	other := push(collectOrder, succ, "1000")
	other.StreamSequence = 10
	finish(t, worker(w, "other"), other)
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	what.As = events.OutcomeSettled
	if _, crash, _ := reconciletest.Resolve(t.Context(), w.Resolver(reconciletest.Nth(appendStep, 1, reconciletest.CrashAfter)), what); crash == nil {
		t.Fatal("it did not crash")
	}
	if _, err := w.Resolver(reconciletest.NoFault).Resolve(t.Context(), what); err != nil {
		t.Fatal(err)
	}
	open, err := w.Ledger.OpenReviews(t.Context(), reconciletest.MerchantID, reconciletest.OrderID)
	if err != nil || len(open) != 0 {
		t.Errorf("still open: %v, %v", open, err)
	}
}

// TestResolveFaults is the step matrix of a resolution: it is broken at each
// step in each way, repeated, and the ledger ends as if nothing had happened.
func TestResolveFaults(t *testing.T) {
	for name, s := range map[string]struct {
		review opened
		as     events.Outcome
		says   reconciletest.Reply
		steps  []reconciletest.Step
		tells  string
	}{
		"settled":   {mismatch, events.OutcomeSettled, paidReply, []reconciletest.Step{lastStep, queryStep, appendStep, appendStep}, "settled by_operator 1000.00"},
		"reversed":  {unconfirmed, events.OutcomeReversed, failedReply, []reconciletest.Step{lastStep, queryStep, appendStep, appendStep}, "reversed by_operator 1000.00"},
		"dismissed": {mismatch, "", paidReply, []reconciletest.Step{lastStep, appendStep}, ""},
	} {
		nth := map[reconciletest.Step]int{}
		for _, step := range s.steps {
			nth[step]++
			for _, fault := range []reconciletest.Fault{reconciletest.Unapplied, reconciletest.Applied, reconciletest.CrashBefore, reconciletest.CrashAfter} {
				t.Run(fmt.Sprintf("%s/%s %d %s", name, step, nth[step], fault), func(t *testing.T) {
					w := reconciletest.NewWorld()
					what := s.review(t, w)
					what.As = s.as
					w.Gateway.Says(reconciletest.OrderID, s.says)
					hook, struck := reconciletest.Nth(step, nth[step], fault), atomic.Bool{}
					_, crash, err := reconciletest.Resolve(t.Context(), w.Resolver(func(seen reconciletest.Step) reconciletest.Fault {
						f := hook(seen)
						if f != reconciletest.None {
							struck.Store(true)
						}
						return f
					}), what)
					if !struck.Load() || err == nil && crash == nil {
						t.Fatalf("nothing was tested: struck %t, %v", struck.Load(), err)
					}
					_, err = w.Resolver(reconciletest.NoFault).Resolve(t.Context(), what)
					if err != nil && !errors.Is(err, reconcile.ErrNotOpen) { // it was resolved, and the answer was lost
						t.Fatalf("repeated: %v", err)
					}
					expectResolved(t, w, what, s.tells)
				})
			}
		}
	}
}

// TestResolveSaysWhatItTold: that an outcome was told is said, though another event
// made the rest begin anew and that came to nothing.
func TestResolveSaysWhatItTold(t *testing.T) {
	for name, lastFails := range map[string]bool{"refused": false, "unreadable": true} {
		t.Run(name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			what := mismatch(t, w)
			what.As = events.OutcomeSettled
			w.Gateway.Says(reconciletest.OrderID, paidReply)
			appended := 0
			res, err := w.Resolver(func(s reconciletest.Step) reconciletest.Fault {
				switch {
				case s == appendStep:
					if appended++; appended == 2 { // what closes the review
						told, err := w.Ledger.Last(t.Context(), reconciletest.MerchantID, reconciletest.OrderID)
						if err != nil {
							t.Fatal(err)
						}
						if _, err := w.Ledger.Append(t.Context(), reconciletest.Outcome(collectOrder, events.OutcomeReversed, "1000"), told.Sequence); err != nil {
							t.Fatal(err)
						}
					}
				case s == lastStep && appended == 2 && lastFails:
					return reconciletest.Unapplied
				}
				return reconciletest.None
			}).Resolve(t.Context(), what)
			if err == nil || !res.Emitted || res.Event == nil || res.Event.ID != idOf(events.OutcomeSettled) {
				t.Errorf("%v; told: %t, %v", err, res.Emitted, res.Event)
			}
		})
	}
}

// TestResolversRace: two persons resolve one review differently while a worker
// looks at the true push, in any order of their steps: one chain of outcomes,
// and one resolution.
func TestResolversRace(t *testing.T) {
	const seeds = 200
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) { resolversRace(t, seed) })
	}
}

func resolversRace(t *testing.T, seed uint64) {
	t.Helper()
	w := reconciletest.NewWorld()
	what := mismatch(t, w)
	turns := reconciletest.NewTurns(seed)
	settle, dismiss := what, what
	settle.As, settle.By = events.OutcomeSettled, "bob"
	callbacks := w.Worker("worker", seed, reconciletest.Config(), turns.Hook("worker"))
	var errs [2]error
	var once sync.Mutex
	work := []func(){
		func() {
			_, err := w.Resolver(turns.Hook("bob")).Resolve(t.Context(), settle)
			once.Lock()
			defer once.Unlock()
			errs[0] = err
		},
		func() {
			_, err := w.Resolver(turns.Hook("alice")).Resolve(t.Context(), dismiss)
			once.Lock()
			defer once.Unlock()
			errs[1] = err
		},
		func() { callbacks.Finish(t.Context(), push(collectOrder, succ, "1000"), mostDeliveries) },
	}
	turns.Run(work...)
	for _, err := range errs {
		if err != nil && !errors.Is(err, reconcile.ErrNotOpen) {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	entries := w.Ledger.Entries()
	if err := reconciletest.Audit(entries); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	count := map[events.Outcome]int{}
	for _, e := range entries {
		count[e.Event.Outcome()]++
	}
	if count[events.OutcomeSettled] != 1 || count[events.OutcomeReview] != 1 || count[events.OutcomeResolved] != 1 {
		t.Fatalf("seed %d: told %v", seed, count)
	}
}

package reconcile_test

import (
	"context"
	"testing"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// rivals lets other emitters store their events just before this worker's
// appends, one for each.
func rivals(t *testing.T, w *reconciletest.World, theirs ...events.Event) reconciletest.Hook {
	t.Helper()
	return func(s reconciletest.Step) reconciletest.Fault {
		if s == reconciletest.StepAppend && len(theirs) > 0 {
			last := uint64(0)
			if e, err := w.Ledger.Last(context.Background(), reconciletest.MerchantID, reconciletest.OrderID); err == nil && e != nil {
				last = e.Sequence
			}
			if _, err := w.Ledger.Append(context.Background(), theirs[0], last); err != nil {
				t.Errorf("the rival could not emit: %v", err)
			}
			theirs = theirs[1:]
		}
		return reconciletest.None
	}
}

// TestConflict: where another emitter is first, the gateway is asked again and
// the decision is made with what the ledger holds now.
func TestConflict(t *testing.T) {
	settledBy := func(o events.Order) events.Event { return reconciletest.Outcome(o, events.OutcomeSettled, "1000") }
	failedBy := func(o events.Order) events.Event { return reconciletest.Outcome(o, events.OutcomeFailed, "0") }
	for _, test := range []struct {
		name    string
		d       reconcile.Delivery
		says    []reconciletest.Reply
		theirs  []events.Event
		want    []string
		queries int
	}{
		{
			name: "ours already", d: push(collectOrder, succ, "1000"), says: []reconciletest.Reply{paidReply},
			theirs: []events.Event{settledBy(collectOrder)}, queries: 1,
			want: []string{"settled confirmed 1000.00"},
		},
		{
			name: "failed before a collection", d: push(collectOrder, succ, "1000"), says: []reconciletest.Reply{paidReply},
			theirs: []events.Event{failedBy(collectOrder)}, queries: 2,
			want: []string{"failed confirmed 0.00", "settled late_success 1000.00 supersedes " + idOf(events.OutcomeFailed)},
		},
		{
			name: "failed before a payout", d: push(payOrder, succ, "1000"), says: []reconciletest.Reply{paidReply},
			theirs: []events.Event{failedBy(payOrder)}, queries: 2,
			want: []string{"failed confirmed 0.00", "review paid_after_failed 1000.00"},
		},
		{
			name: "settled, and the gateway changes its mind", d: push(collectOrder, fail, "1000"),
			says:   []reconciletest.Reply{failedReply, paidReply},
			theirs: []events.Event{settledBy(collectOrder)}, queries: 2,
			want: []string{"settled confirmed 1000.00"},
		},
		{
			name: "on the other flow", d: push(payOrder, succ, "1000"), says: []reconciletest.Reply{paidReply},
			theirs: []events.Event{settledBy(collectOrder)}, queries: 1, // whatever the gateway says now
			want: []string{"settled confirmed 1000.00", "review flow_conflict 1000.00"},
		},
		{
			name: "before a review", d: push(collectOrder, succ, "999"), says: []reconciletest.Reply{paidReply},
			theirs: []events.Event{settledBy(collectOrder)}, queries: 2,
			want: []string{"settled confirmed 1000.00", "review amount_mismatch 1000.00"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			w.Gateway.Says(reconciletest.OrderID, test.says...)
			res := deliver(t, w.Worker("w", 1, reconciletest.Config(), rivals(t, w, test.theirs...)), test.d)
			if res.Queries != test.queries || res.Conflicts != 1 {
				t.Errorf("%d queries, %d conflicts; want %d and 1", res.Queries, res.Conflicts, test.queries)
			}
			holds(t, w, test.want...)
		})
	}
}

// TestConflictAgainAndAgain: a delivery that is never first gives up for now,
// and spends no attempt.
func TestConflictAgainAndAgain(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	d := push(collectOrder, succ, "1000")
	res := deliver(t, w.Worker("w", 1, reconciletest.Config(), rivals(t, w,
		reconciletest.Outcome(collectOrder, events.OutcomeExpired, "0"),
		reconciletest.Outcome(collectOrder, events.OutcomeFailed, "0"),
		reconciletest.Outcome(payOrder, events.OutcomeFailed, "0"),
		reconciletest.Outcome(payOrder, events.OutcomeExpired, "0"),
	)), d)
	if res.Disposition != reconcile.Redeliver || res.Cause != "ledger" || res.Conflicts != 4 || res.Queries != 5 {
		t.Errorf("%+v; want it delivered again after 4 conflicts", res)
	}
	if next := deliver(t, worker(w, "w"), d); next.Attempts != 0 || next.Disposition != reconcile.Acknowledge {
		t.Errorf("the next delivery: %+v", next)
	}
}

// TestConflictThenUnreadable: a refused emission that can't be understood is
// tried again.
func TestConflictThenUnreadable(t *testing.T) {
	for _, step := range []reconciletest.Step{reconciletest.StepLast, reconciletest.StepQuery} {
		w := reconciletest.NewWorld()
		w.Gateway.Says(reconciletest.OrderID, paidReply)
		rival := rivals(t, w, reconciletest.Outcome(collectOrder, events.OutcomeFailed, "0"))
		broken := reconciletest.Nth(step, map[reconciletest.Step]int{reconciletest.StepLast: 1, reconciletest.StepQuery: 2}[step], reconciletest.Unapplied)
		d := push(collectOrder, succ, "1000")
		res := deliver(t, w.Worker("w", 1, reconciletest.Config(), func(s reconciletest.Step) reconciletest.Fault {
			rival(s)
			return broken(s)
		}), d)
		if res.Disposition != reconcile.Redeliver || res.Err == nil {
			t.Errorf("%s fails after a conflict: %+v", step, res)
		}
		finish(t, worker(w, "w"), d)
		holds(t, w, "failed confirmed 0.00", "settled late_success 1000.00 supersedes "+idOf(events.OutcomeFailed))
	}
}

// TestReviewThenAgreement: a later push that agrees settles, superseding the
// review, which is closed (gateway page, "amount ≠ callback's or submitted").
func TestReviewThenAgreement(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	for range 2 { // the same contradiction, seen again, is the same review
		finish(t, worker(w, "w"), push(collectOrder, succ, "999"))
	}
	holds(t, w, "review amount_mismatch 1000.00")
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	holds(t, w,
		"review amount_mismatch 1000.00",
		"settled confirmed 1000.00 supersedes "+mismatchReview,
		"resolved amount_mismatch 1000.00 by "+idOf(events.OutcomeSettled))
	open, err := w.Ledger.OpenReviews(t.Context(), reconciletest.MerchantID, reconciletest.OrderID)
	if err != nil || len(open) != 0 {
		t.Errorf("open reviews: %v, %v", open, err)
	}
}

// TestReviewsThatStay: an outcome answers only the reviews that stood in for
// it.
func TestReviewsThatStay(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	for _, reason := range []reconcile.Reason{reconcile.ReasonFlowConflict, reconcile.ReasonLagging, reconcile.ReasonDuplicatePayment} {
		if _, err := w.Ledger.Append(t.Context(), reconciletest.Review(collectOrder, string(reason)), 0); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	open, err := w.Ledger.OpenReviews(t.Context(), reconciletest.MerchantID, reconciletest.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, r := range open {
		reasons = append(reasons, r.Event.Data.Common().Reason)
	}
	if len(reasons) != 2 || reasons[0] != "flow_conflict" || reasons[1] != "duplicate_payment" {
		t.Errorf("open reviews after the settlement: %v", reasons)
	}
}

// TestReversalInReviewStays: a signed reversal that came while the query lagged is
// not answered by the settlement that another callback brings.
func TestReversalInReviewStays(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, openReply)
	finish(t, worker(w, "reversal"), reconciletest.Reversal(collectOrder, "1000", reconciletest.Start))
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	finish(t, worker(w, "success"), push(collectOrder, succ, "1000"))
	holds(t, w, "review lagging 0.00", "settled confirmed 1000.00")

	// The reversal answers it.
	w.Gateway.Says(reconciletest.OrderID, failedReply)
	finish(t, worker(w, "reversal"), reconciletest.Reversal(collectOrder, "1000", reconciletest.Start))
	if open, err := w.Ledger.OpenReviews(t.Context(), reconciletest.MerchantID, reconciletest.OrderID); err != nil || len(open) != 0 {
		t.Errorf("open reviews: %v, %v", open, err)
	}
}

// TestReviewAfterOutcomeStays: a review that was opened after the outcome is
// about something else than the outcome.
func TestReviewAfterOutcomeStays(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	finish(t, worker(w, "w"), push(collectOrder, succ, "999"))
	w.Claims.Flush()
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	holds(t, w, "settled confirmed 1000.00", "review amount_mismatch 1000.00")
}

// TestTrustedReversal: reverse: trust-signed tells the reversal although the
// query still says success; the same push again and the query that follows
// change nothing.
func TestTrustedReversal(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	d := reconciletest.Reversal(collectOrder, "1000", reconciletest.Start)
	d.Merchant.TrustSignedReverse = true
	for range 2 {
		finish(t, worker(w, "w"), d)
	}
	w.Gateway.Says(reconciletest.OrderID, failedReply)
	finish(t, worker(w, "w"), d)
	asked := w.Gateway.Asked(reconciletest.OrderID)
	finish(t, worker(w, "w"), d)
	if again := w.Gateway.Asked(reconciletest.OrderID) - asked; again != 0 {
		t.Errorf("asked %d times after callback and query agreed", again)
	}
	holds(t, w, "settled confirmed 1000.00", "reversed reverse_trusted 1000.00 supersedes "+idOf(events.OutcomeSettled))
}

// TestReversalWithoutReverse: a query that says failed after settled is asked
// again before it takes money back.
func TestReversalWithoutReverse(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	w.Gateway.Says(reconciletest.OrderID, failedReply)
	results := finish(t, worker(w, "w"), push(collectOrder, callback.Failed, "1000"))
	if len(results) != 3 {
		t.Errorf("reversed after %d looks, want the budget of 3", len(results))
	}
	holds(t, w, "settled confirmed 1000.00", "reversed by_query 1000.00 supersedes "+idOf(events.OutcomeSettled))
}

// TestSameWordsAfterAnotherOutcome: a contradiction that was answered by an
// outcome is another case when it comes again after that outcome.
func TestSameWordsAfterAnotherOutcome(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	contrary := push(collectOrder, fail, "1000")
	finish(t, worker(w, "w"), contrary)
	finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
	contrary.StreamSequence = 9 // it comes again
	finish(t, worker(w, "w"), contrary)
	open, err := w.Ledger.OpenReviews(t.Context(), reconciletest.MerchantID, reconciletest.OrderID)
	if err != nil || len(open) != 1 {
		t.Errorf("%d open reviews, %v; want the one of the second time", len(open), err)
	}
}

// TestReviewOpenedMeanwhile: a review that another delivery opens between this
// one's look and its outcome is closed all the same.
func TestReviewOpenedMeanwhile(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	opened := false
	slow := w.Worker("slow", 1, reconciletest.Config(), func(s reconciletest.Step) reconciletest.Fault {
		if s == reconciletest.StepAppend && !opened {
			opened = true
			finish(t, worker(w, "other"), push(collectOrder, succ, "999"))
		}
		return reconciletest.None
	})
	deliver(t, slow, push(collectOrder, succ, "1000"))
	if open, err := w.Ledger.OpenReviews(t.Context(), reconciletest.MerchantID, reconciletest.OrderID); err != nil || len(open) != 0 {
		t.Errorf("open reviews: %+v, %v", open, err)
	}
	if !opened {
		t.Error("no review was opened")
	}
}

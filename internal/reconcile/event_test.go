package reconcile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

func amount(s string) events.Amount { return events.MustParseAmount(s) }

// TestSettledEvent holds every field of an event, and those of the reversal
// that takes its money back.
func TestSettledEvent(t *testing.T) {
	w := reconciletest.NewWorld()
	submit(t, w, payOrder, "1000")
	d := push(payOrder, succ, "1000")
	d.Merchant.PayFee = events.PayFeeAdded
	d.Merchant.Location = time.FixedZone("far east", 12*60*60) // there it is the next day
	d.StreamSequence = 4711
	d.Callback.Fee, d.Callback.FeeKnown, d.Callback.Remark = decimal.MustParse("3"), true, "thanks"
	w.Gateway.Says(reconciletest.OrderID, reconciletest.Reply{Answer: reconcile.Answer{
		Found: true, Status: callback.Success, PlatOrderID: reconciletest.PlatOrderID,
		Amount: amount("1000.00"), Fee: amount("2.5"), UTR: "310310600223",
	}})
	w.Clock.Advance(90 * time.Second)
	confirmed := w.Clock.Now()
	res := finish(t, worker(w, "w"), d)[0]

	want := events.Payment{
		Outcome: events.OutcomeSettled, Reason: "confirmed", Via: events.ViaCallback, Match: events.ThreeWay,
		Flow: events.FlowPay, Merchant: reconciletest.MerchantID, Account: "8801",
		OrderID: reconciletest.OrderID, PlatOrderID: reconciletest.PlatOrderID,
		Amount: amount("1000.00"), Fee: amount("2.50"), Net: amount("1002.50"), SubmittedAmount: amount("1000.00"),
		Currency: "INR", Direction: events.Debit, BookingDate: "2026-05-05", LiveMode: true,
		UTR: "310310600223", Remark: "thanks",
		Evidence: events.Evidence{
			Fingerprint: "s1-r0-1000", ReceivedAt: reconciletest.Start, ConfirmedAt: confirmed, StreamSequence: 4711,
			Callback: &events.CallbackEvidence{Status: 1, Amount: amount("1000.00"), Fee: amount("3.00"), PlatOrderID: reconciletest.PlatOrderID, Remark: "thanks"},
			Query:    &events.QueryEvidence{Status: 1, Amount: amount("1000.00"), Fee: amount("2.50"), PlatOrderID: reconciletest.PlatOrderID, UTR: "310310600223"},
		},
	}
	if diff := cmp.Diff(events.Data(events.Settled{Payment: want}), res.Event.Data); diff != "" {
		t.Errorf("settled event (-want +got):\n%s", diff)
	}
	if res.Event.ID != idOf(events.OutcomeSettled) || !res.Event.Time.Equal(confirmed) || res.Event.Installation() != reconciletest.Installation {
		t.Errorf("envelope: %+v", res.Event)
	}

	// The query of a reversed order says 0; the money is that of the settled event.
	reversal := reconciletest.Reversal(payOrder, "1000", confirmed)
	reversal.Merchant.PayFee = events.PayFeeIncluded // changed since
	w.Gateway.Says(reconciletest.OrderID, failedReply)
	got := finish(t, worker(w, "w"), reversal)[0].Event.Data.Common()
	if got.Direction != events.Credit || !got.Amount.Equal(want.Amount) || !got.Fee.Equal(want.Fee) ||
		!got.Net.Equal(want.Net) || !got.SubmittedAmount.Equal(want.SubmittedAmount) || got.Supersedes != res.Event.ID {
		t.Errorf("reversed: %+v", got)
	}
}

// TestSandboxEvent: no real money moved.
func TestSandboxEvent(t *testing.T) {
	w := reconciletest.NewWorld()
	answer := paidReply
	answer.Answer.Sandbox, answer.Answer.PlatOrderID = true, ""
	w.Gateway.Says(reconciletest.OrderID, answer)
	p := finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))[0].Event.Data.Common()
	if p.LiveMode || p.Match != events.TwoWay || p.SubmittedAmount.Known() {
		t.Errorf("%+v; want livemode false, two-way", p)
	}
	if p.PlatOrderID != reconciletest.PlatOrderID {
		t.Errorf("platform order %q; where the query names none, the callback does", p.PlatOrderID)
	}
}

// TestReviewEvent: a review shows what each party said, and is named by it.
func TestReviewEvent(t *testing.T) {
	other := paidReply
	other.Answer.PlatOrderID = "9"
	for _, test := range []struct {
		name string
		says reconciletest.Reply
		want *events.QueryEvidence
	}{
		{"plat_order_differs", other, &events.QueryEvidence{Status: 1, Amount: amount("1000.00"), Fee: amount("0.00"), PlatOrderID: "9"}},
		{"other_order", reconciletest.Reply{Answer: reconcile.Answer{OtherOrder: true}}, nil},
		{"not_found", reconciletest.NotFound(), &events.QueryEvidence{NotFound: true}},
		{"unreadable_answer", reconciletest.Reply{Answer: reconcile.Answer{Unreadable: true}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			w.Gateway.Says(reconciletest.OrderID, test.says)
			results := finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
			e := results[len(results)-1].Event
			if p := e.Data.Common(); p.Reason != test.name || p.Direction != events.None || p.Net.Known() {
				t.Errorf("review: %+v", p)
			}
			if diff := cmp.Diff(test.want, e.Data.Common().Evidence.Query); diff != "" {
				t.Errorf("what the query said (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReviewNames: the same contradiction is the same review however its
// amounts are written; another is another.
func TestReviewNames(t *testing.T) {
	id := func(pushed, answered, submitted string) string {
		w := reconciletest.NewWorld()
		submit(t, w, collectOrder, submitted)
		w.Gateway.Says(reconciletest.OrderID, reconciletest.Succeeded(reconciletest.PlatOrderID, answered))
		return finish(t, worker(w, "w"), push(collectOrder, succ, pushed))[0].Event.ID
	}
	first := id("999", "1000", "1000")
	if again := id("999.00", "1000.0", "1000.00"); again != first {
		t.Errorf("%s and %s are one case", first, again)
	}
	for _, other := range []string{id("998", "1000", "1000"), id("999", "1001", "1000"), id("999", "1000", "1001")} {
		if other == first {
			t.Errorf("%s names two cases", other)
		}
	}
}

func TestStrings(t *testing.T) {
	for got, want := range map[string]string{
		reconcile.Acknowledge.String(): "ack", reconcile.Redeliver.String(): "redeliver", reconcile.Park.String(): "park",
		reconcile.Disposition(0).String(): "none", reconcile.ClaimOwned.String(): "owned", reconcile.ClaimHeld.String(): "held",
		reconcile.ClaimDone.String(): "done", reconcile.ClaimUnguarded.String(): "unguarded",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package reconcile_test

import (
	"testing"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// The alphabets are small, so that what should agree often does.
var (
	statuses = []callback.Status{callback.Submitted, callback.Success, callback.Failed}
	amounts  = []string{"0", "1000", "1000.00", "999", "0.01"}
	plats    = []string{reconciletest.PlatOrderID, "9"}
	flows    = []events.Flow{events.FlowCollect, events.FlowPay}
)

func drawAmount(t *rapid.T, label string) events.Amount {
	if rapid.Bool().Draw(t, label+" unknown") {
		return events.Amount{}
	}
	return events.MustParseAmount(rapid.SampledFrom(amounts).Draw(t, label))
}

func drawCase(t *rapid.T) reconcile.Case {
	c := reconcile.Case{
		Merchant:       reconciletest.Merchant(),
		Order:          reconciletest.Order(rapid.SampledFrom(flows).Draw(t, "flow"), reconciletest.OrderID),
		StreamSequence: rapid.Uint64Range(0, 2).Draw(t, "sequence"), // the last event is of 1
		SuffixOf:       rapid.SampledFrom([]string{"", "", "A"}).Draw(t, "suffix of"),
		Budget:         budget,
		Attempts:       rapid.SampledFrom([]reconcile.Attempts{nil, spent, {reconcile.ReasonLagging: budget}}).Draw(t, "attempts"),
	}
	c.Merchant.TrustSignedReverse = rapid.Bool().Draw(t, "trust")
	c.Merchant.RequireSubmitted = map[events.Flow]bool{events.FlowPay: rapid.Bool().Draw(t, "required")}
	c.Stage = rapid.SampledFrom([]reconcile.Stage{
		reconcile.StageCallback, reconcile.StageCallback, reconcile.StageTier, reconcile.StageLastTier, reconcile.StageLookBack,
	}).Draw(t, "stage")
	drawCallback(t, &c)
	drawAnswer(t, &c)
	drawLast(t, &c)
	if rapid.Bool().Draw(t, "is submitted") {
		c.Submitted = &reconcile.Submitted{
			Flow:   rapid.SampledFrom([]events.Flow{c.Order.Flow, c.Order.Flow, events.FlowPay}).Draw(t, "submitted flow"),
			Amount: drawAmount(t, "submitted amount"), Currency: rapid.SampledFrom([]string{"INR", "INR", "USD"}).Draw(t, "submitted currency"),
			Unusable: rapid.IntRange(0, 4).Draw(t, "unusable") == 0,
		}
	}
	return c
}

func drawCallback(t *rapid.T, c *reconcile.Case) {
	if !rapid.Bool().Draw(t, "pushed") {
		return
	}
	c.Callback = &callback.Callback{
		OrderID: c.Order.OrderID, PlatOrderID: rapid.SampledFrom(plats).Draw(t, "pushed plat"),
		Status: rapid.SampledFrom(statuses).Draw(t, "pushed status"), Reverse: rapid.Bool().Draw(t, "reverse"),
		Amount: decimal.MustParse(rapid.SampledFrom(amounts).Draw(t, "pushed amount")),
	}
}

func drawAnswer(t *rapid.T, c *reconcile.Case) {
	switch rapid.IntRange(0, 9).Draw(t, "answer") {
	case 0: // not found
	case 1:
		c.Answer = reconcile.Answer{OtherOrder: true}
	case 2:
		c.Answer = reconcile.Answer{Unreadable: true}
	default:
		c.Answer = reconcile.Answer{
			Found: true, Status: rapid.SampledFrom(statuses).Draw(t, "status"),
			PlatOrderID: rapid.SampledFrom(append([]string{""}, plats...)).Draw(t, "plat"),
			Amount:      drawAmount(t, "amount"), Fee: drawAmount(t, "fee"),
		}
	}
}

func drawLast(t *rapid.T, c *reconcile.Case) {
	o := rapid.SampledFrom([]events.Outcome{
		"", events.OutcomeSettled, events.OutcomeFailed, events.OutcomeReversed, events.OutcomeExpired,
	}).Draw(t, "told")
	if o == "" {
		return
	}
	order := c.Order
	if rapid.IntRange(0, 9).Draw(t, "told on other flow") == 0 {
		order = onOtherFlow(order)
	}
	amount := rapid.SampledFrom([]string{"1000", "999"}).Draw(t, "told amount")
	c.Last = entry(reconciletest.Outcome(order, o, amount))
	if o == events.OutcomeReversed && rapid.Bool().Draw(t, "on trust") {
		reversedOnTrust(c)
	}
}

// TestDecideProperties holds over every case that can be drawn what must never
// happen with money.
func TestDecideProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		d := reconcile.Decide(c)
		if d.Reason == "" || d.Verdict.String() == "none" {
			t.Fatalf("%+v: no verdict, or no reason", d)
		}
		if (d.Verdict == reconcile.Emit) != (d.Outcome != "") {
			t.Fatalf("%+v: an outcome without emitting, or the reverse", d)
		}
		for rule, broken := range map[string]bool{
			"settled on less than agreement":       d.Outcome == events.OutcomeSettled && !maySettle(c),
			"failed on less than agreement":        d.Outcome == events.OutcomeFailed && !mayFail(c),
			"reversed on too little":               d.Outcome == events.OutcomeReversed && !mayReverse(c),
			"expired while somebody may have paid": d.Outcome == events.OutcomeExpired && !mayExpire(c),
			"agreed without agreement":             d.Agreed && !agree(c),
			"nothing was found, but something is":  d.Verdict == reconcile.Emit && d.Outcome != events.OutcomeExpired && !c.Answer.Found,
			"a spent budget asks again":            d.Verdict == reconcile.Retry && d.Reason != reconcile.ReasonByQuery && c.Attempts != nil,
			"duplicate of nothing":                 d.Reason == reconcile.ReasonDuplicate && c.Last == nil,
			"a reversal is dropped":                c.Stage == reconcile.StageCallback && d.Verdict == reconcile.Ignore && d.Reason != reconcile.ReasonDuplicate && c.Callback != nil && c.Callback.Reverse,
			"the other flow's event is taken":      c.Last != nil && lastOf(c).Flow != c.Order.Flow && d.Reason != reconcile.ReasonFlowConflict,
		} {
			if broken {
				t.Fatalf("%s: %+v", rule, d)
			}
		}
	})
}

// TestDecideBudget: the budget changes nothing but looking again, and that into
// a review of the same reason, or the reversal that the query alone tells.
func TestDecideBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		c.Attempts = nil
		fresh := reconcile.Decide(c)
		c.Attempts = spent
		spent := reconcile.Decide(c)
		want := fresh
		switch {
		case fresh.Reason == reconcile.ReasonByQuery:
			want = emits(events.OutcomeReversed, reconcile.ReasonByQuery, false)
		case fresh.Verdict == reconcile.Retry:
			want = reviews(fresh.Reason)
		}
		if spent != want {
			t.Fatalf("fresh %+v, spent %+v; want %+v", fresh, spent, want)
		}
	})
}

func lastOf(c reconcile.Case) events.Payment { return c.Last.Event.Data.Common() }

func lastIs(c reconcile.Case, outcomes ...events.Outcome) bool {
	for _, o := range outcomes {
		if o == "" && c.Last == nil || c.Last != nil && c.Last.Event.Outcome() == o && lastOf(c).Flow == c.Order.Flow {
			return true
		}
	}
	return false
}

func usable(c reconcile.Case) bool {
	return c.Submitted != nil && !c.Submitted.Unusable && c.Submitted.Currency == c.Merchant.Currency
}

func known(c reconcile.Case) bool {
	return c.SuffixOf == "" && (c.Submitted == nil || c.Submitted.Unusable || c.Submitted.Flow == c.Order.Flow) &&
		(c.Submitted != nil || !c.Merchant.RequireSubmitted[c.Order.Flow])
}

func samePlat(c reconcile.Case) bool {
	return c.Callback == nil || c.Answer.PlatOrderID == "" || c.Answer.PlatOrderID == c.Callback.PlatOrderID
}

func pushedAmountIs(c reconcile.Case, a events.Amount) bool {
	d, ok := a.Decimal()
	return ok && c.Callback.Amount.Equal(d)
}

func maySettle(c reconcile.Case) bool {
	pushAgrees := c.Callback == nil || c.Callback.Status == callback.Success && !c.Callback.Reverse && pushedAmountIs(c, c.Answer.Amount)
	submissionAgrees := c.Submitted == nil || usable(c) && (!c.Submitted.Amount.Known() || c.Submitted.Amount.Equal(c.Answer.Amount))
	before := lastIs(c, "", events.OutcomeExpired) || c.Order.Flow == events.FlowCollect && lastIs(c, events.OutcomeFailed)
	return c.Answer.Found && c.Answer.Status == callback.Success && c.Answer.Amount.Sign() > 0 &&
		pushAgrees && submissionAgrees && before && known(c) && samePlat(c)
}

func mayFail(c reconcile.Case) bool {
	pushAgrees := c.Callback == nil || c.Callback.Status == callback.Failed && !c.Callback.Reverse
	return c.Answer.Found && c.Answer.Status == callback.Failed && pushAgrees &&
		lastIs(c, "", events.OutcomeExpired) && known(c) && samePlat(c)
}

// mayExpire: a collection that nobody says anything about, when the sweep gives
// up.
func mayExpire(c reconcile.Case) bool {
	unpaid := !c.Answer.Found && !c.Answer.OtherOrder && !c.Answer.Unreadable || c.Answer.Found && c.Answer.Status == callback.Submitted
	return c.Stage == reconcile.StageLastTier && c.Order.Flow == events.FlowCollect && unpaid && c.Callback == nil && c.Last == nil
}

func mayReverse(c reconcile.Case) bool {
	signed := c.Callback != nil && c.Callback.Reverse && pushedAmountIs(c, lastOf(c).Amount)
	trusted := signed && c.Merchant.TrustSignedReverse && c.Answer.Status == callback.Success
	confirmed := c.Answer.Status == callback.Failed && (signed || c.Attempts[reconcile.ReasonByQuery] == budget-1 && (c.Callback == nil || !c.Callback.Reverse))
	samePayment := c.Answer.PlatOrderID == "" || c.Answer.PlatOrderID == lastOf(c).PlatOrderID
	return c.Answer.Found && lastIs(c, events.OutcomeSettled) && samePlat(c) && samePayment && (trusted || confirmed)
}

// agree: callback and query tell the same story. Where the query leaves the
// amount out of a settled order, it is the settled one.
func agree(c reconcile.Case) bool {
	if c.Callback == nil || !c.Answer.Found || !samePlat(c) {
		return false
	}
	amount := c.Answer.Amount
	if !amount.Known() && lastIs(c, events.OutcomeSettled) {
		amount = lastOf(c).Amount
	}
	switch c.Answer.Status {
	case callback.Success:
		return c.Callback.Status == callback.Success && !c.Callback.Reverse && pushedAmountIs(c, amount)
	case callback.Failed:
		return c.Callback.Status == callback.Failed || c.Callback.Reverse
	default:
		return false
	}
}

package reconcile_test

import (
	"testing"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// fact changes what is known of a case. Without any, nobody pushed, the
// gateway knows no such order, and downstream heard nothing.
type fact func(*reconcile.Case)

func caseOf(flow events.Flow, facts []fact) reconcile.Case {
	c := reconcile.Case{
		Merchant: reconciletest.Merchant(), Order: reconciletest.Order(flow, reconciletest.OrderID),
		StreamSequence: 2, // after the callback that made the ledger's last event
		Budget:         budget,
	}
	for _, f := range facts {
		f(&c)
	}
	return c
}

// pushed: the gateway pushed this.
func pushed(s callback.Status, amount string) fact {
	return func(c *reconcile.Case) {
		c.Callback = &callback.Callback{
			OrderID: c.Order.OrderID, PlatOrderID: reconciletest.PlatOrderID, Status: s, Amount: decimal.MustParse(amount),
		}
	}
}

// reversing: the push carries reverse=true, whatever its status.
func reversing(s callback.Status, amount string) fact {
	return func(c *reconcile.Case) { pushed(s, amount)(c); c.Callback.Reverse = true }
}

// budget is of conclusive looks, spent is all of it, for whatever reason.
const budget = 3

var spent = reconcile.Attempts{reconcile.ReasonByQuery: budget - 1}

// early: the push came before the one that made the ledger's last event.
func early(c *reconcile.Case) { c.StreamSequence = 0 }

// queried: the order query answered this.
func queried(r reconciletest.Reply) fact {
	return func(c *reconcile.Case) { c.Answer = r.Answer }
}

func paid(amount string) fact {
	return queried(reconciletest.Succeeded(reconciletest.PlatOrderID, amount))
}

func paidOf(platOrderID string) fact { return queried(reconciletest.Succeeded(platOrderID, "1000")) }

func paidWithFee(fee string) fact {
	return func(c *reconcile.Case) { paid("1000")(c); c.Answer.Fee = events.MustParseAmount(fee) }
}

func paidUnknownAmount(c *reconcile.Case) { paid("1000")(c); c.Answer.Amount = events.Amount{} }

var (
	failed = queried(reconciletest.Failed(reconciletest.PlatOrderID))
	open   = queried(reconciletest.Open(reconciletest.PlatOrderID))
)

func otherOrder(c *reconcile.Case) { c.Answer = reconcile.Answer{OtherOrder: true} }

// told: downstream heard this outcome last.
func told(o events.Outcome) fact { return toldFor(o, "1000") }

func toldFor(o events.Outcome, amount string) fact {
	return func(c *reconcile.Case) { c.Last = entry(reconciletest.Outcome(c.Order, o, amount)) }
}

func entry(e events.Event) *reconcile.Entry { return &reconcile.Entry{Sequence: 41, Event: e} }

// toldPayment is told with a payment that a test changes.
func toldPayment(o events.Outcome, change func(*events.Payment)) fact {
	return func(c *reconcile.Case) {
		p := reconciletest.Outcome(c.Order, o, "1000").Data.Common()
		change(&p)
		var data events.Data = events.Settled{Payment: p}
		if o == events.OutcomeReversed {
			data = events.Reversed{Payment: p}
		}
		c.Last = entry(events.Event{Data: data})
	}
}

func toldWithFee(fee string) fact {
	return toldPayment(events.OutcomeSettled, func(p *events.Payment) { p.Fee = events.MustParseAmount(fee) })
}

// reversedOnTrust: downstream heard reversed because of the signature alone.
func reversedOnTrust(c *reconcile.Case) {
	toldPayment(events.OutcomeReversed, func(p *events.Payment) { p.Reason = string(reconcile.ReasonReverseTrusted) })(c)
}

func toldOnOtherFlow(c *reconcile.Case) {
	c.Last = entry(reconciletest.Outcome(onOtherFlow(c.Order), events.OutcomeSettled, "1000"))
}

func onOtherFlow(o events.Order) events.Order {
	if o.Flow == events.FlowCollect {
		return reconciletest.Order(events.FlowPay, o.OrderID)
	}
	return reconciletest.Order(events.FlowCollect, o.OrderID)
}

// submitted: the order service announced the order.
func submitted(amount string) fact {
	return func(c *reconcile.Case) {
		c.Submitted = &reconcile.Submitted{Flow: c.Order.Flow, Amount: events.MustParseAmount(amount), Currency: reconciletest.Currency}
	}
}

func submittedInDollars(c *reconcile.Case) {
	submitted("1000")(c)
	c.Submitted.Currency = "USD"
}

func submittedUnusable(c *reconcile.Case) {
	c.Submitted = &reconcile.Submitted{Flow: onOtherFlow(c.Order).Flow, Unusable: true}
}

func unreadable(c *reconcile.Case) { c.Answer = reconcile.Answer{Unreadable: true} }

// The stages: without one of them it is a callback that is looked at.
func atTier(c *reconcile.Case)      { c.Stage = reconcile.StageTier }
func atLastTier(c *reconcile.Case)  { c.Stage = reconcile.StageLastTier }
func lookingBack(c *reconcile.Case) { c.Stage = reconcile.StageLookBack }

func unanswered(c *reconcile.Case) { c.Answer = reconcile.Answer{Unanswered: true} }

func submittedOnOtherFlow(c *reconcile.Case) {
	submitted("1000")(c)
	c.Submitted.Flow = onOtherFlow(c.Order).Flow
}

func submittedUnknownAmount(c *reconcile.Case) {
	submitted("1000")(c)
	c.Submitted.Amount = events.Amount{}
}

// matchRequired: match: required on both flows.
func matchRequired(c *reconcile.Case) {
	c.Merchant.RequireSubmitted = map[events.Flow]bool{events.FlowCollect: true, events.FlowPay: true}
}

// trusting: reverse: trust-signed.
func trusting(c *reconcile.Case) { c.Merchant.TrustSignedReverse = true }

// suffixed: the order is an unregistered X_1 where X is known.
func suffixed(c *reconcile.Case) { c.SuffixOf = "A" }

// The decisions, by how they read.
func settle(r reconcile.Reason, agreed bool) reconcile.Decision {
	return emits(events.OutcomeSettled, r, agreed)
}

func emits(o events.Outcome, r reconcile.Reason, agreed bool) reconcile.Decision {
	return reconcile.Decision{Verdict: reconcile.Emit, Outcome: o, Reason: r, Agreed: agreed}
}

func retries(r reconcile.Reason) reconcile.Decision {
	return reconcile.Decision{Verdict: reconcile.Retry, Reason: r}
}

func reviews(r reconcile.Reason) reconcile.Decision {
	return reconcile.Decision{Verdict: reconcile.Review, Reason: r}
}

func ignores(r reconcile.Reason, agreed bool) reconcile.Decision {
	return reconcile.Decision{Verdict: reconcile.Ignore, Reason: r, Agreed: agreed}
}

const (
	sub  = callback.Submitted
	succ = callback.Success
	fail = callback.Failed

	settledBefore  = events.OutcomeSettled
	failedBefore   = events.OutcomeFailed
	reversedBefore = events.OutcomeReversed
	expiredBefore  = events.OutcomeExpired
)

// decideRow is one situation. An absent exhausted means that the budget makes
// no difference; an absent flow, that the flow makes none.
type decideRow struct {
	name      string
	flow      events.Flow
	facts     []fact
	want      reconcile.Decision
	exhausted reconcile.Decision
}

func facts(f ...fact) []fact { return f }

// lines are the lines of the table "Order states" of the gateway page.
var lines = map[string][]decideRow{
	"no event yet; query 1, amounts agree": {
		{name: "two-way", facts: facts(pushed(succ, "1000"), paid("1000")), want: settle(reconcile.ReasonConfirmed, true)},
		{name: "three-way", facts: facts(pushed(succ, "1000"), paid("1000"), submitted("1000")), want: settle(reconcile.ReasonConfirmed, true)},
		{name: "by value", facts: facts(pushed(succ, "1000"), paid("1000.00"), submitted("1000.0")), want: settle(reconcile.ReasonConfirmed, true)},
		{name: "nobody pushed", facts: facts(paid("1000")), want: settle(reconcile.ReasonConfirmed, false)},
		{name: "nobody pushed, submitted", facts: facts(paid("1000"), submitted("1000")), want: settle(reconcile.ReasonConfirmed, false)},
		{name: "submitted without amount", facts: facts(pushed(succ, "1000"), paid("1000"), submittedUnknownAmount), want: settle(reconcile.ReasonConfirmed, true)},
		{name: "required and submitted", facts: facts(pushed(succ, "1000"), paid("1000"), submitted("1000"), matchRequired), want: settle(reconcile.ReasonConfirmed, true)},
		{name: "the query names no platform order", facts: facts(pushed(succ, "1000"), paidOf("")), want: settle(reconcile.ReasonConfirmed, true)},
	},
	"no event yet; query 2, callback 2 or none": {
		{name: "pushed", facts: facts(pushed(fail, "1000"), failed), want: emits(failedBefore, reconcile.ReasonConfirmed, true)},
		{name: "nobody pushed", facts: facts(failed), want: emits(failedBefore, reconcile.ReasonConfirmed, false)},
		{name: "amounts are not compared", facts: facts(pushed(fail, "999"), failed, submitted("1000")), want: emits(failedBefore, reconcile.ReasonConfirmed, true)},
		{name: "after expired", facts: facts(pushed(fail, "1000"), failed, told(expiredBefore)), want: emits(failedBefore, reconcile.ReasonConfirmed, true)},
	},
	"query 0": {
		{name: "success pushed", facts: facts(pushed(succ, "1000"), open), want: retries(reconcile.ReasonLagging), exhausted: reviews(reconcile.ReasonLagging)},
		{name: "failure pushed", facts: facts(pushed(fail, "1000"), open), want: retries(reconcile.ReasonLagging), exhausted: reviews(reconcile.ReasonLagging)},
		{name: "reversal pushed", facts: facts(reversing(fail, "1000"), open, told(settledBefore)), want: retries(reconcile.ReasonLagging), exhausted: reviews(reconcile.ReasonLagging)},
		{name: "nobody pushed: the sweep's affair", facts: facts(open), want: ignores(reconcile.ReasonOpen, false)},
	},
	"callback and query both final but different": {
		{name: "failed, query 1", facts: facts(pushed(fail, "1000"), paid("1000")), want: retries(reconcile.ReasonContradiction), exhausted: reviews(reconcile.ReasonContradiction)},
		{name: "success, query 2", facts: facts(pushed(succ, "1000"), failed), want: retries(reconcile.ReasonContradiction), exhausted: reviews(reconcile.ReasonContradiction)},
		{name: "failed after settled, query 1", facts: facts(pushed(fail, "1000"), paid("1000"), told(settledBefore)), want: retries(reconcile.ReasonContradiction), exhausted: reviews(reconcile.ReasonContradiction)},
		{name: "success after failed, query 2", facts: facts(pushed(succ, "1000"), failed, told(failedBefore)), want: retries(reconcile.ReasonContradiction), exhausted: reviews(reconcile.ReasonContradiction)},
		{name: "success after reversed, query 2", facts: facts(pushed(succ, "1000"), failed, told(reversedBefore)), want: retries(reconcile.ReasonContradiction), exhausted: reviews(reconcile.ReasonContradiction)},
	},
	"amount ≠ callback's or submitted": {
		{name: "callback's", facts: facts(pushed(succ, "999.99"), paid("1000")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "submitted", facts: facts(pushed(succ, "1000"), paid("1000"), submitted("1000.01")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "submitted, nobody pushed", facts: facts(paid("1000"), submitted("1")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "short paid, said by both", facts: facts(pushed(succ, "900"), paid("900"), submitted("1000")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "no amount", facts: facts(pushed(succ, "1000"), paidUnknownAmount), want: reviews(reconcile.ReasonNoAmount)},
		{name: "amount 0", facts: facts(pushed(succ, "0"), paid("0")), want: reviews(reconcile.ReasonNoAmount)},
		{name: "submitted later, after settled", facts: facts(pushed(succ, "1000"), paid("1000"), told(settledBefore), submitted("999")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "callback's, after settled, the query without amount", facts: facts(pushed(succ, "999"), paidUnknownAmount, told(settledBefore)), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "submitted later, the query without amount", facts: facts(paidUnknownAmount, told(settledBefore), submitted("999")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "callback's, after settled", facts: facts(pushed(succ, "999"), paid("1000"), told(settledBefore)), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "submitted later, an older push", facts: facts(pushed(succ, "999"), early, paid("1000"), told(settledBefore), submitted("999")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "reversal of a part", facts: facts(reversing(fail, "500"), failed, told(settledBefore)), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "trusted reversal of a part", facts: facts(reversing(fail, "500"), paid("1000"), told(settledBefore), trusting), want: reviews(reconcile.ReasonAmountMismatch)},
	},
	"platOrderId or order id differs between callback and query": {
		{name: "platOrderId, success", facts: facts(pushed(succ, "1000"), paidOf("9")), want: reviews(reconcile.ReasonPlatOrder)},
		{name: "platOrderId, failed", facts: facts(pushed(fail, "1000"), queried(reconciletest.Failed("9"))), want: reviews(reconcile.ReasonPlatOrder)},
		{name: "order id", facts: facts(pushed(succ, "1000"), otherOrder), want: reviews(reconcile.ReasonOtherOrder)},
		{name: "order id, nobody pushed", facts: facts(otherOrder), want: reviews(reconcile.ReasonOtherOrder)},
	},
	"failed or expired → query 1, collection": {
		{name: "failed", flow: events.FlowCollect, facts: facts(pushed(succ, "1000"), paid("1000"), told(failedBefore)), want: settle(reconcile.ReasonLateSuccess, true)},
		{name: "failed for 0", flow: events.FlowCollect, facts: facts(pushed(succ, "1000"), paid("1000"), toldFor(failedBefore, "0")), want: settle(reconcile.ReasonLateSuccess, true)},
		{name: "failed, nobody pushed", flow: events.FlowCollect, facts: facts(paid("1000"), told(failedBefore)), want: settle(reconcile.ReasonLateSuccess, false)},
		{name: "expired", flow: events.FlowCollect, facts: facts(pushed(succ, "1000"), paid("1000"), told(expiredBefore)), want: settle(reconcile.ReasonLateSuccess, true)},
		{name: "another amount", flow: events.FlowCollect, facts: facts(pushed(succ, "1000"), paid("10"), told(failedBefore)), want: reviews(reconcile.ReasonAmountMismatch)},
	},
	"failed → query 1, payout": {
		{name: "pushed", flow: events.FlowPay, facts: facts(pushed(succ, "1000"), paid("1000"), told(failedBefore)), want: reviews(reconcile.ReasonPaidAfterFailed)},
		{name: "nobody pushed", flow: events.FlowPay, facts: facts(paid("1000"), told(failedBefore)), want: reviews(reconcile.ReasonPaidAfterFailed)},
	},
	"settled → reverse=true and query 2": {
		{name: "status 2", facts: facts(reversing(fail, "1000"), failed, told(settledBefore)), want: emits(reversedBefore, reconcile.ReasonReverse, true)},
		{name: "status 1", facts: facts(reversing(succ, "1000"), failed, told(settledBefore)), want: emits(reversedBefore, reconcile.ReasonReverse, true)},
		{name: "status 0", facts: facts(reversing(sub, "1000"), failed, told(settledBefore)), want: emits(reversedBefore, reconcile.ReasonReverse, true)},
		{name: "trusting changes nothing", facts: facts(reversing(fail, "1000"), failed, told(settledBefore), trusting), want: emits(reversedBefore, reconcile.ReasonReverse, true)},
	},
	"settled → query 2 without reverse": {
		{name: "failed pushed", facts: facts(pushed(fail, "1000"), failed, told(settledBefore)), want: retries(reconcile.ReasonByQuery), exhausted: emits(reversedBefore, reconcile.ReasonByQuery, false)},
		{name: "nobody pushed", facts: facts(failed, told(settledBefore)), want: retries(reconcile.ReasonByQuery), exhausted: emits(reversedBefore, reconcile.ReasonByQuery, false)},
		{name: "success pushed", facts: facts(pushed(succ, "1000"), failed, told(settledBefore)), want: retries(reconcile.ReasonByQuery), exhausted: emits(reversedBefore, reconcile.ReasonByQuery, false)},
	},
	"reverse=true, query still 1": {
		{name: "confirm", facts: facts(reversing(fail, "1000"), paid("1000"), told(settledBefore)), want: retries(reconcile.ReasonReverseUnconfirmed), exhausted: reviews(reconcile.ReasonReverseUnconfirmed)},
		{name: "trust-signed", facts: facts(reversing(fail, "1000"), paid("1000"), told(settledBefore), trusting), want: emits(reversedBefore, reconcile.ReasonReverseTrusted, false)},
		{name: "trust-signed, pushed again", facts: facts(reversing(fail, "1000"), paid("1000"), reversedOnTrust, trusting), want: ignores(reconcile.ReasonDuplicate, false)},
		{name: "trust-signed, the query follows", facts: facts(reversing(fail, "1000"), failed, reversedOnTrust, trusting), want: ignores(reconcile.ReasonDuplicate, true)},
		{name: "trust-signed, an older success", facts: facts(pushed(succ, "1000"), early, paid("1000"), reversedOnTrust, trusting), want: ignores(reconcile.ReasonStale, false)},
		{name: "trust-signed, a newer success", facts: facts(pushed(succ, "1000"), paid("1000"), reversedOnTrust, trusting), want: reviews(reconcile.ReasonReentered)},
	},
	"reverse=true, no settled event": {
		{name: "no event, query 2", facts: facts(reversing(fail, "1000"), failed), want: retries(reconcile.ReasonReverseUnsettled), exhausted: reviews(reconcile.ReasonReverseUnsettled)},
		{name: "no event, query 1", facts: facts(reversing(fail, "1000"), paid("1000")), want: retries(reconcile.ReasonReverseUnsettled), exhausted: reviews(reconcile.ReasonReverseUnsettled)},
		{name: "no event, trusting", facts: facts(reversing(fail, "1000"), paid("1000"), trusting), want: retries(reconcile.ReasonReverseUnsettled), exhausted: reviews(reconcile.ReasonReverseUnsettled)},
		{name: "failed before, query 2", facts: facts(reversing(fail, "1000"), failed, told(failedBefore)), want: retries(reconcile.ReasonReverseUnsettled), exhausted: reviews(reconcile.ReasonReverseUnsettled)},
		{name: "expired before, query 1", facts: facts(reversing(fail, "1000"), paid("1000"), told(expiredBefore)), want: retries(reconcile.ReasonReverseUnsettled), exhausted: reviews(reconcile.ReasonReverseUnsettled)},
	},
	"any state entered again; amount or fee changed after settled": {
		{name: "reversed → 1", facts: facts(pushed(succ, "1000"), paid("1000"), told(reversedBefore)), want: reviews(reconcile.ReasonReentered)},
		{name: "reversed → 1, nobody pushed", facts: facts(paid("1000"), told(reversedBefore)), want: reviews(reconcile.ReasonReentered)},
		{name: "reversed → 1, an older push", facts: facts(pushed(succ, "1000"), early, paid("1000"), told(reversedBefore)), want: reviews(reconcile.ReasonReentered)},
		{name: "amount", facts: facts(pushed(succ, "1001"), paid("1001"), told(settledBefore)), want: reviews(reconcile.ReasonChanged)},
		{name: "amount, nobody pushed", facts: facts(paid("1001"), told(settledBefore)), want: reviews(reconcile.ReasonChanged)},
		{name: "fee", facts: facts(pushed(succ, "1000"), paidWithFee("2"), toldWithFee("1")), want: reviews(reconcile.ReasonChanged)},
		{name: "platform order", facts: facts(paidOf("9"), told(settledBefore)), want: reviews(reconcile.ReasonChanged)},
		{name: "platform order, query 2", facts: facts(queried(reconciletest.Failed("9")), told(settledBefore)), want: reviews(reconcile.ReasonChanged)},
		{name: "platform order, reversed", facts: facts(reversing(fail, "1000"), func(c *reconcile.Case) { c.Callback.PlatOrderID = "9" }, queried(reconciletest.Failed("9")), told(settledBefore)), want: reviews(reconcile.ReasonChanged)},
		{name: "nothing, the query without amount", facts: facts(pushed(succ, "1000"), paidUnknownAmount, told(settledBefore)), want: ignores(reconcile.ReasonDuplicate, true)},
		{name: "nothing, fee unknown before", facts: facts(pushed(succ, "1000"), paidWithFee("2"), told(settledBefore)), want: ignores(reconcile.ReasonDuplicate, true)},
		{name: "nothing, by value", facts: facts(pushed(succ, "1000"), paidWithFee("1.00"), toldWithFee("1")), want: ignores(reconcile.ReasonDuplicate, true)},
	},
	"a duplicate": {
		{name: "of settled", facts: facts(pushed(succ, "1000"), paid("1000"), told(settledBefore)), want: ignores(reconcile.ReasonDuplicate, true)},
		{name: "of settled, nobody pushed", facts: facts(paid("1000"), told(settledBefore)), want: ignores(reconcile.ReasonDuplicate, false)},
		{name: "of failed", facts: facts(pushed(fail, "1000"), failed, told(failedBefore)), want: ignores(reconcile.ReasonDuplicate, true)},
		{name: "of reversed", facts: facts(reversing(fail, "1000"), failed, told(reversedBefore)), want: ignores(reconcile.ReasonDuplicate, true)},
		{name: "of reversed, without reverse", facts: facts(pushed(fail, "1000"), failed, told(reversedBefore)), want: ignores(reconcile.ReasonDuplicate, true)},
	},
	"same order id seen under the other flow": {
		{name: "told", facts: facts(pushed(succ, "1000"), paid("1000"), toldOnOtherFlow), want: reviews(reconcile.ReasonFlowConflict)},
		{name: "submitted", facts: facts(pushed(succ, "1000"), paid("1000"), submittedOnOtherFlow), want: reviews(reconcile.ReasonFlowConflict)},
		{name: "submitted, failed", facts: facts(pushed(fail, "1000"), failed, submittedOnOtherFlow), want: reviews(reconcile.ReasonFlowConflict)},
	},
	"callback status 0, or older than what the ledger says": {
		{name: "status 0", facts: facts(pushed(sub, "1000"), paid("1000")), want: ignores(reconcile.ReasonStale, false)},
		{name: "status 0 after settled", facts: facts(pushed(sub, "1000"), failed, told(settledBefore)), want: ignores(reconcile.ReasonStale, false)},
		{name: "status 0, not found", facts: facts(pushed(sub, "1000")), want: ignores(reconcile.ReasonStale, false)},
		{name: "older failed, settled", facts: facts(pushed(fail, "1000"), early, paid("1000"), told(settledBefore)), want: ignores(reconcile.ReasonStale, false)},
		{name: "older success of another amount, settled", facts: facts(pushed(succ, "999"), early, paid("1000"), told(settledBefore)), want: ignores(reconcile.ReasonStale, false)},
		{name: "older success, failed", facts: facts(pushed(succ, "1000"), early, failed, told(failedBefore)), want: ignores(reconcile.ReasonStale, false)},
		{name: "older success, reversed", facts: facts(pushed(succ, "1000"), early, failed, told(reversedBefore)), want: ignores(reconcile.ReasonStale, false)},
	},
	"query says the order does not exist": {
		{name: "pushed", facts: facts(pushed(succ, "1000")), want: retries(reconcile.ReasonNotFound), exhausted: reviews(reconcile.ReasonNotFound)},
		{name: "failure pushed: it may have been created since", facts: facts(pushed(fail, "1000")), want: retries(reconcile.ReasonNotFound), exhausted: reviews(reconcile.ReasonNotFound)},
		{name: "nobody pushed: the sweep's affair", facts: facts(), want: ignores(reconcile.ReasonNotFound, false)},
		{name: "after settled", facts: facts(reversing(fail, "1000"), told(settledBefore), trusting), want: retries(reconcile.ReasonNotFound), exhausted: reviews(reconcile.ReasonNotFound)},
	},
	"query answers with what can't be read": {
		{name: "pushed", facts: facts(pushed(succ, "1000"), unreadable), want: retries(reconcile.ReasonUnreadable), exhausted: reviews(reconcile.ReasonUnreadable)},
		{name: "settled", facts: facts(pushed(succ, "1000"), unreadable, told(settledBefore)), want: retries(reconcile.ReasonUnreadable), exhausted: reviews(reconcile.ReasonUnreadable)},
	},
	"submitted, but not usable": {
		{name: "not readable", facts: facts(pushed(succ, "1000"), paid("1000"), submittedUnusable), want: reviews(reconcile.ReasonSubmission)},
		{name: "other currency", facts: facts(pushed(succ, "1000"), paid("1000"), submittedInDollars), want: reviews(reconcile.ReasonSubmission)},
		{name: "after settled", facts: facts(pushed(succ, "1000"), paid("1000"), told(settledBefore), submittedInDollars), want: reviews(reconcile.ReasonSubmission)},
		{name: "failed", facts: facts(pushed(fail, "1000"), failed, submittedInDollars), want: emits(events.OutcomeFailed, reconcile.ReasonConfirmed, true)},
	},
	"unregistered X_1 where X is known": {
		{name: "success", facts: facts(pushed(succ, "1000"), paid("1000"), suffixed), want: reviews(reconcile.ReasonDuplicatePayment)},
		{name: "failed", facts: facts(pushed(fail, "1000"), failed, suffixed), want: reviews(reconcile.ReasonDuplicatePayment)},
		{name: "required", facts: facts(pushed(succ, "1000"), paid("1000"), suffixed, matchRequired), want: reviews(reconcile.ReasonDuplicatePayment)},
	},
	"the sweep, while it will ask again": {
		{name: "paid", facts: facts(atTier, submitted("1000"), paid("1000")), want: settle(reconcile.ReasonConfirmed, false)},
		{name: "failed", facts: facts(atTier, submitted("1000"), failed), want: emits(failedBefore, reconcile.ReasonConfirmed, false)},
		{name: "another amount", facts: facts(atTier, submitted("999"), paid("1000")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "open", facts: facts(atTier, submitted("1000"), open), want: ignores(reconcile.ReasonOpen, false)},
		{name: "not found", facts: facts(atTier, submitted("1000")), want: ignores(reconcile.ReasonNotFound, false)},
		{name: "unreadable", facts: facts(atTier, submitted("1000"), unreadable), want: ignores(reconcile.ReasonUnreadable, false)},
		{name: "a callback in review, still open", facts: facts(atTier, submitted("1000"), pushed(succ, "1000"), open), want: ignores(reconcile.ReasonLagging, false)},
		{name: "a callback in review, agreed now", facts: facts(atTier, submitted("1000"), pushed(succ, "1000"), paid("1000")), want: settle(reconcile.ReasonConfirmed, true)},
		{name: "a callback in review of another amount", facts: facts(atTier, submitted("1000"), pushed(succ, "999"), paid("1000")), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "a callback in review that the query contradicts", facts: facts(atTier, submitted("1000"), pushed(succ, "1000"), failed), want: ignores(reconcile.ReasonContradiction, false)},
	},
	"the sweep, for the last time": {
		{name: "paid", facts: facts(atLastTier, submitted("1000"), paid("1000")), want: settle(reconcile.ReasonConfirmed, false)},
		{name: "open collection", flow: events.FlowCollect, facts: facts(atLastTier, submitted("1000"), open), want: emits(expiredBefore, reconcile.ReasonOpen, false)},
		{name: "open payout", flow: events.FlowPay, facts: facts(atLastTier, submitted("1000"), open), want: reviews(reconcile.ReasonOpen)},
		{name: "collection not found", flow: events.FlowCollect, facts: facts(atLastTier, submitted("1000")), want: emits(expiredBefore, reconcile.ReasonNotFound, false)},
		{name: "payout not found", flow: events.FlowPay, facts: facts(atLastTier, submitted("1000")), want: reviews(reconcile.ReasonNotFound)},
		{name: "unreadable", facts: facts(atLastTier, submitted("1000"), unreadable), want: retries(reconcile.ReasonUnreadable), exhausted: reviews(reconcile.ReasonUnreadable)},
		{name: "unanswered", facts: facts(atLastTier, submitted("1000"), unanswered), want: reviews(reconcile.ReasonUnanswered)},
		{name: "a callback in review, still open", facts: facts(atLastTier, submitted("1000"), pushed(succ, "1000"), open), want: retries(reconcile.ReasonLagging), exhausted: reviews(reconcile.ReasonLagging)},
	},
	"the sweep, a registration later than the event": {
		{name: "settled, same amount", facts: facts(atTier, submitted("1000"), paid("1000"), told(settledBefore)), want: ignores(reconcile.ReasonDuplicate, false)},
		{name: "settled, another amount", facts: facts(atTier, submitted("999"), paid("1000"), told(settledBefore)), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "reversed, another amount", facts: facts(atLastTier, submitted("999"), told(reversedBefore)), want: reviews(reconcile.ReasonAmountMismatch)},
		{name: "another currency", facts: facts(atTier, submittedInDollars, told(settledBefore)), want: reviews(reconcile.ReasonSubmission)},
		{name: "the other flow", facts: facts(atTier, submittedOnOtherFlow, told(settledBefore)), want: reviews(reconcile.ReasonFlowConflict)},
		{name: "failed, another amount", facts: facts(atTier, submitted("999"), paid("1000"), told(failedBefore)), want: ignores(reconcile.ReasonDuplicate, false)},
		{name: "expired", facts: facts(atLastTier, submitted("1000"), paid("1000"), told(expiredBefore)), want: ignores(reconcile.ReasonDuplicate, false)},
	},
	"the look back at an outcome": {
		{name: "still settled", facts: facts(lookingBack, submitted("1000"), paid("1000"), told(settledBefore)), want: ignores(reconcile.ReasonDuplicate, false)},
		{name: "failed now", facts: facts(lookingBack, failed, told(settledBefore)), want: retries(reconcile.ReasonByQuery), exhausted: emits(reversedBefore, reconcile.ReasonByQuery, false)},
		{name: "failed now, with a reversal in review", facts: facts(lookingBack, reversing(fail, "1000"), failed, told(settledBefore)), want: emits(reversedBefore, reconcile.ReasonReverse, true)},
		{name: "open now", facts: facts(lookingBack, open, told(settledBefore)), want: retries(reconcile.ReasonLagging), exhausted: reviews(reconcile.ReasonLagging)},
		{name: "not found now", facts: facts(lookingBack, told(settledBefore)), want: retries(reconcile.ReasonNotFound), exhausted: reviews(reconcile.ReasonNotFound)},
		{name: "another amount", facts: facts(lookingBack, paid("999"), told(settledBefore)), want: reviews(reconcile.ReasonChanged)},
		{name: "failed before, still failed", facts: facts(lookingBack, failed, told(failedBefore)), want: ignores(reconcile.ReasonDuplicate, false)},
		{name: "failed before, paid since", flow: events.FlowCollect, facts: facts(lookingBack, submitted("1000"), paid("1000"), told(failedBefore)), want: settle(reconcile.ReasonLateSuccess, false)},
		{name: "failed payout, paid since", flow: events.FlowPay, facts: facts(lookingBack, paid("1000"), told(failedBefore)), want: reviews(reconcile.ReasonPaidAfterFailed)},
		{name: "failed before, unknown now", facts: facts(lookingBack, told(failedBefore)), want: ignores(reconcile.ReasonNotFound, false)},
		{name: "expired before, still open", facts: facts(lookingBack, open, told(expiredBefore)), want: ignores(reconcile.ReasonOpen, false)},
		{name: "expired before, paid since", facts: facts(lookingBack, submitted("1000"), paid("1000"), told(expiredBefore)), want: settle(reconcile.ReasonLateSuccess, false)},
	},
	"match: required, never submitted": {
		{name: "success", facts: facts(pushed(succ, "1000"), paid("1000"), matchRequired), want: retries(reconcile.ReasonUnregistered), exhausted: reviews(reconcile.ReasonUnregistered)},
		{name: "failed", facts: facts(pushed(fail, "1000"), failed, matchRequired), want: retries(reconcile.ReasonUnregistered), exhausted: reviews(reconcile.ReasonUnregistered)},
	},
}

// TestDecide holds every line of the table, on both flows, with the budget
// spent and not.
func TestDecide(t *testing.T) {
	for line, rows := range lines {
		for _, row := range rows {
			for _, flow := range []events.Flow{events.FlowCollect, events.FlowPay} {
				if row.flow != "" && row.flow != flow {
					continue
				}
				t.Run(line+"/"+row.name+"/"+string(flow), func(t *testing.T) {
					c := caseOf(flow, row.facts)
					if got := reconcile.Decide(c); got != row.want {
						t.Errorf("Decide = %+v, want %+v", got, row.want)
					}
					want := row.exhausted
					if want.Verdict == 0 {
						want = row.want
					}
					c.Attempts = spent
					if got := reconcile.Decide(c); got != want {
						t.Errorf("exhausted: Decide = %+v, want %+v", got, want)
					}
				})
			}
		}
	}
}

// TestDecideNamesEveryReason keeps the table complete: each reason that a
// decision can have stands in it.
func TestDecideNamesEveryReason(t *testing.T) {
	named := map[reconcile.Reason]bool{}
	for _, rows := range lines {
		for _, row := range rows {
			named[row.want.Reason], named[row.exhausted.Reason] = true, true
		}
	}
	for _, r := range []reconcile.Reason{
		reconcile.ReasonConfirmed, reconcile.ReasonLateSuccess, reconcile.ReasonReverse, reconcile.ReasonByQuery,
		reconcile.ReasonReverseTrusted, reconcile.ReasonLagging, reconcile.ReasonNotFound, reconcile.ReasonContradiction,
		reconcile.ReasonReverseUnconfirmed, reconcile.ReasonReverseUnsettled, reconcile.ReasonUnregistered,
		reconcile.ReasonAmountMismatch, reconcile.ReasonNoAmount, reconcile.ReasonOtherOrder, reconcile.ReasonPlatOrder,
		reconcile.ReasonUnreadable, reconcile.ReasonSubmission,
		reconcile.ReasonFlowConflict, reconcile.ReasonReentered, reconcile.ReasonChanged, reconcile.ReasonPaidAfterFailed,
		reconcile.ReasonDuplicatePayment, reconcile.ReasonDuplicate, reconcile.ReasonStale, reconcile.ReasonOpen,
	} {
		if !named[r] {
			t.Errorf("no row of the table ends in %q", r)
		}
	}
}

// TestFeeDiffers: the query's fee counts, and the difference is worth a note
// (gateway page, "fee differs between callback and query").
func TestFeeDiffers(t *testing.T) {
	for _, test := range []struct {
		name     string
		callback callback.Callback
		answer   reconcile.Answer
		want     bool
	}{
		{"differs", callback.Callback{Fee: decimal.MustParse("2"), FeeKnown: true}, reconcile.Answer{Fee: events.MustParseAmount("1")}, true},
		{"equal by value", callback.Callback{Fee: decimal.MustParse("1.0"), FeeKnown: true}, reconcile.Answer{Fee: events.MustParseAmount("1")}, false},
		{"not pushed", callback.Callback{Fee: decimal.MustParse("2")}, reconcile.Answer{Fee: events.MustParseAmount("1")}, false},
		{"not answered", callback.Callback{Fee: decimal.MustParse("2"), FeeKnown: true}, reconcile.Answer{}, false},
		{"no amount at all", callback.Callback{Fee: decimal.MustParse("-2"), FeeKnown: true}, reconcile.Answer{Fee: events.MustParseAmount("1")}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := reconcile.FeeDiffers(test.callback, test.answer); got != test.want {
				t.Errorf("FeeDiffers = %v, want %v", got, test.want)
			}
		})
	}
}

func TestVerdictString(t *testing.T) {
	for v, want := range map[reconcile.Verdict]string{
		reconcile.Retry: "retry", reconcile.Emit: "emit", reconcile.Review: "review", reconcile.Ignore: "ignore", 0: "none",
	} {
		if got := v.String(); got != want {
			t.Errorf("Verdict(%d) = %q, want %q", v, got, want)
		}
	}
}

// TestByQueryNeedsLooksOfItsOwn: looks that were about something else don't make
// a reversal that nothing but the query speaks for.
func TestByQueryNeedsLooksOfItsOwn(t *testing.T) {
	c := caseOf(events.FlowCollect, facts(pushed(succ, "1000"), failed, told(settledBefore)))
	c.Attempts = reconcile.Attempts{reconcile.ReasonLagging: 2 * budget, reconcile.ReasonByQuery: budget - 2}
	if got := reconcile.Decide(c); got != retries(reconcile.ReasonByQuery) {
		t.Errorf("Decide = %+v, want another look", got)
	}
	c.Attempts[reconcile.ReasonByQuery]++
	if got := reconcile.Decide(c); got != emits(events.OutcomeReversed, reconcile.ReasonByQuery, false) {
		t.Errorf("Decide = %+v, want reversed", got)
	}
}

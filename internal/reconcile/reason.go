package reconcile

import "github.com/settlehook/settlehook/pkg/events"

// Reason names why a decision was taken. It is part of the contract: it
// stands in events, in review subjects, in metrics and in the trail.
type Reason string

// Reasons of outcomes.
const (
	ReasonConfirmed      Reason = "confirmed"       // callback and query agree
	ReasonLateSuccess    Reason = "late_success"    // failed or expired before, the query says success now
	ReasonReverse        Reason = "reverse"         // signed reversal, the query agrees
	ReasonByQuery        Reason = "by_query"        // reversal seen in the query alone, asked again
	ReasonReverseTrusted Reason = "reverse_trusted" // signed reversal, trusted by configuration
	ReasonByOperator     Reason = "by_operator"     // a person resolved a review, the query allows it
)

// Reasons of looking again, and of the review when looking again is over.
const (
	ReasonLagging            Reason = "lagging"             // the query still says submitted
	ReasonUnreadable         Reason = "unreadable_answer"   // the query answers with an order that can't be read
	ReasonNotFound           Reason = "not_found"           // the query does not know the order
	ReasonContradiction      Reason = "contradiction"       // callback and query are final and different
	ReasonReverseUnconfirmed Reason = "reverse_unconfirmed" // signed reversal, the query still says success
	ReasonReverseUnsettled   Reason = "reverse_unsettled"   // reversal of an order that was never settled
	ReasonUnregistered       Reason = "unregistered"        // match: required, the order was never submitted
)

// Reasons of reviews at once.
const (
	ReasonAmountMismatch   Reason = "amount_mismatch"     // callback, query and submitted amounts differ
	ReasonNoAmount         Reason = "amount_unknown"      // the query says success without an amount
	ReasonSubmission       Reason = "submission_unusable" // what was submitted cannot be read, or is in another currency
	ReasonOtherOrder       Reason = "other_order"         // the query answered about another order
	ReasonPlatOrder        Reason = "plat_order_differs"  // callback and query name different platform orders
	ReasonFlowConflict     Reason = "flow_conflict"       // the order id is known under the other flow
	ReasonReentered        Reason = "reentered"           // a state that was left came back
	ReasonChanged          Reason = "changed"             // amount, fee or platform order changed after settled
	ReasonPaidAfterFailed  Reason = "paid_after_failed"   // a payout succeeded after downstream heard failed
	ReasonDuplicatePayment Reason = "duplicate_payment"   // unregistered X_1 where X is known
	ReasonUnanswered       Reason = "unanswered"          // the gateway never answered the sweep
)

// Reasons of doing nothing.
const (
	ReasonDuplicate Reason = "duplicate" // downstream heard this already
	ReasonStale     Reason = "stale"     // older than what the ledger says, or not final
	ReasonOpen      Reason = "open"      // nobody pushed and the order is not final (expired or a review at the end)
)

// standsIn reports whether a review of this reason stood in for an outcome
// that could not be confirmed. The order's outcome, once it is confirmed,
// answers such a review; reviews of other reasons need a person whatever
// happens later.
func (r Reason) standsIn() bool {
	switch r {
	case ReasonLagging, ReasonOpen, ReasonNotFound, ReasonUnanswered, ReasonUnreadable, ReasonSubmission, ReasonContradiction, ReasonUnregistered,
		ReasonAmountMismatch, ReasonNoAmount, ReasonOtherOrder, ReasonPlatOrder:
		return true
	default:
		return false
	}
}

// standsInFor reports whether an open review stood in for this outcome. One that
// holds a signed reversal is answered by a reversal alone: whatever its reason,
// an order that is told as settled, and may have been reversed, is for a person.
func (e *Entry) standsInFor(o events.Outcome) bool {
	p := e.payment()
	if cb := p.Evidence.Callback; cb != nil && cb.Reverse && o != events.OutcomeReversed {
		return false
	}
	return Reason(p.Reason).standsIn()
}

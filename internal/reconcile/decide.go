package reconcile

import (
	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// Verdict is the kind of a decision.
type Verdict uint8

// The four verdicts.
const (
	// Retry looks again later: the evidence is conclusive about nothing yet.
	Retry Verdict = iota + 1
	// Emit tells downstream an outcome.
	Emit
	// Review puts the case before a person, with all the evidence.
	Review
	// Ignore does nothing: downstream knows already, or there is nothing to know.
	Ignore
)

func (v Verdict) String() string {
	switch v {
	case Retry:
		return "retry"
	case Emit:
		return "emit"
	case Review:
		return "review"
	case Ignore:
		return "ignore"
	default:
		return "none"
	}
}

// Decision is what to do about a case, and the named reason.
type Decision struct {
	Verdict Verdict
	Outcome events.Outcome // with Emit
	Reason  Reason
	// Agreed says that callback and query told the same story. Only then may
	// the callback be marked done: the mark of a callback that disagreed would
	// swallow the gateway's later, identical and then true push.
	Agreed bool
}

// tells: it puts something into the ledger.
func (d Decision) tells() bool { return d.Verdict == Emit || d.Verdict == Review }

// Decide applies the table "Order states" of the gateway page. It is pure: the
// same case always gives the same decision.
//
// Everything emitted rests on the query; a callback contributes contradictions
// only. Where evidence is contradictory, Decide looks again while the budget
// lasts and then asks a person; it never emits failed from contradictory
// evidence, since a payout would be paid again.
func Decide(c Case) Decision {
	if c.flowConflict() {
		return review(ReasonFlowConflict)
	}
	if c.Stage.tier() && c.Last != nil {
		return c.registered()
	}
	if c.says(callback.Submitted) {
		return Decision{Verdict: Ignore, Reason: ReasonStale}
	}
	if c.Answer.Unanswered {
		return review(ReasonUnanswered)
	}
	if c.Answer.OtherOrder {
		return review(ReasonOtherOrder)
	}
	if c.Answer.Unreadable {
		return c.again(ReasonUnreadable)
	}
	if !c.Answer.Found {
		return c.open(ReasonNotFound, ReasonNotFound)
	}
	if c.platOrderDiffers() {
		return review(ReasonPlatOrder)
	}
	switch c.Answer.Status {
	case callback.Success:
		return c.decideSuccess()
	case callback.Failed:
		return c.decideFailed()
	default:
		return c.open(ReasonOpen, ReasonLagging)
	}
}

// open: the query says nothing final. A callback, or money that was told to have
// moved, may be ahead of it; where there is neither, nobody has paid so far, and
// the sweep says so once it has asked for the last time. A payout is for a
// person then: expired would invite to pay again what may still go out.
func (c Case) open(unpaid, behind Reason) Decision {
	switch {
	case c.Callback != nil, c.Last.outcome() == events.OutcomeSettled, c.Last.outcome() == events.OutcomeReversed:
		return c.again(behind)
	case c.Last != nil:
		return Decision{Verdict: Ignore, Reason: unpaid}
	case c.Stage != StageLastTier:
		return Decision{Verdict: Ignore, Reason: unpaid}
	case c.Order.Flow == events.FlowPay:
		return review(unpaid)
	default:
		return emit(events.OutcomeExpired, unpaid, false)
	}
}

// registered: downstream heard an outcome and the sweep asks only about orders
// without one. The registration may have come after the event, though, and is
// compared with it then (gateway page, "Order states").
func (c Case) registered() Decision {
	last := c.Last.payment()
	paid := last.Outcome == events.OutcomeSettled || last.Outcome == events.OutcomeReversed
	switch {
	case paid && c.submissionUnusable():
		return review(ReasonSubmission)
	case paid && c.submittedAmountDiffers(last.Amount):
		return review(ReasonAmountMismatch)
	default:
		return Decision{Verdict: Ignore, Reason: ReasonDuplicate}
	}
}

// decideSuccess: the query says success.
func (c Case) decideSuccess() Decision {
	switch c.Last.outcome() {
	case events.OutcomeSettled:
		return c.stillSettled()
	case events.OutcomeReversed:
		return c.successAfterReversed()
	case events.OutcomeFailed:
		if c.Order.Flow == events.FlowPay {
			// The merchant heard failed and may have paid again.
			return review(ReasonPaidAfterFailed)
		}
		return c.settle(ReasonLateSuccess)
	case events.OutcomeExpired:
		return c.settle(ReasonLateSuccess)
	default:
		return c.settle(ReasonConfirmed)
	}
}

// decideFailed: the query says failed. It says so of reversed orders too,
// since it has no field for a reversal.
func (c Case) decideFailed() Decision {
	switch c.Last.outcome() {
	case events.OutcomeSettled:
		return c.reverse()
	case events.OutcomeReversed:
		return c.repeats(c.says(callback.Success))
	case events.OutcomeFailed:
		if c.reversal() {
			return c.again(ReasonReverseUnsettled)
		}
		return c.repeats(c.says(callback.Success))
	default:
		return c.fail()
	}
}

// settle emits settled unless anything known speaks against it.
func (c Case) settle(reason Reason) Decision {
	switch {
	case c.reversal():
		// Pushes come out of order: the settled push may still be on its way.
		return c.again(ReasonReverseUnsettled)
	case c.says(callback.Failed):
		return c.again(ReasonContradiction)
	case c.Answer.Amount.Sign() == 0:
		return review(ReasonNoAmount)
	case c.submissionUnusable():
		return review(ReasonSubmission)
	case c.callbackAmountDiffers(c.Answer.Amount), c.submittedAmountDiffers(c.Answer.Amount):
		return review(ReasonAmountMismatch)
	case c.SuffixOf != "":
		return review(ReasonDuplicatePayment)
	case c.unregistered():
		return c.again(ReasonUnregistered)
	default:
		return emit(events.OutcomeSettled, reason, c.Callback != nil)
	}
}

// fail emits failed. Amounts are not compared: the query may say 0.
func (c Case) fail() Decision {
	switch {
	case c.reversal():
		return c.again(ReasonReverseUnsettled)
	case c.says(callback.Success):
		return c.again(ReasonContradiction)
	case c.SuffixOf != "":
		return review(ReasonDuplicatePayment)
	case c.unregistered():
		return c.again(ReasonUnregistered)
	default:
		return emit(events.OutcomeFailed, ReasonConfirmed, c.Callback != nil)
	}
}

// stillSettled: downstream heard settled and the query still says success. The
// query may leave the amount out this time; what was settled is known.
func (c Case) stillSettled() Decision {
	settled := c.Last.payment().Amount
	switch {
	case c.changed():
		return review(ReasonChanged)
	case c.submissionUnusable():
		return review(ReasonSubmission)
	case c.reversal():
		if !c.Merchant.TrustSignedReverse {
			return c.again(ReasonReverseUnconfirmed)
		}
		if c.callbackAmountDiffers(settled) {
			return review(ReasonAmountMismatch)
		}
		return emit(events.OutcomeReversed, ReasonReverseTrusted, false)
	case c.submittedAmountDiffers(settled):
		return review(ReasonAmountMismatch)
	case c.says(callback.Success) && c.callbackAmountDiffers(settled):
		if c.older() {
			// A later push agreed and settled: had this one been looked at in its
			// turn, its review would be answered by now.
			return Decision{Verdict: Ignore, Reason: ReasonStale}
		}
		return review(ReasonAmountMismatch)
	default:
		return c.repeats(c.says(callback.Failed))
	}
}

// reverse: downstream heard settled and the query says failed now.
func (c Case) reverse() Decision {
	switch {
	case c.platOrderChanged():
		// Another payment of this order failed; the settled one may stand.
		return review(ReasonChanged)
	case c.reversal() && c.callbackAmountDiffers(c.Last.payment().Amount):
		// A reversal of a part is not a state this API has.
		return review(ReasonAmountMismatch)
	case c.reversal():
		return emit(events.OutcomeReversed, ReasonReverse, true)
	case c.Attempts[ReasonByQuery]+1 < c.Budget:
		// Looks that were about something else don't count: nothing but the
		// query speaks for this reversal, so it has to say so again and again.
		return Decision{Verdict: Retry, Reason: ReasonByQuery}
	default:
		return emit(events.OutcomeReversed, ReasonByQuery, false)
	}
}

// successAfterReversed: downstream heard reversed and the query says success.
func (c Case) successAfterReversed() Decision {
	trusted := Reason(c.Last.payment().Reason) == ReasonReverseTrusted
	switch {
	case trusted && c.reversal():
		// The reversal was emitted although the query said success: the same
		// push again says nothing new.
		return Decision{Verdict: Ignore, Reason: ReasonDuplicate}
	case trusted && c.older():
		return Decision{Verdict: Ignore, Reason: ReasonStale}
	default:
		return review(ReasonReentered)
	}
}

// repeats: the query says what the ledger says. A callback that contradicts
// both is stale if it came before the ledger's event was confirmed; one that
// came later may be ahead of a lagging query.
func (c Case) repeats(contradicted bool) Decision {
	switch {
	case contradicted && c.older():
		return Decision{Verdict: Ignore, Reason: ReasonStale}
	case contradicted:
		return c.again(ReasonContradiction)
	default:
		return Decision{Verdict: Ignore, Reason: ReasonDuplicate, Agreed: c.Callback != nil}
	}
}

// again looks again while the budget lasts, and then asks a person. A tier of
// the sweep leaves it to the next one.
func (c Case) again(reason Reason) Decision {
	if c.Stage == StageTier {
		return Decision{Verdict: Ignore, Reason: reason}
	}
	if c.Attempts.Total()+1 >= c.Budget {
		return review(reason)
	}
	return Decision{Verdict: Retry, Reason: reason}
}

func review(reason Reason) Decision { return Decision{Verdict: Review, Reason: reason} }

func emit(o events.Outcome, reason Reason, agreed bool) Decision {
	return Decision{Verdict: Emit, Outcome: o, Reason: reason, Agreed: agreed}
}

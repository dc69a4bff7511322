package reconcile

import (
	"cmp"
	"fmt"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// unfitError says that no valid event can be made of a decision. Looking again
// does not help: the callback is parked.
type unfitError struct{ err error }

func (e *unfitError) Error() string { return "no event can be made of this: " + e.err.Error() }
func (e *unfitError) Unwrap() error { return e.err }

// outcome builds the event of an Emit decision.
func (w *work) outcome(c caseFile) (events.Event, error) {
	p := w.payment(c)
	p.Reason = string(w.res.Decision.Reason)
	p.Supersedes = c.supersedes(w.res.Decision.Outcome)
	var data events.Data
	switch o := w.res.Decision.Outcome; o {
	case events.OutcomeSettled:
		data = events.Settled{Payment: p}
	case events.OutcomeFailed:
		data = events.Failed{Payment: p}
	case events.OutcomeReversed:
		data = events.Reversed{Payment: reversalOf(p, c.Last.payment())}
	case events.OutcomeExpired:
		data = events.Expired{Payment: p}
	default:
		return events.Event{}, &unfitError{fmt.Errorf("outcome %q", o)}
	}
	return w.envelope(c, withNet(data, c.Merchant.PayFee))
}

// reversalOf takes the money of a reversal from the event it reverses: the
// query of a reversed order may say 0.
func reversalOf(p, settled events.Payment) events.Payment {
	p.Amount, p.Fee, p.Net = settled.Amount, settled.Fee, settled.Net
	p.SubmittedAmount, p.Currency = settled.SubmittedAmount, settled.Currency
	return p
}

// withNet fills in what an outcome does to the merchant's balance.
func withNet(data events.Data, payFee events.PayFee) events.Data {
	if d, ok := data.(events.Settled); ok {
		_, d.Net = events.Net(events.OutcomeSettled, d.Flow, payFee, d.Amount, d.Fee)
		return d
	}
	return data
}

// review builds the event of a Review decision. Its case is named by what the
// parties said, not by when: the same contradiction, seen again, is the same
// review.
func (w *work) review(c caseFile) (events.Event, error) {
	p := w.payment(c)
	p.Reason = string(w.res.Decision.Reason)
	tail := events.CaseTail(c.Order, p.Reason, c.statements()...)
	return w.envelope(c, events.Review{Payment: p, Case: tail})
}

// closing is who closes a review, why and when, and the event that came of it.
type closing struct {
	by, why   string
	at        time.Time
	resulting string // event id; empty: none
}

// confirmed closes a review because its order's outcome is known now.
func confirmed(told Entry) closing {
	return closing{by: resolver, why: "the order query confirmed the outcome", at: told.Event.Time, resulting: told.Event.ID}
}

// resolved builds the event that closes a review.
func (w *work) resolved(review Entry, c closing) (events.Event, error) {
	p := review.payment()
	p.Supersedes = ""
	p.Via = w.d.Stage.Via()
	r := events.Resolved{
		Payment: p, Case: review.Event.Data.(events.Review).Case,
		By: c.by, Why: c.why, ResultingEvent: c.resulting,
	}
	e, err := events.New(w.cfg.Installation, c.at, r)
	if err != nil {
		return events.Event{}, &unfitError{err}
	}
	return e, nil
}

// resolver stands as "by" in resolutions that no person made.
const resolver = "settlehook"

func (w *work) envelope(c caseFile, data events.Data) (events.Event, error) {
	e, err := events.New(w.cfg.Installation, c.Answer.At, data)
	if err != nil {
		return events.Event{}, &unfitError{err}
	}
	return e, nil
}

// payment is what all events of a case say.
func (w *work) payment(c caseFile) events.Payment {
	p := events.Payment{
		Via: w.d.Stage.Via(), Match: c.match(), Flow: c.Order.Flow,
		Merchant: c.Merchant.ID, Account: c.Merchant.Account, OrderID: c.Order.OrderID,
		PlatOrderID: c.Answer.PlatOrderID,
		Amount:      c.Answer.Amount, Fee: c.Answer.Fee, Currency: c.Merchant.Currency,
		BookingDate: events.BookingDate(c.Answer.At, c.Merchant.Location), LiveMode: !c.Answer.Sandbox,
		UTR:      c.Answer.UTR,
		Evidence: events.Evidence{ConfirmedAt: c.Answer.At, Query: queryEvidence(c.Answer)},
	}
	if cb := c.Callback; cb != nil {
		p.Remark = cb.Remark
		p.Evidence.Fingerprint, p.Evidence.Callback = cb.Fingerprint(), callbackEvidence(*cb)
		p.Evidence.ReceivedAt, p.Evidence.StreamSequence = c.ReceivedAt, c.StreamSequence
		p.PlatOrderID = cmp.Or(p.PlatOrderID, cb.PlatOrderID)
	}
	if c.Submitted != nil && !c.submissionUnusable() {
		p.SubmittedAmount = c.Submitted.Amount
	}
	return p
}

// match counts the statements that agreed: the query's, and the callback's, the
// submitted order's or both.
func (c Case) match() events.Match {
	// A person may have overridden one of them.
	overridden := c.Stage == StageOperator && (c.callbackAmountDiffers(c.Answer.Amount) || c.submittedAmountDiffers(c.Answer.Amount))
	if c.Callback != nil && c.Submitted != nil && !c.submissionUnusable() && !overridden {
		return events.ThreeWay
	}
	return events.TwoWay
}

// supersedes names the event of this order that an outcome takes the place of:
// the last outcome, else the review that stood in for it, or that a person
// resolves by it.
func (c caseFile) supersedes(outcome events.Outcome) string {
	if c.Last != nil {
		return c.Last.Event.ID
	}
	for i := len(c.reviews) - 1; i >= 0; i-- {
		if r := c.reviews[i]; c.Stage == StageOperator || r.standsInFor(outcome) {
			return r.Event.ID
		}
	}
	return ""
}

// statements are what the parties said, in a fixed order.
func (c Case) statements() []string {
	s := []string{"", "", "", "", "", "", "", c.SuffixOf, ""}
	if c.Last != nil {
		// The same words after another outcome are another case.
		s[8] = c.Last.Event.ID
	}
	if c.Callback != nil {
		s[0], s[1] = c.Callback.Fingerprint(), c.Callback.PlatOrderID
	}
	if c.Answer.Found {
		s[2], s[3] = c.Answer.Status.String(), c.Answer.PlatOrderID
		s[4], s[5] = byValue(c.Answer.Amount), byValue(c.Answer.Fee)
	}
	if c.Submitted != nil {
		s[6] = string(c.Submitted.Flow) + " " + byValue(c.Submitted.Amount)
	}
	return s
}

// byValue writes equal amounts alike.
func byValue(a events.Amount) string {
	d, known := a.Decimal()
	if !known {
		return ""
	}
	return d.Trim(0).String()
}

func callbackEvidence(cb callback.Callback) *events.CallbackEvidence {
	e := &events.CallbackEvidence{
		Status: int(cb.Status), Reverse: cb.Reverse, Amount: amountOf(cb.Amount),
		PlatOrderID: cb.PlatOrderID, Remark: cb.Remark,
	}
	if cb.FeeKnown {
		e.Fee = amountOf(cb.Fee)
	}
	return e
}

func queryEvidence(a Answer) *events.QueryEvidence {
	if a.OtherOrder || a.Unreadable || a.Unanswered {
		return nil // it said nothing about this order
	}
	if !a.Found {
		return &events.QueryEvidence{NotFound: true}
	}
	return &events.QueryEvidence{
		Status: int(a.Status), Amount: a.Amount, Fee: a.Fee, PlatOrderID: a.PlatOrderID, UTR: a.UTR,
	}
}

// Query is the answer of a look as evidence, nil if there was none.
func (l Look) Query() *events.QueryEvidence {
	if l.Answer == nil {
		return nil
	}
	return queryEvidence(*l.Answer)
}

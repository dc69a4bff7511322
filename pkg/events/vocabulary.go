package events

import "fmt"

// Flow says which way the money was meant to go. The gateway keeps both flows
// in one space of order ids; its callbacks carry neither flow nor merchant.
type Flow string

// The flows of the gateway.
const (
	FlowCollect Flow = "collect" // a payer pays the merchant
	FlowPay     Flow = "pay"     // the merchant pays out
)

// ParseFlow reads a flow as written in a URL path, a subject or the
// configuration. Anything else than "collect" or "pay" is an error.
func ParseFlow(s string) (Flow, error) {
	f := Flow(s)
	if !f.valid() {
		return "", fmt.Errorf("unknown flow %q: want collect or pay", s)
	}
	return f, nil
}

func (f Flow) valid() bool { return f == FlowCollect || f == FlowPay }

// Outcome is what downstream is told about an order.
type Outcome string

// The outcomes. The first four are final; a review asks a person to look, and
// resolved closes one review.
const (
	OutcomeSettled  Outcome = "settled"
	OutcomeFailed   Outcome = "failed"
	OutcomeReversed Outcome = "reversed"
	OutcomeExpired  Outcome = "expired"
	OutcomeReview   Outcome = "review"
	OutcomeResolved Outcome = "resolved"
)

// Outcomes returns all outcomes, in the order of the documentation.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeSettled, OutcomeFailed, OutcomeReversed, OutcomeExpired, OutcomeReview, OutcomeResolved,
	}
}

// ParseOutcome reads an outcome as written in a subject or an event.
func ParseOutcome(s string) (Outcome, error) {
	o := Outcome(s)
	if !o.valid() {
		return "", fmt.Errorf("unknown outcome %q", s)
	}
	return o, nil
}

// Final reports whether o states what became of the money: settled, failed,
// reversed or expired. Final outcomes have subjects of six tokens and so take
// part in the order guard; reviews and resolutions have seven and do not.
func (o Outcome) Final() bool {
	switch o {
	case OutcomeSettled, OutcomeFailed, OutcomeReversed, OutcomeExpired:
		return true
	default:
		return false
	}
}

func (o Outcome) valid() bool {
	return o.Final() || o == OutcomeReview || o == OutcomeResolved
}

// Via says what made settlehook look at the order.
type Via string

// The ways an event comes about.
const (
	ViaCallback Via = "callback" // the gateway pushed
	ViaSweep    Via = "sweep"    // the sweep asked by itself
	ViaOperator Via = "operator" // a person resolved a review
)

func (v Via) valid() bool { return v == ViaCallback || v == ViaSweep || v == ViaOperator }

// Match says how many independent statements agreed.
type Match string

// The matches. Three-way includes the amount the order was submitted with and
// is the only one that notices an amount changed before the order reached the
// gateway.
const (
	TwoWay   Match = "two-way"
	ThreeWay Match = "three-way"
)

func (m Match) valid() bool { return m == TwoWay || m == ThreeWay }

// Direction is the effect of an event on the merchant's balance at the gateway.
type Direction string

// The directions.
const (
	Credit Direction = "credit"
	Debit  Direction = "debit"
	None   Direction = "none"
)

// DirectionOf returns the effect of an outcome: a settled collection credits, a
// settled payout debits, a reversal does the opposite, all else has none.
func DirectionOf(o Outcome, f Flow) Direction {
	switch {
	case o == OutcomeSettled && f == FlowCollect, o == OutcomeReversed && f == FlowPay:
		return Credit
	case o == OutcomeSettled && f == FlowPay, o == OutcomeReversed && f == FlowCollect:
		return Debit
	default:
		return None
	}
}

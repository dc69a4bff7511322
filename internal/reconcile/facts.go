package reconcile

import (
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// Merchant is what a decision needs to know about a merchant.
type Merchant struct {
	ID       string
	Account  string // the gateway's merchant account
	Currency string // ISO 4217 code of every amount of this merchant
	// Location is the time zone whose calendar day becomes the booking date.
	Location *time.Location
	// RequireSubmitted lists the flows whose orders must have been submitted
	// (match: required) before anything settles.
	RequireSubmitted map[events.Flow]bool
	// TrustSignedReverse takes a signed reversal for true although the query
	// still says success (reverse: trust-signed).
	TrustSignedReverse bool
	PayFee             events.PayFee
}

// Answer is what the gateway's order query said about one order.
type Answer struct {
	Found bool
	// OtherOrder says that the answer was about another order than the one
	// asked for; nothing else in it counts.
	OtherOrder bool
	// Unreadable says that the gateway answered with an order that can't be
	// read; nothing else in it counts.
	Unreadable bool
	// Unanswered says that the gateway was asked for as long as the sweep asks,
	// and never answered; nothing else in it counts.
	Unanswered  bool
	PlatOrderID string
	Status      callback.Status
	Amount      events.Amount
	Fee         events.Amount
	UTR         string
	Sandbox     bool      // the answer came from a sandbox: no real money moved
	At          time.Time // when the gateway answered
}

// Entry is an event as the ledger has it.
type Entry struct {
	Sequence uint64 // in the PAYMENTS stream
	Event    events.Event
}

func (e *Entry) outcome() events.Outcome {
	if e == nil {
		return ""
	}
	return e.Event.Outcome()
}

func (e *Entry) payment() events.Payment { return e.Event.Data.Common() }

func (e *Entry) sequence() uint64 {
	if e == nil {
		return 0
	}
	return e.Sequence
}

// Submitted is an order as the merchant's order service announced it.
type Submitted struct {
	Flow     events.Flow
	Amount   events.Amount
	Currency string
	// Unusable says that what stands in ORDERS can't be read, or is about
	// another order; nothing else in it counts.
	Unusable bool
}

// Case is everything a decision looks at. It has no clock: whatever time
// matters is in the facts.
type Case struct {
	Merchant Merchant
	Order    events.Order
	Stage    Stage
	// Callback is nil when the sweep asks and no open review holds one.
	Callback *callback.Callback
	// StreamSequence is the callback's in CALLBACKS: the order in which
	// callbacks came, by no machine's clock.
	StreamSequence uint64
	ReceivedAt     time.Time // of the callback
	Answer         Answer
	Last           *Entry     // nil: downstream has heard of no outcome
	Submitted      *Submitted // nil: not known
	// SuffixOf is the known order that this unregistered one repeats with a
	// suffix (X for X_1); empty when there is none.
	SuffixOf string
	// Budget is how many conclusive looks there are before what asks to look
	// again becomes a review, and Attempts are those spent.
	Budget   int
	Attempts Attempts
}

// Attempts counts the conclusive looks spent on one piece of work, by the reason
// for which each asked to look again.
type Attempts map[Reason]int

// Total is the number of conclusive looks, for all reasons. What the sweep counts
// of a silent gateway's is none.
func (a Attempts) Total() int {
	total := 0
	for reason, n := range a {
		if reason != ReasonUnanswered {
			total += n
		}
	}
	return total
}

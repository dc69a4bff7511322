package finance

import (
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// account is all that is known of one order.
type account struct {
	flow    events.Flow
	orderID string

	submitted       events.Amount
	submittedWithin bool // in the period
	withdrawn       bool
	inScope         bool // with something of the period

	// The ledger's side: the last outcome, the money as it was settled, and whether
	// that was in the period, before or after it.
	outcome     events.Outcome
	amount, fee events.Amount
	net         Sum
	netKnown    bool
	decided     when
	decidedAt   time.Time
	booked      Sum // by the events of the period, credit above zero
	timing      Sum // what the period's balance has of events that are booked in another
	late        bool
	reviews     map[string]string // the reasons of open reviews, by case

	said []Said
}

// when is where something lies beside the period.
type when int

const (
	before when = iota
	within
	after
)

// book takes an event in.
func (a *account) book(e events.Event, at when) {
	p := e.Data.Common()
	if p.SubmittedAmount.Known() {
		a.submitted = p.SubmittedAmount
	}
	switch d := e.Data.(type) {
	case events.Review:
		if a.reviews == nil {
			a.reviews = map[string]string{}
		}
		a.reviews[d.Case] = p.Reason
		return
	case events.Resolved:
		delete(a.reviews, d.Case)
		return
	}
	a.outcome, a.decided, a.decidedAt = e.Outcome(), at, e.Time
	if p.Direction == events.None {
		return
	}
	a.amount, a.fee, a.net, a.netKnown = p.Amount, p.Fee, signed(p.Direction, p.Net), p.Net.Known()
	if at == within {
		a.booked = a.booked.Plus(a.net)
	}
}

// stands is what the ledger has moved for the order as it stands now.
func (a *account) stands() Sum {
	if a.outcome != events.OutcomeSettled {
		return Sum{}
	}
	return a.net
}

// movedBefore reports whether the money of an event surely had moved at a moment:
// it was confirmed by then, or the gateway had said so.
func movedBefore(e events.Event, at time.Time) bool {
	if !e.Time.After(at) {
		return true
	}
	evidence := e.Data.Common().Evidence
	if evidence.Callback == nil || evidence.ReceivedAt.IsZero() || evidence.ReceivedAt.After(at) {
		return false
	}
	if e.Outcome() == events.OutcomeReversed {
		return evidence.Callback.Reverse || evidence.Callback.Status == 2
	}
	return evidence.Callback.Status == 1 && !evidence.Callback.Reverse
}

// reviewed is the reason of an open review, "" where none is: that of a duplicate
// payment before others.
func (a *account) reviewed() string {
	least := ""
	for _, reason := range a.reviews {
		if reason == string(reconcile.ReasonDuplicatePayment) {
			return reason
		}
		if least == "" || reason < least {
			least = reason
		}
	}
	return least
}

// ledgerSide is what the ledger says in a difference.
func (a *account) ledgerSide() Side {
	switch {
	case a.outcome != "":
		return Side{State: string(a.outcome), Amount: a.amount, Fee: a.fee}
	case len(a.reviews) > 0:
		return Side{State: string(events.OutcomeReview)}
	default:
		return Side{State: "none"}
	}
}

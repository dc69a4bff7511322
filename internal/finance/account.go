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

	// The ledger's side: the outcome that counts, and all that were told.
	outcome
	told    []outcome
	booked  Sum // by the events of the period, credit above zero
	timing  Sum // what the period's balance has of events that are booked in another
	late    bool
	reviews map[string]string // the reasons of open reviews, by case

	said []Said
}

// outcome is one that was told of an order, with the money as it was settled, and
// whether that was in the period, before or after it.
type outcome struct {
	is          events.Outcome
	amount, fee events.Amount
	net         Sum
	decided     when
	decidedAt   time.Time
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
	a.is, a.decided, a.decidedAt = e.Outcome(), at, e.Time
	if p.Direction != events.None {
		a.amount, a.fee, a.net = p.Amount, p.Fee, signed(p.Direction, p.Net)
		if at == within {
			a.booked = a.booked.Plus(a.net)
		}
	}
	a.told = append(a.told, a.outcome)
}

// asBilled is the account as it stood when a bill was made that ends with the
// period, or soon after: what was told later is another period's. It is the last
// outcome that the bill agrees with, of those with which the period ended and that
// were told after it; else the one with which it ended.
func (a *account) asBilled(says State) *account {
	ended := len(a.told) - 1
	for ended >= 0 && a.told[ended].decided == after {
		ended--
	}
	stood := *a
	for i := len(a.told) - 1; i >= max(ended, 0); i-- {
		if a.told[i].agrees(says) {
			stood.outcome = a.told[i]
			return &stood
		}
	}
	switch {
	case ended >= 0:
		stood.outcome = a.told[ended]
	case says == Open, says == Failed, says == Reversed:
		stood.outcome = outcome{} // nothing was told by then
	}
	return &stood
}

// agrees reports whether the gateway says the same.
func (o outcome) agrees(says State) bool {
	switch o.is {
	case events.OutcomeSettled:
		return says == Paid
	case events.OutcomeFailed, events.OutcomeReversed, events.OutcomeExpired:
		return says == Failed || says == Reversed
	default:
		return false
	}
}

// stands is what the ledger has moved for the order as it stands now.
func (a *account) stands() Sum {
	if a.is != events.OutcomeSettled {
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
	case a.is != "":
		return Side{State: string(a.is), Amount: a.amount, Fee: a.fee}
	case len(a.reviews) > 0:
		return Side{State: string(events.OutcomeReview)}
	default:
		return Side{State: "none"}
	}
}

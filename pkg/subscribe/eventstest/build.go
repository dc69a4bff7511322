package eventstest

import (
	"fmt"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
)

// Installation is the one that sample events come from.
const Installation = "test"

// Without options a sample is of order A1 of merchant m1001: a collection of
// 1000.00 INR with a fee of 20.00, confirmed at 19:04:05 UTC on 1 May 2026, of
// real money.

// Settled says that the money moved.
func Settled(options ...Option) events.Event {
	return build(events.OutcomeSettled, "confirmed", options)
}

// Failed says that it did not.
func Failed(options ...Option) events.Event {
	return build(events.OutcomeFailed, "query_failed", options)
}

// Reversed says that settled money moved back. It supersedes the settled event
// of its order unless an option says otherwise.
func Reversed(options ...Option) events.Event {
	return build(events.OutcomeReversed, "by_query", options)
}

// Expired says that a collection was never paid.
func Expired(options ...Option) events.Event {
	return build(events.OutcomeExpired, "never_paid", options)
}

// Review asks a person to look.
func Review(options ...Option) events.Event {
	return build(events.OutcomeReview, "amount_differs", options)
}

// Resolved closes the review of the same order and reason.
func Resolved(options ...Option) events.Event {
	return build(events.OutcomeResolved, "amount_differs", options)
}

// build panics over options that make no valid event: the test that gave them
// is wrong.
func build(o events.Outcome, reason string, options []Option) events.Event {
	s := sample{
		payment: events.Payment{
			Reason: reason, Via: events.ViaCallback, Match: events.ThreeWay, Flow: events.FlowCollect,
			Merchant: "m1001", Account: "8801", OrderID: "A1", PlatOrderID: "236130395249311744",
			Currency: "INR", LiveMode: true,
		},
		payFee: events.PayFeeAdded,
		at:     time.Date(2026, 5, 1, 19, 4, 5, 0, time.UTC),
		by:     "asha", why: "agreed with the payer",
	}
	Amount("1000.00", "20.00")(&s)
	for _, option := range options {
		option(&s)
	}
	e, err := events.New(Installation, s.at, s.data(o))
	if err != nil {
		panic(fmt.Sprintf("eventstest: the options make no valid %s event: %v", o, err))
	}
	return e
}

// data completes the sample with what follows from the options.
func (s sample) data(o events.Outcome) events.Data {
	p := s.payment
	p.BookingDate = events.BookingDate(s.at, s.at.Location())
	p.Evidence.ConfirmedAt = s.at
	p.Direction, p.Net = events.Net(o, p.Flow, s.payFee, p.Amount, p.Fee)
	tail := events.CaseTail(p.Order(), p.Reason, p.Amount.String())
	switch o {
	case events.OutcomeSettled:
		return events.Settled{Payment: p}
	case events.OutcomeFailed:
		return events.Failed{Payment: p}
	case events.OutcomeReversed:
		if p.Supersedes == "" {
			p.Supersedes = events.ID(p.Merchant, p.OrderID, events.OutcomeSettled)
		}
		return events.Reversed{Payment: p}
	case events.OutcomeExpired:
		p.Via, p.Match = events.ViaSweep, events.TwoWay
		return events.Expired{Payment: p}
	case events.OutcomeReview:
		return events.Review{Payment: p, Case: tail}
	default:
		return events.Resolved{Payment: p, Case: tail, By: s.by, Why: s.why}
	}
}

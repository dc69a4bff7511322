package reconciletest

import (
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// Names of a world.
const (
	Installation = "test"
	MerchantID   = "m1001"
	Currency     = "INR"
	OrderID      = "A17"
	PlatOrderID  = "236130395249311744"
)

// Merchant is the merchant of a world.
func Merchant() reconcile.Merchant {
	return reconcile.Merchant{ID: MerchantID, Account: "8801", Currency: Currency, Location: time.UTC}
}

// Order is an order of the merchant.
func Order(flow events.Flow, orderID string) events.Order {
	return events.Order{Flow: flow, Merchant: MerchantID, OrderID: orderID}
}

// Push is a callback about an order, received at the moment at.
func Push(order events.Order, status callback.Status, amount string, at time.Time) reconcile.Delivery {
	return reconcile.Delivery{
		Merchant: Merchant(), Order: order, ReceivedAt: at, StreamSequence: 1,
		Callback: Says(order, status, amount),
	}
}

// Says is what a callback says about an order.
func Says(order events.Order, status callback.Status, amount string) callback.Callback {
	return callback.Callback{
		OrderID: order.OrderID, PlatOrderID: PlatOrderID, Status: status, Amount: decimal.MustParse(amount),
	}
}

// Reversal is a signed reversal of an order.
func Reversal(order events.Order, amount string, at time.Time) reconcile.Delivery {
	d := Push(order, callback.Failed, amount, at)
	d.Callback.Reverse = true
	return d
}

// Outcome is an event that tells an outcome of an order.
func Outcome(order events.Order, o events.Outcome, amount string) events.Event {
	p := payment(order, "confirmed", amount)
	switch o {
	case events.OutcomeFailed:
		return event(events.Failed{Payment: p})
	case events.OutcomeReversed:
		return event(events.Reversed{Payment: p})
	case events.OutcomeExpired:
		return event(events.Expired{Payment: p})
	default:
		return event(events.Settled{Payment: p})
	}
}

// Review is a review of an order; what tells it from others of the reason is
// in parts.
func Review(order events.Order, reason string, parts ...string) events.Event {
	return event(events.Review{
		Payment: payment(order, reason, "1000"), Case: events.CaseTail(order, reason, parts...),
	})
}

// Resolved closes a review.
func Resolved(review events.Event) events.Event {
	r := review.Data.(events.Review)
	return event(events.Resolved{Payment: payment(r.Order(), r.Reason, "1000"), Case: r.Case, By: "test", Why: "it is clear now"})
}

// Submission registers an order.
func Submission(order events.Order, amount string) events.OrderEvent {
	return orderEvent(events.NewSubmitted, order, amount)
}

// Withdrawal takes a registration back.
func Withdrawal(order events.Order, amount string) events.OrderEvent {
	return orderEvent(events.NewWithdrawn, order, amount)
}

func payment(order events.Order, reason, amount string) events.Payment {
	return events.Payment{
		Reason: reason, Via: events.ViaCallback, Match: events.TwoWay,
		Flow: order.Flow, Merchant: order.Merchant, Account: "8801",
		OrderID: order.OrderID, PlatOrderID: PlatOrderID,
		Amount: events.MustParseAmount(amount), Currency: Currency,
		BookingDate: events.BookingDate(Start, time.UTC),
		Evidence:    events.Evidence{ConfirmedAt: Start, StreamSequence: 1},
	}
}

func event(d events.Data) events.Event {
	e, err := events.New(Installation, Start, d)
	if err != nil {
		panic(err) // a sample that breaks the contract is a mistake of the test
	}
	return e
}

func orderEvent(build func(string, time.Time, events.SubmittedOrder) (events.OrderEvent, error), order events.Order, amount string) events.OrderEvent {
	e, err := build(Installation, Start, events.SubmittedOrder{
		Flow: order.Flow, Merchant: order.Merchant, OrderID: order.OrderID,
		Amount: events.MustParseAmount(amount), Currency: Currency,
	})
	if err != nil {
		panic(err) // a sample that breaks the contract is a mistake of the test
	}
	return e
}

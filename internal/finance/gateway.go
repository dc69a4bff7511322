package finance

import (
	"time"

	"github.com/settlehook/settlehook/pkg/events"
)

// State is what the gateway says of an order.
type State string

// The states.
const (
	Paid     State = "paid"     // money moved
	Failed   State = "failed"   // it did not, or it was taken back: the order query has one word for both
	Reversed State = "reversed" // it moved back; only a bill tells
	Open     State = "open"     // not decided
	Unknown  State = "unknown"  // the gateway knows no such order
	Unasked  State = "unasked"  // nobody knows: it did not answer, or its bill has no line
)

// Said is what the gateway says of one order: the answer of its order query, or
// one line of its bill.
type Said struct {
	Flow    events.Flow
	OrderID string
	State   State
	Amount  events.Amount
	Fee     events.Amount
	// At is when it happened; zero in the answer of a query, which does not tell.
	At time.Time
	// Change is by how much the balance changed, where a bill tells; else it
	// follows from the state, the amount and the fee.
	Change *Sum
}

// Snapshot is what the balance endpoint said.
type Snapshot struct {
	Balance Sum       `json:"balance"` // all of it, in major units
	At      time.Time `json:"at"`      // when it answered
}

// Movement is money that moved without an order: a withdrawal, a top-up, an
// adjustment.
type Movement struct {
	// Date is the day in the merchant's time zone; At the moment, where it is known.
	Date      string    `json:"date"`
	At        time.Time `json:"at,omitzero"`
	Kind      string    `json:"kind"`
	Change    Sum       `json:"change"` // credit above zero
	Reference string    `json:"reference,omitempty"`
}

// netOf is by how much money that moved changed the balance, credit above zero;
// known is false where the fee, or how it is charged, is unknown.
func netOf(flow events.Flow, payFee events.PayFee, amount, fee events.Amount) (net Sum, known bool) {
	direction, a := events.Net(events.OutcomeSettled, flow, payFee, amount, fee)
	return signed(direction, a), a.Known()
}

// signed is an amount as a change of the balance.
func signed(d events.Direction, a events.Amount) Sum {
	switch d {
	case events.Credit:
		return SumOf(a)
	case events.Debit:
		return Sum{}.Minus(SumOf(a))
	default:
		return Sum{}
	}
}

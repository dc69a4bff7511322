package finance

import (
	"cmp"

	"github.com/settlehook/settlehook/pkg/events"
)

// Class names a kind of difference between what was submitted, what the ledger
// says and what the gateway says.
type Class string

// The classes. Each difference of an order has one.
const (
	MissingWithUs    Class = "missing_with_us"        // the gateway was paid, the ledger has no outcome
	MissingAtGateway Class = "missing_at_the_gateway" // the ledger has money moved, the gateway does not know it
	AmountShort      Class = "amount_short"           // less was paid than was submitted or booked
	AmountOver       Class = "amount_over"            // more was
	StatusDiffers    Class = "status_differs"         // both know an outcome, and not the same
	FeeDiffers       Class = "fee_differs"            // the gateway's fee is not the booked one
	DuplicatePayment Class = "duplicate_payment"      // an order was paid twice
	StillOpen        Class = "still_open"             // no outcome yet, or a review waits
	CarriedOver      Class = "carried_over"           // it is booked in another period than it happened in
)

// Classes returns all classes, in the order of the documentation.
func Classes() []Class {
	return []Class{
		MissingWithUs, MissingAtGateway, AmountShort, AmountOver, StatusDiffers, FeeDiffers, DuplicatePayment, StillOpen, CarriedOver,
	}
}

// NeedsPerson reports whether somebody has to look. What is still open has its
// time, and what is carried over is explained.
func (c Class) NeedsPerson() bool { return c != StillOpen && c != CarriedOver }

// Difference is one difference of one order.
type Difference struct {
	Class     Class         `json:"class"`
	Flow      events.Flow   `json:"flow"`
	OrderID   string        `json:"orderId"`
	Submitted events.Amount `json:"submitted,omitzero"` // what the order was submitted with
	Ledger    Side          `json:"ledger"`
	Gateway   Side          `json:"gateway"`
	// Effect is what the difference does to the balance of the period beside what is
	// booked in it: credit above zero.
	Effect Sum    `json:"effect"`
	Why    string `json:"why"`
}

// Side is what one side says of an order.
type Side struct {
	State  string        `json:"state"` // an outcome of the ledger, or a [State] of the gateway
	Amount events.Amount `json:"amount,omitzero"`
	Fee    events.Amount `json:"fee,omitzero"`
}

func (d Difference) compare(o Difference) int {
	return cmp.Or(cmp.Compare(rank(d.Class), rank(o.Class)), cmp.Compare(d.Flow, o.Flow), cmp.Compare(d.OrderID, o.OrderID))
}

func rank(c Class) int {
	for i, known := range Classes() {
		if c == known {
			return i
		}
	}
	return len(Classes())
}

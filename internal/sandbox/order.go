package sandbox

import (
	"fmt"
	"time"

	"github.com/govalues/decimal"
)

// Flow is the direction of an order: collect (pay in) or pay (pay out).
type Flow string

// The flows, as they stand in the path of a callback.
const (
	Collect Flow = "collect"
	Pay     Flow = "pay"
)

// Status is the API's transaction status.
type Status int

// The transaction statuses (API document, data dictionary).
const (
	Submitted Status = 0
	Success   Status = 1
	Failed    Status = 2
)

// Order is an order as the gateway knows it. Amounts are in major currency
// units, with the fraction digits the API shows.
type Order struct {
	// Merchant is settlehook's merchant id, not the gateway's account.
	Merchant string `json:"merchant"`
	// Account is the gateway's merchant account.
	Account     string          `json:"account"`
	Currency    string          `json:"currency"`
	Flow        Flow            `json:"flow"`
	OrderID     string          `json:"orderId"`
	PlatOrderID string          `json:"platOrderId"`
	Submitted   decimal.Decimal `json:"submitted"`
	// Paid is the amount that really moved; zero until the order succeeded.
	Paid   decimal.Decimal `json:"paid"`
	Fee    decimal.Decimal `json:"fee"`
	Status Status          `json:"status"`
	// Reversed is true for a success that was taken back; Status is then Failed.
	Reversed bool   `json:"reversed"`
	UTR      string `json:"utr,omitempty"`
	// Remark is the reason of a failure or reversal.
	Remark    string    `json:"remark,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	ChangedAt time.Time `json:"changedAt"`
}

// Shown is the amount that callbacks and query answers carry: what was really
// paid once the order succeeded, and what was submitted before that or when it
// failed, as in the document's examples.
func (o Order) Shown() decimal.Decimal {
	if o.Status == Success || o.Reversed {
		return o.Paid
	}
	return o.Submitted
}

// State is the order's state in a word, as it stands in the books.
func (o Order) State() string {
	switch {
	case o.Reversed:
		return "reversed"
	case o.Status == Success && o.Paid.Less(o.Submitted):
		return "short-paid"
	case o.Status == Success && o.Submitted.Less(o.Paid):
		return "over-paid"
	case o.Status == Success:
		return "settled"
	case o.Status == Failed:
		return "failed"
	}
	return "submitted"
}

// Action names a change of an order's state.
type Action string

// The changes. Settle with an amount below the submitted one makes a
// short-paid order.
const (
	Settle  Action = "settle"
	Fail    Action = "fail"
	Reverse Action = "reverse"
)

// Change is one change of an order's state.
type Change struct {
	Action Action
	// Paid is the amount paid, for Settle; the zero value means all that was
	// submitted.
	Paid decimal.Decimal
	// Remark is the reason, for Fail and Reverse; "" takes a usual one.
	Remark string
}

// TransitionError says that an order in this state cannot take this change.
type TransitionError struct {
	OrderID, State string
	Action         Action
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("order %s is %s and cannot %s", e.OrderID, e.State, e.Action)
}

// feeRate is the gateway's commission on what was paid.
var feeRate = decimal.MustNew(2, 2)

// apply returns the order after the change. The machine is
//
//	submitted ── settle ──▶ success ── reverse ──▶ failed, reversed
//	    └─────── fail ────▶ failed
//
// and everything else fails with *TransitionError.
func (o Order) apply(c Change, utr string, now time.Time) (Order, error) {
	switch {
	case c.Action == Settle && o.Status == Submitted:
		return o.settle(c, utr, now)
	case c.Action == Fail && o.Status == Submitted:
		o.Status, o.Remark = Failed, orElse(c.Remark, "declined by the bank")
	case c.Action == Reverse && o.Status == Success:
		o.Status, o.Reversed, o.Remark = Failed, true, orElse(c.Remark, "taken back by the bank")
	case c.Action == Settle || c.Action == Fail || c.Action == Reverse:
		return o, &TransitionError{OrderID: o.OrderID, State: o.State(), Action: c.Action}
	default:
		return o, invalid("unknown change %q; use settle, fail or reverse", c.Action)
	}
	o.ChangedAt = now
	return o, nil
}

func (o Order) settle(c Change, utr string, now time.Time) (Order, error) {
	paid := c.Paid
	if paid.IsZero() {
		paid = o.Submitted
	}
	paid, err := money(paid, o.Currency)
	if err != nil {
		return o, err
	}
	fee, err := paid.Mul(feeRate)
	if err != nil {
		return o, fmt.Errorf("fee of order %s: %w", o.OrderID, err)
	}
	scale := fractionDigits(o.Currency)
	o.Status, o.Paid, o.Fee, o.UTR, o.ChangedAt = Success, paid, fee.Round(scale).Pad(scale), utr, now
	return o, nil
}

// fractionDigits is how many digits the gateway shows behind the point.
// Indonesia allows none (gateway page, region rules).
func fractionDigits(currency string) int {
	if currency == "IDR" {
		return 0
	}
	return 2
}

// money checks an amount and writes it with the currency's fraction digits;
// nothing is rounded.
func money(amount decimal.Decimal, currency string) (decimal.Decimal, error) {
	scale := fractionDigits(currency)
	exact := amount.Trim(scale)
	switch {
	case !amount.IsPos():
		return amount, invalid("amount %s must be more than zero", amount)
	case exact.Scale() > scale:
		return amount, invalid("amount %s must have at most %d fraction digits in %s", amount, scale, currency)
	case exact.Prec()-exact.Scale() > 15:
		return amount, invalid("amount %s must have at most 15 integer digits", amount)
	}
	return exact.Pad(scale), nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

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
	Reversed bool `json:"reversed"`
	// Unmarked: the callbacks of a reversal don't say reverse.
	Unmarked bool   `json:"unmarked,omitempty"`
	UTR      string `json:"utr,omitempty"`
	// Remark is the reason of a failure or reversal.
	Remark string `json:"remark,omitempty"`
	// NotifyURL is where callbacks go, and CallbackURL where the payer's browser
	// goes, both as the create call gave them; "" for an order made by hand.
	NotifyURL   string `json:"notifyUrl,omitempty"`
	CallbackURL string `json:"callbackUrl,omitempty"`
	// Duplicates is the order that was paid a second time by this one.
	Duplicates string `json:"duplicates,omitempty"`

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

// The states of an order that are no payment, in a word.
const (
	stateSubmitted = "submitted"
	stateFailed    = "failed"
	stateReversed  = "reversed"
)

// State is the order's state in a word, as it stands in the books.
func (o Order) State() string {
	switch {
	case o.Reversed:
		return stateReversed
	case o.Status == Success && o.Paid.Less(o.Submitted):
		return "short-paid"
	case o.Status == Success && o.Submitted.Less(o.Paid):
		return "over-paid"
	case o.Status == Success:
		return "settled"
	case o.Status == Failed:
		return stateFailed
	}
	return stateSubmitted
}

// Action names a change of an order's state.
type Action string

// The changes. Settle with an amount below the submitted one makes a
// short-paid order.
const (
	Settle  Action = "settle"
	Fail    Action = "fail"
	Reverse Action = "reverse"
	// PayAgain pays a settled order once more: a new order with _1 behind its id
	// is made, and this one stays as it is.
	PayAgain Action = "pay-again"
)

func (a Action) known() bool {
	return a == Settle || a == Fail || a == Reverse || a == PayAgain
}

// Change is one change of an order's state.
type Change struct {
	Action Action
	// Paid is the amount paid, for Settle; the zero value means all that was
	// submitted.
	Paid decimal.Decimal
	// Remark is the reason, for Fail and Reverse; "" takes a usual one.
	Remark string
	// Unmarked reversals don't say reverse in their callbacks, and Silent ones
	// have none. For Reverse.
	Unmarked, Silent bool
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
//	    └─────── fail ────▶ failed ── settle ──▶ success
//
// and everything else fails with *TransitionError.
func (o Order) apply(c Change, utr string, now time.Time) (Order, error) {
	switch {
	case c.Action == Settle && (o.Status == Submitted || o.Status == Failed && !o.Reversed):
		return o.settle(c, utr, now)
	case c.Action == Fail && o.Status == Submitted:
		o.Status, o.Remark = Failed, orElse(c.Remark, "declined by the bank")
	case c.Action == Reverse && o.Status == Success:
		o.Status, o.Reversed, o.Unmarked, o.Remark = Failed, true, c.Unmarked, orElse(c.Remark, "taken back by the bank")
	case c.Action.known():
		return o, &TransitionError{OrderID: o.OrderID, State: o.State(), Action: c.Action}
	default:
		return o, invalid("unknown change %q; use settle, fail, reverse or pay-again", c.Action)
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
	fee, err := feeOf(paid, o.Currency)
	if err != nil {
		return o, fmt.Errorf("fee of order %s: %w", o.OrderID, err)
	}
	o.Status, o.Paid, o.Fee, o.UTR, o.Remark, o.ChangedAt = Success, paid, fee, utr, "", now
	return o, nil
}

// feeOf is the gateway's commission on an amount, rounded to the currency's
// digits: the gateway's own business, and the merchant takes it as it comes.
func feeOf(amount decimal.Decimal, currency string) (decimal.Decimal, error) {
	fee, err := amount.Mul(feeRate)
	scale := fractionDigits(currency)
	return fee.Round(scale).Pad(scale), err
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

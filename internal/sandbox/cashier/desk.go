package cashier

import (
	"errors"

	"github.com/govalues/decimal"
)

// The errors of a [Desk] that the page has a word for.
var (
	// ErrUnknown says that no order has this token.
	ErrUnknown = errors.New("no such payment page")
	// ErrClosed says that the order can no longer be paid.
	ErrClosed = errors.New("the order is closed")
	// ErrAmount says that this amount cannot be paid. The payer reads the whole
	// text of the error that wraps it.
	ErrAmount = errors.New("this amount cannot be paid")
)

// StateOpen is the state of an order that waits for its payment. In every other
// state it is closed.
const StateOpen = "submitted"

// Bill is an order as its payer sees it.
type Bill struct {
	Account  string // the gateway's merchant account
	OrderID  string // the merchant's
	Currency string // ISO 4217
	// Amount is what is asked, in major currency units with the digits to show.
	Amount decimal.Decimal
	// Paid is what was paid, once something was.
	Paid decimal.Decimal
	// State is [StateOpen], or how the order was closed: settled, short-paid,
	// over-paid, failed, reversed; others are shown as they stand.
	State string
	// ReturnURL is the merchant's callbackUrl, "" for none. Only an http or
	// https address is followed.
	ReturnURL string
}

func (b Bill) open() bool { return b.State == StateOpen }

// Desk takes payments. Its methods are called from many goroutines. Of several
// payments of one order at most one succeeds, the others fail with [ErrClosed].
type Desk interface {
	// Bill returns the order behind a token. Fails with ErrUnknown.
	Bill(token string) (Bill, error)
	// Pay pays an order, with any amount in major currency units: it need not be
	// the one asked. Fails with ErrUnknown, ErrClosed or, wrapped with what to
	// give instead, ErrAmount.
	Pay(token string, amount decimal.Decimal) (Bill, error)
	// Fail lets the payment fail. Fails with ErrUnknown or ErrClosed.
	Fail(token string) (Bill, error)
}

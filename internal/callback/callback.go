// Package callback turns the parameters of a gateway callback into typed
// values. It does no I/O and knows no keys: whoever reads callbacks from the
// outside verifies them first (package sign).
package callback

import (
	"fmt"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/sign"
)

// Status is the state of a transaction as the gateway numbers it (API
// document, section 2).
type Status uint8

// The transaction states.
const (
	Submitted Status = 0
	Success   Status = 1
	Failed    Status = 2
)

// String names the status.
func (s Status) String() string {
	switch s {
	case Submitted:
		return "submitted"
	case Success:
		return "success"
	case Failed:
		return "failed"
	default:
		return fmt.Sprintf("unknown(%d)", uint8(s))
	}
}

// Callback is what the gateway says about one order (API document, section 6).
// It is a hint, never the truth about money: the order query is.
type Callback struct {
	OrderID     string          // the merchant's order id
	PlatOrderID string          // the gateway's order id
	Amount      decimal.Decimal // as paid, in major currency units
	Status      Status
	Reverse     bool   // the order is reversed; false where the gateway says nothing
	Remark      string // reason of a failure, free text
	Fee         decimal.Decimal
	FeeKnown    bool // whether the callback holds a fee: without it Fee is zero
}

// Final reports whether the callback says what became of its order.
func (c Callback) Final() bool { return c.Reverse || c.Status != Submitted }

// anyPolicy opens every dialect of a body: which of them a merchant may use
// was decided when the signature was verified.
var anyPolicy = sign.Policy{DropZero: true, NumericReverse: true, JavaDouble: true}

// FromParams reads a callback that was verified before, as strictly as the
// verification did and to the same value whichever accepted dialect the body
// is written in. The error is a [*sign.MalformedError].
func FromParams(p sign.Params) (Callback, error) {
	fields, err := sign.ReadFields(p, anyPolicy)
	if err != nil {
		return Callback{}, fmt.Errorf("read callback: %w", err)
	}
	return fromFields(fields)
}

// fromFields gives fields that were checked their types.
func fromFields(f sign.Fields) (Callback, error) {
	amount, _, err := number("amount", f.Amount)
	if err != nil {
		return Callback{}, fmt.Errorf("read callback: %w", err)
	}
	fee, feeKnown, err := number("fee", f.Fee)
	if err != nil {
		return Callback{}, fmt.Errorf("read callback: %w", err)
	}
	return Callback{
		OrderID:     f.OrderID,
		PlatOrderID: f.PlatOrderID,
		Amount:      amount,
		Status:      Status(f.Status[0] - '0'), // one digit, as checked
		Reverse:     f.Reverse == "true" || f.Reverse == "1",
		Remark:      f.Remark,
		Fee:         fee,
		FeeKnown:    feeKnown,
	}, nil
}

// number reads an amount or fee and reports whether there is one. Trailing
// zeros go, as their number depends on the dialect.
func number(field, token string) (decimal.Decimal, bool, error) {
	if token == "" {
		return decimal.Decimal{}, false, nil
	}
	if plain, ok := sign.PlainDecimal(token); ok {
		if d, err := decimal.Parse(plain); err == nil {
			return d.Trim(0), true, nil
		}
	}
	return decimal.Decimal{}, false, &sign.MalformedError{
		Reason: sign.ReasonWrongType, Field: field, Detail: "is not a decimal number",
	}
}

package events

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/govalues/decimal"
)

// Bounds of an amount, from the gateway page (verification rule 4): what comes
// in has at most 15 integer and 4 fraction digits. Together they are the 19
// digits that a decimal holds exactly.
const (
	MaxIntegerDigits  = 15
	MaxFractionDigits = 4
)

// ErrAmount is the error of every refused amount; the text says what is wrong.
var ErrAmount = errors.New("invalid amount")

// Amount is money in major units (rupees, not paise), exact, never negative.
// The zero value is the unknown amount: it is left out of JSON and never means
// zero money. On the wire an amount is a decimal string.
//
// Amounts that differ only in trailing zeros are [Amount.Equal] but not ==.
type Amount struct {
	value decimal.Decimal
	known bool
}

// NewAmount returns d as a known amount. It returns [ErrAmount] for a negative
// d and for more than 15 integer or 4 fraction digits; nothing is rounded.
func NewAmount(d decimal.Decimal) (Amount, error) {
	switch {
	case d.IsNeg():
		return Amount{}, fmt.Errorf("%w: %s is negative", ErrAmount, d)
	case d.Scale() > MaxFractionDigits:
		return Amount{}, fmt.Errorf("%w: %s has more than %d fraction digits", ErrAmount, d, MaxFractionDigits)
	case d.Prec()-d.Scale() > MaxIntegerDigits:
		return Amount{}, fmt.Errorf("%w: %s has more than %d integer digits", ErrAmount, d, MaxIntegerDigits)
	}
	return Amount{value: d, known: true}, nil
}

// ParseAmount reads the form used on the wire: digits without leading zeros,
// optionally a dot and one to four digits. Signs, exponents, separators and
// white space are refused with [ErrAmount]. The digits are kept as written.
func ParseAmount(s string) (Amount, error) {
	if !plainDecimal(s) {
		return Amount{}, fmt.Errorf("%w: %q is not a plain decimal of at most %d.%d digits",
			ErrAmount, clip(s), MaxIntegerDigits, MaxFractionDigits)
	}
	d, err := decimal.Parse(s)
	if err != nil {
		return Amount{}, fmt.Errorf("%w: %q: %w", ErrAmount, s, err)
	}
	return NewAmount(d)
}

// MustParseAmount is [ParseAmount] for constants; it panics on an error.
func MustParseAmount(s string) Amount {
	a, err := ParseAmount(s)
	if err != nil {
		panic(err)
	}
	return a
}

// Known reports whether the amount is known. Zero money is known.
func (a Amount) Known() bool { return a.known }

// IsZero reports whether the amount is unknown, which is what encoding/json's
// omitzero asks for. It does not ask whether the money is zero: see [Amount.Sign].
func (a Amount) IsZero() bool { return !a.known }

// Sign returns 0 for an unknown amount and for zero money, and 1 otherwise.
func (a Amount) Sign() int { return a.value.Sign() }

// Decimal returns the value, and false for the unknown amount.
func (a Amount) Decimal() (decimal.Decimal, bool) { return a.value, a.known }

// String returns the amount as on the wire, and "" for the unknown amount.
func (a Amount) String() string {
	if !a.known {
		return ""
	}
	return a.value.String()
}

// Equal reports whether both are unknown, or both are known and of one value:
// 10.5 equals 10.50.
func (a Amount) Equal(b Amount) bool {
	return a.known == b.known && a.value.Equal(b.value)
}

// InCurrency returns a with at least as many fraction digits as the currency
// has in ISO 4217. It adds zeros only: it never rounds and never drops a digit.
func (a Amount) InCurrency(iso string) Amount {
	if a.known {
		a.value = a.value.Pad(MinorDigits(iso))
	}
	return a
}

// MarshalJSON writes a decimal string, and null for the unknown amount. Fields
// tagged omitzero leave the unknown amount out instead.
func (a Amount) MarshalJSON() ([]byte, error) {
	if !a.known {
		return []byte("null"), nil
	}
	return []byte(`"` + a.value.String() + `"`), nil
}

// UnmarshalJSON reads a decimal string as [ParseAmount] does; null is the
// unknown amount. A JSON number is refused: many readers pass those through a
// binary float.
func (a *Amount) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*a = Amount{}
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%w: want a decimal string, got %s", ErrAmount, clip(string(b)))
	}
	parsed, err := ParseAmount(s)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// plainDecimal reports whether s is (0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?
func plainDecimal(s string) bool {
	digits := func(from int) int {
		i := from
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i - from
	}
	whole := digits(0)
	if whole == 0 || whole > MaxIntegerDigits || (whole > 1 && s[0] == '0') {
		return false
	}
	if whole == len(s) {
		return true
	}
	fraction := digits(whole + 1)
	return s[whole] == '.' && fraction >= 1 && fraction <= MaxFractionDigits &&
		whole+1+fraction == len(s)
}

// clip keeps hostile input out of error texts.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

package events

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/govalues/decimal"
)

// Signed is money that may be negative, as a balance after a reversal: exact, in
// major units, with the digits of an [Amount]. The zero value is unknown, and
// never means zero money. On the wire it is a decimal string, with a minus
// before it where it is below zero.
//
// Values that differ only in trailing zeros are [Signed.Equal] but not ==.
type Signed struct {
	value decimal.Decimal
	known bool
}

// NewSigned returns d as known money. It returns [ErrAmount] for more than 15
// integer or 4 fraction digits; nothing is rounded.
func NewSigned(d decimal.Decimal) (Signed, error) {
	if _, err := NewAmount(d.Abs()); err != nil {
		return Signed{}, err
	}
	return Signed{value: d, known: true}, nil
}

// ParseSigned reads the form used on the wire: an amount as [ParseAmount] reads
// it, or one above zero behind a minus. Anything else is [ErrAmount].
func ParseSigned(s string) (Signed, error) {
	digits, negative := strings.CutPrefix(s, "-")
	a, err := ParseAmount(digits)
	switch {
	case err != nil:
		return Signed{}, err
	case negative && a.Sign() == 0:
		return Signed{}, fmt.Errorf("%w: zero has no sign", ErrAmount)
	case negative:
		return Signed{value: a.value.Neg(), known: true}, nil
	}
	return Signed(a), nil
}

// MustParseSigned is [ParseSigned] for constants; it panics on an error.
func MustParseSigned(s string) Signed {
	parsed, err := ParseSigned(s)
	if err != nil {
		panic(err)
	}
	return parsed
}

// Known reports whether the money is known. Zero money is known.
func (s Signed) Known() bool { return s.known }

// IsZero reports whether the money is unknown, as [Amount.IsZero] does.
func (s Signed) IsZero() bool { return !s.known }

// Sign returns -1 below zero, 0 for the unknown and for zero money, and 1 above.
func (s Signed) Sign() int { return s.value.Sign() }

// Decimal returns the value, and false for the unknown.
func (s Signed) Decimal() (decimal.Decimal, bool) { return s.value, s.known }

// String returns the money as on the wire, and "" for the unknown.
func (s Signed) String() string {
	if !s.known {
		return ""
	}
	return s.value.String()
}

// Equal reports whether both are unknown, or both are known and of one value.
func (s Signed) Equal(other Signed) bool {
	return s.known == other.known && s.value.Equal(other.value)
}

// InCurrency returns s with at least the currency's fraction digits, as
// [Amount.InCurrency] does.
func (s Signed) InCurrency(iso string) Signed { return Signed(Amount(s).InCurrency(iso)) }

// MarshalJSON writes a decimal string, and null for the unknown.
func (s Signed) MarshalJSON() ([]byte, error) { return Amount(s).MarshalJSON() }

// UnmarshalJSON reads a decimal string as [ParseSigned] does; null is the
// unknown, and a JSON number is refused.
func (s *Signed) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*s = Signed{}
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("%w: want a decimal string, got %s", ErrAmount, clip(string(b)))
	}
	parsed, err := ParseSigned(text)
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

package finance

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
)

// Sum is money added up, in major currency units: exact however much it is, where
// a decimal ends at 19 digits. The zero value is no money. Sums are values: no
// method changes one.
type Sum struct {
	n *big.Int // in units of the last of [events.MaxFractionDigits] digits; nil is 0
}

// ErrSum is the error of a text that is no sum.
var ErrSum = errors.New("not an amount of money")

// SumOf is an amount as a sum; an unknown amount adds nothing.
func SumOf(a events.Amount) Sum {
	d, known := a.Decimal()
	if !known {
		return Sum{}
	}
	return ofDecimal(d)
}

func ofDecimal(d decimal.Decimal) Sum {
	n := new(big.Int).SetUint64(d.Coef())
	n.Mul(n, pow10(events.MaxFractionDigits-d.Scale()))
	if d.IsNeg() {
		n.Neg(n)
	}
	return Sum{n}
}

// ParseSum reads digits, with a minus before them and up to four fraction digits
// behind. Anything else is [ErrSum].
func ParseSum(s string) (Sum, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, dot := strings.Cut(digits, ".")
	if whole == "" || dot && fraction == "" || len(fraction) > events.MaxFractionDigits || strings.Trim(whole+fraction, "0123456789") != "" {
		return Sum{}, fmt.Errorf("%q: %w", s, ErrSum)
	}
	n, _ := new(big.Int).SetString(whole+fraction+strings.Repeat("0", events.MaxFractionDigits-len(fraction)), 10)
	if negative {
		n.Neg(n)
	}
	return Sum{n}, nil
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func (s Sum) int() *big.Int {
	if s.n == nil {
		return new(big.Int)
	}
	return s.n
}

// Plus returns s + o.
func (s Sum) Plus(o Sum) Sum { return Sum{new(big.Int).Add(s.int(), o.int())} }

// Minus returns s − o.
func (s Sum) Minus(o Sum) Sum { return Sum{new(big.Int).Sub(s.int(), o.int())} }

// Sign returns -1, 0 or 1.
func (s Sum) Sign() int { return s.int().Sign() }

// Equal reports whether both are of one value.
func (s Sum) Equal(o Sum) bool { return s.int().Cmp(o.int()) == 0 }

// Cmp compares as big.Int does.
func (s Sum) Cmp(o Sum) int { return s.int().Cmp(o.int()) }

// In writes the sum with at least the currency's fraction digits, and more where
// there is more: nothing is rounded.
func (s Sum) In(currency string) string { return s.text(events.MinorDigits(currency)) }

// String writes the sum with as many fraction digits as it needs.
func (s Sum) String() string { return s.text(0) }

func (s Sum) text(least int) string {
	digits := new(big.Int).Abs(s.int()).String()
	if short := events.MaxFractionDigits + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	whole, fraction := digits[:len(digits)-events.MaxFractionDigits], digits[len(digits)-events.MaxFractionDigits:]
	for len(fraction) > least && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if s.Sign() < 0 {
		whole = "-" + whole
	}
	return whole
}

// MarshalText writes the sum as [Sum.String] does.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [ParseSum] reads.
func (s *Sum) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSum(string(text))
	return err
}

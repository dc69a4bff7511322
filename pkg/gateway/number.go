package gateway

import (
	"errors"
	"strconv"
	"strings"

	"github.com/govalues/decimal"
)

// Bounds of an amount: gateway page, verification rule 4. Together they fit
// the 19 digits of decimal.Decimal, so that parsing never rounds.
const (
	maxInteger  = 15
	maxFraction = 4
	maxNumber   = 64 // bytes of a number's text, before it is looked at
)

var (
	errNotNumber = errors.New("is not a plain non-negative number")
	errTooMany   = errors.New("has more than 15 integer or 4 fraction digits")
)

// parseAmount reads a decimal from its JSON text, keeping the fraction digits
// as written. An exponent of at most two digits is accepted (rule 6: senders
// that print doubles write 1.0E7); the number is never a float on the way.
func parseAmount(text string) (decimal.Decimal, error) {
	if len(text) > maxNumber {
		return decimal.Decimal{}, errTooMany
	}
	mantissa, exponent, err := splitExponent(text)
	if err != nil {
		return decimal.Decimal{}, err
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !digits(whole) || (point && !digits(fraction)) || (len(whole) > 1 && whole[0] == '0') {
		return decimal.Decimal{}, errNotNumber
	}
	whole, fraction = shiftPoint(whole, fraction, exponent)
	if len(whole) > maxInteger || len(fraction) > maxFraction {
		return decimal.Decimal{}, errTooMany
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return decimal.Parse(whole)
}

func splitExponent(text string) (mantissa string, exponent int, err error) {
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return text, 0, nil
	}
	mantissa, power := text[:at], text[at+1:]
	unsigned := strings.TrimPrefix(power, "-")
	if unsigned == power {
		unsigned = strings.TrimPrefix(power, "+")
	}
	if !digits(unsigned) || len(unsigned) > 2 {
		return "", 0, errNotNumber
	}
	exponent, err = strconv.Atoi(unsigned)
	if power[0] == '-' {
		exponent = -exponent
	}
	return mantissa, exponent, err
}

// shiftPoint moves the decimal point by exponent digits. Zeros that carry no
// value are dropped in front, and behind only past the fraction digits that an
// amount may have, so that 1000.00 stays 1000.00.
func shiftPoint(whole, fraction string, exponent int) (string, string) {
	if exponent > 0 {
		fraction += strings.Repeat("0", max(0, exponent-len(fraction)))
		whole, fraction = whole+fraction[:exponent], fraction[exponent:]
	}
	if exponent < 0 {
		whole = strings.Repeat("0", max(0, -exponent-len(whole))) + whole
		cut := len(whole) + exponent
		whole, fraction = whole[:cut], whole[cut:]+fraction
	}
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	for len(fraction) > maxFraction && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	return whole, fraction
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

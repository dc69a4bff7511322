package region

import "strings"

// Bounds of a submitted amount: the API's document supports two decimals, and
// the gateway page (verification rule 4) reads 15 integer digits.
const (
	maxIntegerDigits  = 15
	maxFractionDigits = 2
)

const wantAmount problem = "give a plain decimal above zero with at most 2 decimals and 15 digits before them, such as 1000.00"

// plainAmount checks what every region asks of an amount: digits, optionally a
// point and one or two digits, above zero; no sign, exponent, separator or
// leading zero.
func plainAmount(s string) error {
	whole, fraction, point := strings.Cut(s, ".")
	switch {
	case !digits(whole) || len(whole) > maxIntegerDigits || len(whole) > 1 && whole[0] == '0':
		return wantAmount
	case point && (!digits(fraction) || len(fraction) > maxFractionDigits):
		return wantAmount
	case strings.Trim(s, "0.") == "":
		return wantAmount
	}
	return nil
}

// wholeAmount checks an amount in Indonesia, where the gateway allows no
// decimal point: not even one with zeros behind it, and nothing is cut off to
// make it fit.
func wholeAmount(s string) error {
	if strings.Contains(s, ".") {
		return problem("give the amount without decimals, such as 1000: Indonesia allows no decimal point, not even 1000.00")
	}
	if plainAmount(s) != nil {
		return problem("give a whole number above zero with at most 15 digits, such as 1000")
	}
	return nil
}

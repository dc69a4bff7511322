package sign

import (
	"strconv"
	"strings"
)

const (
	// maxWhole and maxFraction bound an amount or fee: at most 15 integer and
	// 4 fraction digits (gateway page, verification rule 4).
	maxWhole    = 15
	maxFraction = 4
	// doubleDigits is how many significant digits survive a double unchanged.
	doubleDigits = 15
)

// decimalText is a non-negative decimal in minimal writing, split at its
// point: whole has no leading zero, fraction no trailing one.
type decimalText struct{ whole, fraction string }

func (d decimalText) isZero() bool { return d.whole == "0" && d.fraction == "" }

// PlainDecimal returns the plain writing of an amount or fee: a plain decimal
// is returned as it is, one with an exponent ("1.0E7") is written out
// ("10000000"). It reports false for anything but a non-negative decimal of at
// most 15 integer and 4 fraction digits without superfluous leading zeros.
func PlainDecimal(token string) (string, bool) {
	if _, ok := parsePlain(token); ok {
		return token, true
	}
	d, ok := parseExponent(token)
	if !ok {
		return "", false
	}
	return d.render(0), true
}

// parsePlain reads a decimal without exponent, by rule 4 of the gateway page.
func parsePlain(s string) (decimalText, bool) {
	whole, fraction, hasPoint := strings.Cut(s, ".")
	if !allDigits(whole) || len(whole) > maxWhole || (whole[0] == '0' && len(whole) > 1) {
		return decimalText{}, false
	}
	if hasPoint && (!allDigits(fraction) || len(fraction) > maxFraction) {
		return decimalText{}, false
	}
	return decimalText{whole, strings.TrimRight(fraction, "0")}, true
}

// parseExponent reads a JSON number with an exponent of at most two digits
// whose value is within the bounds of rule 4.
func parseExponent(s string) (decimalText, bool) {
	e := strings.IndexAny(s, "eE")
	if e < 0 {
		return decimalText{}, false
	}
	exponent, ok := parseShortInt(s[e+1:])
	if !ok {
		return decimalText{}, false
	}
	whole, fraction, hasPoint := strings.Cut(s[:e], ".")
	if !allDigits(whole) || (whole[0] == '0' && len(whole) > 1) || (hasPoint && !allDigits(fraction)) {
		return decimalText{}, false
	}
	digits := strings.TrimRight(whole+fraction, "0")
	point := len(whole) + exponent
	for strings.HasPrefix(digits, "0") {
		digits, point = digits[1:], point-1
	}
	switch {
	case digits == "":
		return decimalText{whole: "0"}, true
	case point > maxWhole || len(digits)-point > maxFraction:
		return decimalText{}, false
	case point <= 0:
		return decimalText{"0", strings.Repeat("0", -point) + digits}, true
	case point >= len(digits):
		return decimalText{digits + strings.Repeat("0", point-len(digits)), ""}, true
	default:
		return decimalText{digits[:point], digits[point:]}, true
	}
}

// parseShortInt reads an optional sign and one or two digits.
func parseShortInt(s string) (int, bool) {
	sign := 1
	switch {
	case strings.HasPrefix(s, "-"):
		sign, s = -1, s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	if !allDigits(s) || len(s) > 2 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s) {
		n = n*10 + int(c-'0')
	}
	return sign * n, true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// render writes the decimal with at least this many fraction digits. Digits
// that the value has are never cut off: a rendering is the same value.
func (d decimalText) render(atLeast int) string {
	fraction := d.fraction
	if missing := atLeast - len(fraction); missing > 0 {
		fraction += strings.Repeat("0", missing)
	}
	if fraction == "" {
		return d.whole
	}
	return d.whole + "." + fraction
}

// renderDouble writes the decimal as Java's Double.toString does. It reports
// false where a double could not hold all the digits.
func (d decimalText) renderDouble() (string, bool) {
	digits := strings.TrimLeft(d.whole+d.fraction, "0")
	point := len(d.whole)
	if d.whole == "0" {
		point = len(digits) - len(d.fraction)
	}
	digits = strings.TrimRight(digits, "0")
	switch {
	case len(digits) > doubleDigits:
		return "", false
	case digits == "" || (-3 < point && point <= 7): // 0.001 <= value < 10^7
		return d.render(1), true
	}
	rest := digits[1:]
	if rest == "" {
		rest = "0"
	}
	return digits[:1] + "." + rest + "E" + strconv.Itoa(point-1), true
}

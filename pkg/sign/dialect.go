package sign

import "fmt"

// Dialect is a way in which a sender's body or signed text differs from the
// plain form. Its text is stable and fit for a metric label.
type Dialect string

// Dialects that are always accepted (gateway page, verification rule 5).
const (
	// DialectUppercaseHex: sign holds uppercase hex digits.
	DialectUppercaseHex Dialect = "uppercase-hex"
	// DialectEmptyKept: empty strings are signed as name=.
	DialectEmptyKept Dialect = "empty-kept"
	// DialectNumberMinimal: amount and fee are signed without trailing zeros.
	DialectNumberMinimal Dialect = "number-minimal"
	// DialectNumberOneDecimal: amount and fee are signed with at least one decimal.
	DialectNumberOneDecimal Dialect = "number-one-decimal"
	// DialectNumberTwoDecimals: amount and fee are signed with at least two decimals.
	DialectNumberTwoDecimals Dialect = "number-two-decimals"
	// DialectQuotedNumber: amount, fee or status is a JSON string.
	DialectQuotedNumber Dialect = "quoted-number"
)

// Dialects that only a merchant's [Policy] opens (gateway page, verification
// rule 5).
const (
	// DialectDropZero: zero and false are not signed.
	DialectDropZero Dialect = "drop-zero"
	// DialectReverseNumeric: reverse is sent or signed as 0 or 1.
	DialectReverseNumeric Dialect = "reverse-numeric"
	// DialectJavaDouble: amount and fee are sent or signed as Java prints a
	// double (1.0E7).
	DialectJavaDouble Dialect = "java-double"
)

// Dialects returns every dialect there is.
func Dialects() []Dialect {
	return []Dialect{
		DialectUppercaseHex, DialectEmptyKept, DialectNumberMinimal, DialectNumberOneDecimal,
		DialectNumberTwoDecimals, DialectQuotedNumber, DialectDropZero, DialectReverseNumeric, DialectJavaDouble,
	}
}

// Policy opens dialects for one merchant that are not safe or not usual enough
// to be accepted from everybody.
type Policy struct {
	// DropZero accepts texts signed without zero amounts, fees, statuses and
	// other numbers and without false. Then the absence of such a field and
	// its zero are equally signed. Order ids are always signed.
	DropZero bool
	// NumericReverse accepts reverse as 0 or 1, in the body and in the signed
	// text.
	NumericReverse bool
	// JavaDouble accepts amount and fee as Java prints a double, in the body
	// and in the signed text.
	JavaDouble bool
}

// NewPolicy returns the policy that opens the named dialects. A dialect that
// needs no opening, or that does not exist, is an error.
func NewPolicy(dialects ...Dialect) (Policy, error) {
	var policy Policy
	for _, d := range dialects {
		switch d {
		case DialectDropZero:
			policy.DropZero = true
		case DialectReverseNumeric:
			policy.NumericReverse = true
		case DialectJavaDouble:
			policy.JavaDouble = true
		default:
			return Policy{}, fmt.Errorf("dialect %q cannot be opened: choose among %s, %s and %s",
				string(d), DialectDropZero, DialectReverseNumeric, DialectJavaDouble)
		}
	}
	return policy, nil
}

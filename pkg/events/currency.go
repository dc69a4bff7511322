package events

// minorDigits holds the currencies of ISO 4217:2015, List One ("Current
// currency & funds code list", published by SIX for ISO), whose number of minor
// digits is not 2. Codes the list marks "N.A." (metals, SDR, bond units, tests)
// have no minor unit and stand with 0.
var minorDigits = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
	"RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,

	"XAG": 0, "XAU": 0, "XBA": 0, "XBB": 0, "XBC": 0, "XBD": 0, "XDR": 0, "XPD": 0, "XPT": 0,
	"XSU": 0, "XTS": 0, "XUA": 0, "XXX": 0,

	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,

	"CLF": 4, "UYW": 4,
}

// MinorDigits returns the number of fraction digits ISO 4217 gives a currency:
// 2 for INR, IDR, NGN and BRL, 0 for JPY, 3 for KWD. A code the list treats as
// ordinary, or does not know, has 2.
func MinorDigits(iso string) int {
	if n, special := minorDigits[iso]; special {
		return n
	}
	return 2
}

// validCurrency reports whether s has the form of an ISO 4217 code. Membership
// is not asked: the list changes more often than this package.
func validCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range 3 {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

package region

import "strings"

// BankCode checks the form of a bank's code in Indonesia and Nigeria: 2 to 32
// letters, digits, dashes and underscores. The gateway's document gives no list of codes, and
// gateways of its family use codes of their own besides the central banks', so
// there is nothing else to hold it against.
func BankCode(s string) error {
	bare := strings.NewReplacer("-", "", "_", "").Replace(s)
	if len(bare) < 2 || len(s) > 32 || !only(bare, alphanumeric) {
		return problem("give the bank's code as the gateway lists it: 2 to 32 letters, digits, dashes or underscores")
	}
	return nil
}

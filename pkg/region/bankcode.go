package region

// BankCode checks the form of a bank's code in Indonesia and Nigeria: 2 to 11
// letters or digits. The gateway's document gives no list of codes, and
// gateways of its family use codes of their own besides the central banks', so
// there is nothing else to hold it against.
func BankCode(s string) error {
	if len(s) < 2 || len(s) > 11 || !only(s, alphanumeric) {
		return problem("give the bank's code as the gateway lists it: 2 to 11 letters or digits")
	}
	return nil
}

package region

// checkNigeriaPay only warns of a wrong check digit: wallets have account
// numbers that are no NUBAN, and gateways have bank codes that are not the
// central bank's, which the check digit is made with.
func checkNigeriaPay(p Pay) (warnings []string, err error) {
	if err := present(p.Remark, "Nigeria requires the bank's code"); err != nil {
		return nil, inField(fieldRemark, err)
	}
	if err := BankCode(p.Remark); err != nil {
		return nil, inField(fieldRemark, err)
	}
	if err := NUBAN(p.Remark, p.BankAccount); err != nil {
		warnings = append(warnings, inField(fieldBankAccount, err).Error())
	}
	return warnings, nil
}

// NUBAN checks a Nigerian account number: 10 digits, the last a check digit
// over the bank's code and the other nine (Central Bank of Nigeria, Nigeria
// Uniform Bank Account Number). Codes of 3 digits are those of deposit banks;
// the revision of 2020 gave other institutions 5 digits and puts a 9 in front
// of them. Other codes of 6 digits are those of the payment switch, which the
// check digit is not made with.
func NUBAN(bankCode, account string) error {
	if len(account) != 10 || !digits(account) {
		return problem("a NUBAN has 10 digits: look for a typing mistake, unless this is a wallet")
	}
	code := bankCode
	if len(code) == 5 {
		code = "9" + code
	}
	if !digits(code) || len(code) != 3 && (len(code) != 6 || code[0] != '9') {
		return problem("the check digit can't be checked without the central bank's code, of 3 digits, 5, or 6 with a 9 in front")
	}
	sum := 0
	for i, c := range code + account[:9] {
		sum += int(c-'0') * [...]int{3, 7, 3}[i%3]
	}
	if int(account[9]-'0') != (10-sum%10)%10 {
		return problem("the check digit does not fit the account number and the bank's code: look for a typing mistake in either")
	}
	return nil
}

package region

func checkIndiaPay(p Pay) error {
	if err := present(p.Remark, "India requires the bank's IFSC"); err != nil {
		return inField(fieldRemark, err)
	}
	return all(
		inField(fieldRemark, IFSC(p.Remark)),
		inField(fieldNumber, phoneNumber(p.Number)),
	)
}

// IFSC checks the code of a branch of an Indian bank: four capital letters, a
// 0, and six capital letters or digits (Reserve Bank of India). It has no check
// digit.
func IFSC(s string) error {
	if len(s) != 11 || !only(s, alphanumeric) {
		return problem("an IFSC has 11 characters: four letters, a 0, and six letters or digits")
	}
	if !only(s, func(c byte) bool { return digit(c) || capital(c) }) {
		return problem("write the letters of an IFSC in capitals")
	}
	if !only(s[:4], capital) || s[4] != '0' {
		return problem("an IFSC begins with four letters and the digit 0")
	}
	return nil
}

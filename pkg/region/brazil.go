package region

import "strings"

func checkBrazilCollect(c Collect) error {
	return all(
		inField(fieldRemark, taxNumber(c.Remark)),
		inField(fieldCustomName, present(c.CustomName, "Brazil requires the payer's name")),
		inField(fieldNumber, phoneNumber(c.Number)),
		inField(fieldEmail, emailAddress(c.Email)),
	)
}

// taxNumber checks a payer's tax number: a person's CPF or a company's CNPJ,
// told apart by their length.
func taxNumber(s string) error {
	if err := present(s, "Brazil requires the payer's CPF or CNPJ"); err != nil {
		return err
	}
	switch {
	case len(s) == cpfLength:
		return CPF(s)
	case len(s) == cnpjLength && only(s, alphanumeric): // a CPF with its punctuation is as long
		return CNPJ(s)
	default:
		return problem("give the payer's CPF (11 digits) or CNPJ (14 characters), without dots and dashes")
	}
}

const (
	cpfLength  = 11
	cnpjLength = 14
)

// CPF checks the number that Brazil's revenue service gives a person: 11
// digits without punctuation, the last two of them check digits modulo 11.
// Numbers of one repeated digit pass that sum and are never given out.
func CPF(s string) error {
	if len(s) != cpfLength || !digits(s) {
		return problem("a CPF has 11 digits, written without dots and dashes")
	}
	return registration("CPF", s, cpfLength)
}

// CNPJ checks the number that Brazil's revenue service gives a company: 12
// characters of 0-9 and A-Z and two check digits modulo 11, without
// punctuation. Letters are in numbers given out since July 2026 and count as
// their ASCII code less 48, which leaves digits what they are (technical note
// of Receita Federal; its example is 12.ABC.345/01DE-35).
func CNPJ(s string) error {
	if len(s) != cnpjLength || !only(s, alphanumeric) {
		return problem("a CNPJ has 14 characters, written without dots, slashes and dashes")
	}
	if !only(s, func(c byte) bool { return digit(c) || capital(c) }) {
		return problem("write the letters of a CNPJ in capitals")
	}
	if !digits(s[cnpjLength-2:]) {
		return problem("the last two characters of a CNPJ are digits")
	}
	// Weights count from 2 up to 9 and then begin again.
	return registration("CNPJ", s, 9)
}

// registration checks the two check digits at the end of a CPF or CNPJ.
// Weights rise from 2, from right to left, as far as highest.
func registration(name, s string, highest int) error {
	base := s[:len(s)-2]
	first := checkDigit(base, highest)
	second := checkDigit(base+string(first), highest)
	if strings.Count(s, s[:1]) == len(s) || s[len(s)-2] != first || s[len(s)-1] != second {
		return problem("the check digits of this " + name + " are wrong: look for a typing mistake")
	}
	return nil
}

// checkDigit is 11 less the weighted sum modulo 11, and 0 where that has two
// digits.
func checkDigit(s string, highest int) byte {
	sum, weight := 0, 2
	for i := len(s) - 1; i >= 0; i-- {
		sum += int(s[i]-'0') * weight
		if weight++; weight > highest {
			weight = 2
		}
	}
	if rest := sum % 11; rest > 1 {
		return byte('0' + 11 - rest)
	}
	return '0'
}

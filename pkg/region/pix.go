package region

import (
	"cmp"
	"strings"
)

// The types of a PIX key, which a payout in Brazil names in remark. The
// gateway's literal for the random one is configurable: see [Rules.PIXRemark].
const (
	PIXCPF    = "CPF"
	PIXCNPJ   = "CNPJ"
	PIXPhone  = "PHONE"
	PIXEmail  = "EMAIL"
	PIXRandom = "random"
)

// maxPIXEmail is the longest email address that Brazil's central bank takes as
// a key.
const maxPIXEmail = 77

func (r Rules) randomKey() string { return cmp.Or(r.PIXRandomKey, DefaultPIXRandomKey) }

// PIXRemark returns the remark for a type of PIX key: the configured literal
// for [PIXRandom], everything else unchanged.
func (r Rules) PIXRemark(kind string) string {
	if kind == PIXRandom {
		return r.randomKey()
	}
	return kind
}

// pixKind is the type of key that a remark names.
func (r Rules) pixKind(remark string) (kind string, err error) {
	if strings.EqualFold(remark, PIXPhone) {
		// The document writes "Phone", relatives of the gateway PHONE.
		return PIXPhone, nil
	}
	switch remark {
	case PIXCPF, PIXCNPJ, PIXEmail:
		return remark, nil
	case r.randomKey():
		return PIXRandom, nil
	case "":
		return "", problem("is missing: Brazil requires the type of the PIX key, one of " + r.pixRemarks())
	default:
		return "", problem("give the type of the PIX key: " + r.pixRemarks())
	}
}

func (r Rules) pixRemarks() string {
	return strings.Join([]string{PIXCPF, PIXCNPJ, PIXPhone, PIXEmail}, ", ") + " or " + r.randomKey()
}

// checkBrazilPay: bankAccount holds the beneficiary's PIX key.
func (r Rules) checkBrazilPay(p Pay) error {
	kind, err := r.pixKind(p.Remark)
	if err != nil {
		return inField(fieldRemark, err)
	}
	return all(
		inField(fieldBankAccount, PIXKey(kind, p.BankAccount)),
		inField(fieldNumber, phoneNumber(p.Number)),
		inField(fieldEmail, emailAddress(p.Email)),
	)
}

// PIXKey checks a PIX key of a type: a [CPF], a [CNPJ], a Brazilian phone
// number of 10 or 11 digits, with or without +55, an email address of at most
// 77 characters, or for [PIXRandom] a UUID.
func PIXKey(kind, key string) error {
	switch kind {
	case PIXCPF:
		return CPF(key)
	case PIXCNPJ:
		return CNPJ(key)
	case PIXPhone:
		return pixPhone(key)
	case PIXEmail:
		if len(key) > maxPIXEmail {
			return problem("an email address as PIX key has at most 77 characters")
		}
		return emailAddress(key)
	case PIXRandom:
		return uuid(key)
	default:
		return problem("unknown type of PIX key: use CPF, CNPJ, PHONE, EMAIL or random")
	}
}

// pixPhone: no area code begins with 0; one that seems to is the long-distance
// prefix, which is no part of a key.
func pixPhone(s string) error {
	n := strings.TrimPrefix(s, "+55")
	if !digits(n) || len(n) < 10 || len(n) > 11 || n[0] == '0' {
		return problem("a phone as PIX key has +55 and 10 or 11 digits with the area code first, without spaces and dashes")
	}
	return nil
}

// uuid checks the text form of RFC 9562.
func uuid(s string) error {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	ok := len(s) == len(form)
	for i := 0; ok && i < len(form); i++ {
		if form[i] == '-' {
			ok = s[i] == '-'
		} else {
			ok = digit(s[i]) || 'a' <= s[i]|0x20 && s[i]|0x20 <= 'f'
		}
	}
	if !ok {
		return problem("a random PIX key is a UUID, such as 123e4567-e89b-12d3-a456-426614174000")
	}
	return nil
}

package region

import "strings"

func digit(c byte) bool   { return '0' <= c && c <= '9' }
func capital(c byte) bool { return 'A' <= c && c <= 'Z' }
func letter(c byte) bool  { return capital(c) || 'a' <= c && c <= 'z' }

func alphanumeric(c byte) bool { return digit(c) || letter(c) }

// digits reports whether s is one or more digits and nothing else.
func digits(s string) bool { return s != "" && only(s, digit) }

// only reports whether every byte of s is of a kind.
func only(s string, kind func(c byte) bool) bool {
	for i := range len(s) {
		if !kind(s[i]) {
			return false
		}
	}
	return true
}

// present refuses a value of nothing but white space.
func present(s, give string) error {
	if strings.TrimSpace(s) == "" {
		return problem("is missing: " + give)
	}
	return nil
}

// phoneNumber checks a contact's number: 8 to 15 digits (E.164 has at most
// 15), with or without a leading +.
func phoneNumber(s string) error {
	if err := present(s, "give a phone number of 8 to 15 digits"); err != nil {
		return err
	}
	if n := strings.TrimPrefix(s, "+"); !digits(n) || len(n) < 8 || len(n) > 15 {
		return problem("give a phone number of 8 to 15 digits without spaces, optionally behind a +")
	}
	return nil
}

// Bounds of an address in SMTP (RFC 5321, 4.5.3.1).
const (
	maxEmail = 254
	maxLocal = 64
	maxLabel = 63
)

// emailAddress checks one bare address: the dot-atom form of RFC 5322 in front
// of the @, and a host name with a dot behind it. Display names, comments,
// quotes and address literals are for mail headers, not for a contact.
func emailAddress(s string) error {
	if err := present(s, "give one email address"); err != nil {
		return err
	}
	local, host, _ := strings.Cut(s, "@")
	if len(s) > maxEmail || len(local) > maxLocal || !dotAtom(local) || !hostName(host) {
		return problem("give one email address like name@example.com, without a display name")
	}
	return nil
}

func dotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || !only(atom, func(c byte) bool {
			return alphanumeric(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
		}) {
			return false
		}
	}
	return true
}

func hostName(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' ||
			!only(label, func(c byte) bool { return alphanumeric(c) || c == '-' }) {
			return false
		}
	}
	return len(labels) > 1 && !digits(labels[len(labels)-1]) // an IPv4 address is no host name
}

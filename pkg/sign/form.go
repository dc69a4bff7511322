package sign

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// ParseForm reads an application/x-www-form-urlencoded body in which each key
// appears once. All values are text ([KindString]). Empty pairs (&&) are
// skipped and line breaks at the very end dropped, as neither can be part of a
// value. All errors are [*MalformedError].
func ParseForm(body []byte) (Params, error) {
	text, err := bodyText(body)
	if err != nil {
		return nil, err
	}
	return readForm(text)
}

// readForm reads a text that [checkText] has passed.
func readForm(text string) (Params, error) {
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return nil, malformed(ReasonBadForm, "", "body is empty")
	}
	params := make(Params, 0, usualFields)
	var read names
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		p, err := formPair(params, &read, pair)
		if err != nil {
			return nil, err
		}
		params = append(params, p)
	}
	return params, nil
}

func formPair(params Params, read *names, pair string) (Param, error) {
	rawName, rawValue, found := strings.Cut(pair, "=")
	if !found {
		return Param{}, malformed(ReasonBadForm, "", "field "+strconv.Itoa(len(params)+1)+" has no =")
	}
	name, err := unescapeForm(rawName, "")
	if err != nil {
		return Param{}, err
	}
	if err := read.check(params, name, ReasonFormRepeatedKey); err != nil {
		return Param{}, err
	}
	value, err := unescapeForm(rawValue, name)
	return Param{Name: name, Value: value, Kind: KindString, form: true}, err
}

// unescapeForm decodes percent escapes and plus signs. The result must be
// UTF-8 again, and free of U+0000 like a JSON string.
func unescapeForm(s, field string) (string, error) {
	for i := range len(s) {
		if s[i] < 0x20 {
			return "", malformed(ReasonControlCharacter, field, "holds a control character that is not percent-encoded")
		}
	}
	if !strings.ContainsAny(s, "%+") {
		return s, nil
	}
	built := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			var ok bool
			if c, ok = percentByte(s[i:]); !ok {
				return "", malformed(ReasonBadForm, field, "holds a % that is not followed by two hex digits")
			}
			i += 2
		}
		if c == 0 {
			return "", malformed(ReasonControlCharacter, field, "holds the character U+0000")
		}
		built = append(built, c)
	}
	if !utf8.Valid(built) {
		return "", malformed(ReasonBadUTF8, field, "is not valid UTF-8 once decoded")
	}
	return string(built), nil
}

// percentByte decodes the escape (%41) that s begins with.
func percentByte(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	high, ok1 := hexDigit(s[1])
	low, ok2 := hexDigit(s[2])
	return high<<4 | low, ok1 && ok2
}

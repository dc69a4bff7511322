package sign

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxBody is the largest body that is read, in bytes, a byte order mark
	// included (gateway page, verification rule 1).
	MaxBody = 16 << 10
	// MaxFields is the largest number of parameters in a body. The documented
	// callback has 8; the rest is room for fields yet unknown.
	MaxFields = 64
	// maxName bounds a name, so that names can be shown to people.
	maxName = 64
	// usualFields is the capacity that a parsed list starts with.
	usualFields = 12
)

// Media types of the bodies that [Parse] reads.
const (
	MediaJSON = "application/json"
	MediaForm = "application/x-www-form-urlencoded"
)

const byteOrderMark = "\ufeff"

// Parse reads a body by its Content-Type header. Parameters of the media type,
// such as charset, are ignored: the body must be UTF-8 whatever they say.
// Without a header a body whose first character is { is read as JSON, any
// other as a form. It returns [ErrUnsupportedMediaType] for another media type
// and a [*MalformedError] for a body it cannot read.
func Parse(contentType string, body []byte) (Params, error) {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	switch {
	case media == "" && looksLikeJSON(body):
		return ParseJSON(body)
	case media == "":
		return ParseForm(body)
	case strings.EqualFold(media, MediaJSON):
		return ParseJSON(body)
	case strings.EqualFold(media, MediaForm):
		return ParseForm(body)
	default:
		return nil, ErrUnsupportedMediaType
	}
}

func looksLikeJSON(body []byte) bool {
	rest := bytes.TrimPrefix(body, []byte(byteOrderMark))
	return bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("{"))
}

// bodyText checks size and encoding and strips one byte order mark.
func bodyText(body []byte) (string, error) {
	if len(body) > MaxBody {
		return "", malformed(ReasonTooLarge, "", "body is larger than "+strconv.Itoa(MaxBody)+" bytes")
	}
	if !utf8.Valid(body) {
		return "", malformed(ReasonBadUTF8, "", "body is not valid UTF-8")
	}
	return strings.TrimPrefix(string(body), byteOrderMark), nil
}

// checkName refuses a name that may not follow the parameters read so far
// (gateway page, verification rules 1 and 2). repeated is the reason for a
// name that is there already, letter for letter.
func checkName(read Params, name string, repeated Reason) error {
	if len(read) == MaxFields {
		return malformed(ReasonTooManyFields, "", "body has more than "+strconv.Itoa(MaxFields)+" fields")
	}
	// A bad name is not quoted: in a garbled body it may hold values.
	if n := nameLength(name); n == 0 || n != len(name) || n > maxName {
		return malformed(ReasonBadName, "", "name of field "+strconv.Itoa(len(read)+1)+
			" is not a letter followed by letters, digits or _ (at most "+strconv.Itoa(maxName)+")")
	}
	if equalFold(name, fieldKey) {
		return malformed(ReasonReservedName, name, "is not allowed: the name is reserved for the secret")
	}
	for i := range read {
		switch {
		case read[i].Name == name:
			return malformed(repeated, name, "appears more than once")
		case equalFold(read[i].Name, name):
			return malformed(ReasonDuplicateName, name, "appears more than once, in different case")
		}
	}
	return nil
}

// nameLength returns the length of the longest prefix of s that is a name.
func nameLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || (c != '_' && (c < '0' || c > '9'))) {
			return i
		}
	}
	return len(s)
}

// equalFold compares names; both are ASCII, which strings.EqualFold does not
// know: it also equates letters such as the Kelvin sign.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

package sign

import (
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
	// usualFields is the capacity that a parsed list starts with: the documented
	// callback, and room for one field more.
	usualFields = 9
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
	read, err := readerOf(contentType, body)
	if err != nil {
		return nil, err
	}
	text, err := bodyText(body)
	if err != nil {
		return nil, err
	}
	return read(text)
}

// ParseText is [Parse] of a body that is text already. The parameters share its
// memory, so nothing of it is copied.
func ParseText(contentType, body string) (Params, error) {
	read, err := readerOf(contentType, body)
	if err != nil {
		return nil, err
	}
	if err := checkText(body); err != nil {
		return nil, err
	}
	return read(strings.TrimPrefix(body, byteOrderMark))
}

// Readable reports whether [Parse] reads bodies of a Content-Type header at all.
func Readable(contentType string) bool {
	_, err := readerOf(contentType, "")
	return err == nil
}

// readerOf returns what reads a body.
func readerOf[T string | []byte](contentType string, body T) (func(text string) (Params, error), error) {
	if contentType == MediaJSON { // as nearly everybody writes it
		return readJSON, nil
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	switch {
	case media == "" && looksLikeJSON(body), strings.EqualFold(media, MediaJSON):
		return readJSON, nil
	case media == "", strings.EqualFold(media, MediaForm):
		return readForm, nil
	default:
		return nil, ErrUnsupportedMediaType
	}
}

func looksLikeJSON[T string | []byte](body T) bool {
	rest := strings.TrimPrefix(string(body[:min(len(body), MaxBody)]), byteOrderMark)
	return strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n"), "{")
}

// bodyText checks size and encoding and strips one byte order mark.
func bodyText(body []byte) (string, error) {
	if err := checkText(body); err != nil {
		return "", err
	}
	return strings.TrimPrefix(string(body), byteOrderMark), nil
}

func checkText[T string | []byte](body T) error {
	if len(body) > MaxBody {
		return malformed(ReasonTooLarge, "", "body is larger than "+strconv.Itoa(MaxBody)+" bytes")
	}
	if !validUTF8(body) {
		return malformed(ReasonBadUTF8, "", "body is not valid UTF-8")
	}
	return nil
}

func validUTF8[T string | []byte](body T) bool {
	switch body := any(body).(type) {
	case string:
		return utf8.ValidString(body)
	case []byte:
		return utf8.Valid(body)
	}
	return false
}

// names are the names read so far, as far as that says whether another may
// follow: nearly every callback holds the documented fields and no others, each
// once, and then there is nothing to compare.
type names struct {
	seen   fieldSet
	others bool // names that are not documented
}

// check is checkName for the next name of a list that is being read.
func (n *names) check(read Params, name string, repeated Reason) error {
	f := fieldOf(name)
	if f != otherField && !n.seen.has(f) && !n.others {
		n.seen.add(f)
		return nil
	}
	n.others = true
	return checkName(read, name, repeated)
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

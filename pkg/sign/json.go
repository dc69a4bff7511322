package sign

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseJSON reads one flat JSON object (RFC 8259), keeping the text of every
// value as it was sent. Raw control characters, U+0000 even when escaped, and
// halves of surrogate pairs are refused, since implementations disagree about
// the text they stand for; other escaped control characters are kept, since a
// bank's failure reason may hold a line break. All errors are [*MalformedError].
func ParseJSON(body []byte) (Params, error) {
	text, err := bodyText(body)
	if err != nil {
		return nil, err
	}
	return readJSON(text)
}

// readJSON reads a text that [checkText] has passed.
func readJSON(text string) (Params, error) {
	r := jsonReader{text: text}
	params, err := r.object()
	if err != nil {
		return nil, err
	}
	return params, nil
}

// jsonReader is a position in a JSON text that is valid UTF-8.
type jsonReader struct {
	text  string
	pos   int
	names names
}

func (r *jsonReader) object() (Params, error) {
	r.space()
	if !r.eat('{') {
		return nil, malformed(ReasonNotAnObject, "", "body is not a JSON object")
	}
	params := make(Params, 0, usualFields)
	r.space()
	for first := true; !(first && r.eat('}')); first = false {
		read := params
		params = append(params, Param{})
		if err := r.member(read, &params[len(read)]); err != nil {
			return nil, err
		}
		r.space()
		if r.eat('}') {
			break
		}
		if !r.eat(',') {
			return nil, r.syntax("a comma or } is missing")
		}
		r.space()
	}
	r.space()
	if r.pos < len(r.text) {
		return nil, malformed(ReasonTrailingData, "", "something follows the JSON object")
	}
	return params, nil
}

// member reads one name and its value into p.
func (r *jsonReader) member(read Params, p *Param) (err error) {
	if !r.eat('"') {
		return r.syntax("a name in double quotes is missing")
	}
	if p.Name, err = r.str(""); err != nil {
		return err
	}
	if err := r.names.check(read, p.Name, ReasonDuplicateName); err != nil {
		return err
	}
	r.space()
	if !r.eat(':') {
		return r.syntax("a colon is missing")
	}
	r.space()
	return r.value(p)
}

func (r *jsonReader) value(p *Param) (err error) {
	switch c := r.peek(); {
	case c == '"':
		r.pos++
		p.Kind = KindString
		p.Value, err = r.str(p.Name)
		return err
	case c == '{' || c == '[':
		return malformed(ReasonNestedValue, p.Name, "holds an object or array; only flat bodies are signed")
	case r.literal("true"):
		p.Kind, p.Value = KindBool, "true"
	case r.literal("false"):
		p.Kind, p.Value = KindBool, "false"
	case r.literal("null"):
		p.Kind = KindNull
	default:
		p.Kind = KindNumber
		if p.Value = r.number(); p.Value == "" {
			return r.syntax("a value is missing or is no JSON value")
		}
	}
	return nil
}

// number reads a number token by the grammar of RFC 8259; "" if there is none.
func (r *jsonReader) number() string {
	start := r.pos
	r.eat('-')
	if !r.eat('0') && r.digits() == 0 {
		return ""
	}
	if r.eat('.') && r.digits() == 0 {
		return ""
	}
	if r.eat('e') || r.eat('E') {
		if !r.eat('+') {
			r.eat('-')
		}
		if r.digits() == 0 {
			return ""
		}
	}
	return r.text[start:r.pos]
}

func (r *jsonReader) digits() int {
	start := r.pos
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		r.pos++
	}
	return r.pos - start
}

// str reads a string from behind its opening quote. Without escapes, the usual
// case, the result shares the memory of the body.
func (r *jsonReader) str(field string) (string, error) {
	start := r.pos
	var built []byte
	for r.pos < len(r.text) {
		r.pos += plainLength(r.text[r.pos:])
		switch c := r.peek(); {
		case c == '"':
			part := r.text[start:r.pos]
			r.pos++
			if built == nil {
				return part, nil
			}
			return string(append(built, part...)), nil
		case c < 0x20 && r.pos < len(r.text):
			return "", malformed(ReasonControlCharacter, field, "holds a control character that is not escaped, at byte "+strconv.Itoa(r.pos))
		case c == '\\':
			built = append(built, r.text[start:r.pos]...)
			var err error
			if built, err = r.escape(built, field); err != nil {
				return "", err
			}
			start = r.pos
		}
	}
	return "", r.syntax("a string is not closed")
}

// plainLength is the length of what stands for itself at the beginning of a
// string: neither its closing quote, nor an escape, nor what must be escaped.
func plainLength(s string) int {
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
	}
	return len(s)
}

// escape appends the character that the escape at the position stands for.
func (r *jsonReader) escape(dst []byte, field string) ([]byte, error) {
	r.pos++ // the backslash
	c := r.peek()
	r.pos++
	switch c {
	case '"', '\\', '/':
		return append(dst, c), nil
	case 'b':
		return append(dst, '\b'), nil
	case 'f':
		return append(dst, '\f'), nil
	case 'n':
		return append(dst, '\n'), nil
	case 'r':
		return append(dst, '\r'), nil
	case 't':
		return append(dst, '\t'), nil
	case 'u':
		char, err := r.unicode(field)
		return utf8.AppendRune(dst, char), err
	default:
		return nil, r.syntax("an escape in a string is not one of JSON")
	}
}

// unicode reads the hex digits behind \u and, for a surrogate, its other half.
func (r *jsonReader) unicode(field string) (rune, error) {
	char, ok := r.hex4()
	switch {
	case !ok:
		return 0, r.syntax(`\u is not followed by four hex digits`)
	case char == 0:
		return 0, malformed(ReasonControlCharacter, field, "holds the character U+0000")
	case !utf16.IsSurrogate(char):
		return char, nil
	}
	if r.eat('\\') && r.eat('u') {
		if second, ok := r.hex4(); ok {
			if char = utf16.DecodeRune(char, second); char != utf8.RuneError {
				return char, nil
			}
		}
	}
	// Decoders put U+FFFD here, which would change the signed text.
	return 0, malformed(ReasonLoneSurrogate, field, "holds half of a surrogate pair")
}

func (r *jsonReader) hex4() (rune, bool) {
	if len(r.text)-r.pos < 4 {
		return 0, false
	}
	var char rune
	for _, c := range []byte(r.text[r.pos : r.pos+4]) {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		char = char<<4 | rune(d)
	}
	r.pos += 4
	return char, true
}

// hexDigit returns the value of a hex digit in either case.
func hexDigit(c byte) (byte, bool) {
	d := hexDigits[c]
	return d &^ notHex, d&notHex == 0
}

// notHex marks what is no hex digit in hexDigits.
const notHex = 0x80

var hexDigits = func() (digits [256]byte) {
	for i := range digits {
		digits[i] = notHex
	}
	for i, c := range []byte("0123456789abcdef") {
		digits[c] = byte(i)
	}
	for i, c := range []byte("ABCDEF") {
		digits[c] = byte(10 + i)
	}
	return digits
}()

func (r *jsonReader) syntax(detail string) error {
	return malformed(ReasonBadJSON, "", "body is not valid JSON: "+detail+", at byte "+strconv.Itoa(r.pos))
}

func (r *jsonReader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end: no token contains that.
func (r *jsonReader) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *jsonReader) eat(c byte) bool {
	if r.pos < len(r.text) && r.text[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *jsonReader) literal(word string) bool {
	if len(r.text)-r.pos >= len(word) && r.text[r.pos:r.pos+len(word)] == word {
		r.pos += len(word)
		return true
	}
	return false
}

package events

import (
	"errors"
	"fmt"
	"strings"
)

// ErrToken is the error of a subject token that [EscapeToken] can't have made.
var ErrToken = errors.New("invalid subject token")

const upperHex = "0123456789ABCDEF"

// EscapeToken makes any text a single NATS subject token: every byte outside
// [A-Za-z0-9_-] becomes % and two uppercase hex digits. The result never holds
// a dot, a wildcard or white space, and differs for different texts. The empty
// text has no token: "" comes back, and [ParseSubject] refuses it.
func EscapeToken(s string) string {
	plain := 0
	for plain < len(s) && isPlain(s[plain]) {
		plain++
	}
	if plain == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(3 * len(s))
	for i := range len(s) {
		if c := s[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&0x0f])
		}
	}
	return b.String()
}

// UnescapeToken reverses [EscapeToken]. Only what EscapeToken writes is
// accepted: the empty token, lowercase hex and escapes of plain characters are
// refused with [ErrToken], so that two tokens never name one order.
func UnescapeToken(token string) (string, error) {
	if token == "" {
		return "", fmt.Errorf("%w: empty", ErrToken)
	}
	var b strings.Builder
	b.Grow(len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if isPlain(c) {
			b.WriteByte(c)
			continue
		}
		if c != '%' || i+2 >= len(token) {
			return "", fmt.Errorf("%w: %q", ErrToken, clip(token))
		}
		high := strings.IndexByte(upperHex, token[i+1])
		low := strings.IndexByte(upperHex, token[i+2])
		if high < 0 || low < 0 || isPlain(byte(high<<4|low)) {
			return "", fmt.Errorf("%w: %q", ErrToken, clip(token))
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return b.String(), nil
}

// isPlain reports whether a byte stands for itself in a token.
func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

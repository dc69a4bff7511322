// Package plain makes text from outside fit to be shown to a person.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Line replaces what is not to be seen by a dot: escape codes would drive the
// terminal, a line break would forge a line, and marks of direction would show
// the text in another order than it has.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
}

// JSON escapes in a JSON text on one line what is not to be seen: the value stays
// the same. Outside of strings such a text has nothing to escape.
func JSON(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

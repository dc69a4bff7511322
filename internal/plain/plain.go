// Package plain makes text from outside fit to be shown to a person.
package plain

import (
	"strings"
	"unicode"
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

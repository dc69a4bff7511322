package finance

import "strings"

// Inert makes a text that a spreadsheet would run (OWASP, "CSV Injection") one
// that it shows: an apostrophe goes before it. A text that begins with an
// apostrophe gets another one, so that whoever takes one away has what was there.
func Inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n'", rune(text[0])) {
		return "'" + text
	}
	return text
}

// InertCSV is [Inert] for a file that does not say what is text: what would be
// read as a number or a date is kept from it in the same way. Else a reference of
// 18 digits would be rounded, and one that begins with 0 would lose it.
func InertCSV(text string) string {
	if inert := Inert(text); inert != text {
		return inert
	}
	if strings.ContainsAny(text, "0123456789") && strings.Trim(text, "0123456789.,:/-+eE% ") == "" {
		return "'" + text
	}
	return text
}

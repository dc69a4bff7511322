package plain_test

import (
	"testing"

	"github.com/settlehook/settlehook/internal/plain"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"A1 zażółć 注文":                  "A1 zażółć 注文",
		"\x1b[31mred\x1b[0m":            ".[31mred.[0m",
		"one\r\ntwo\tthree":             "one..two.three",
		"\u202eевор\u2066\u200f":        ".евор..",
		"c1 \u009b2J, invalid \xff\xfe": "c1 .2J, invalid \uFFFD\uFFFD",
	} {
		if got := plain.Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

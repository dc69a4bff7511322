package plain_test

import (
	"encoding/json"
	"reflect"
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

func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"注文 é","n":1}`:       `{"a":"注文 é","n":1}`,
		"\"\u202eevil\u009b\x7f\"": `"\u202eevil\u009b\u007f"`,
		"\"\U000e0041\"":           `"\udb40\udc41"`,
		`"\u001b[2J"`:              `"\u001b[2J"`,
	} {
		got := plain.JSON([]byte(in))
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		var before, after any
		if json.Unmarshal([]byte(in), &before) != nil || json.Unmarshal([]byte(got), &after) != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%q: the value is %q, was %q", in, after, before)
		}
	}
}

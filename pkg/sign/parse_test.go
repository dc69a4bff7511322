package sign_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/sign"
)

func TestParseJSON(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       sign.Params
	}{
		{"empty object", "{}", nil},
		{"white space", " \t\r\n{ \"a\" : 1 , \"b\" : \"x\" } \n", sign.Params{num("a", "1"), str("b", "x")}},
		{"byte order mark", "\ufeff{\"a\":1}", sign.Params{num("a", "1")}},
		{
			"kinds",
			`{"s":"","n":null,"t":true,"f":false,"z":0}`,
			sign.Params{str("s", ""), null("n"), boolean("t", "true"), boolean("f", "false"), num("z", "0")},
		},
		{
			"raw number tokens",
			`{"a":1000.00,"b":1.0E7,"c":-0.10,"d":1e+5,"e":123456789012345678901234567890}`,
			sign.Params{num("a", "1000.00"), num("b", "1.0E7"), num("c", "-0.10"), num("d", "1e+5"), num("e", "123456789012345678901234567890")},
		},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00x"}`, sign.Params{str("a", "\"\\/\b\f\n\r\tAé€😀x")}},
		{"escaped name", `{"amo\u0075nt":1}`, sign.Params{num("amount", "1")}},
		{"unescaped text", `{"a":"é€😀 J&K =\u007f"}`, sign.Params{str("a", "é€😀 J&K =\x7f")}},
		{"escaped control character", `{"remark":"a\u0001b"}`, sign.Params{str("remark", "a\x01b")}},
		{"order kept", `{"b":1,"a":2}`, sign.Params{num("b", "1"), num("a", "2")}},
		{"longest name", `{"` + strings.Repeat("n", 64) + `":1}`, sign.Params{num(strings.Repeat("n", 64), "1")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sign.ParseJSON([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func str(name, value string) sign.Param {
	return sign.Param{Name: name, Value: value, Kind: sign.KindString}
}

func num(name, value string) sign.Param {
	return sign.Param{Name: name, Value: value, Kind: sign.KindNumber}
}

func boolean(name, value string) sign.Param {
	return sign.Param{Name: name, Value: value, Kind: sign.KindBool}
}
func null(name string) sign.Param { return sign.Param{Name: name, Kind: sign.KindNull} }

// manyFields returns n members a0, a1, ... in the given style.
func manyFields(n int, style, separator string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(style, i)
	}
	return strings.Join(list, separator)
}

func TestParseJSONRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		reason     sign.Reason
		field      string
	}{
		{"nothing", "", sign.ReasonNotAnObject, ""},
		{"array", `[{"a":1}]`, sign.ReasonNotAnObject, ""},
		{"string", `"a"`, sign.ReasonNotAnObject, ""},
		{"null", `null`, sign.ReasonNotAnObject, ""},
		{"two byte order marks", "\ufeff\ufeff{}", sign.ReasonNotAnObject, ""},
		{"byte order mark behind space", " \ufeff{}", sign.ReasonNotAnObject, ""},
		{"too large", `{"a":"` + strings.Repeat("x", sign.MaxBody-7) + `"}`, sign.ReasonTooLarge, ""},
		{"bad UTF-8", "{\"a\":\"\xff\"}", sign.ReasonBadUTF8, ""},
		{"encoded surrogate", "{\"a\":\"\xed\xa0\x80\"}", sign.ReasonBadUTF8, ""},
		{"overlong", "{\"a\":\"\xc0\x80\"}", sign.ReasonBadUTF8, ""},
		{"second object", `{"a":1}{"a":2}`, sign.ReasonTrailingData, ""},
		{"trailing comma behind", `{"a":1},`, sign.ReasonTrailingData, ""},
		{"trailing NUL", "{\"a\":1}\x00", sign.ReasonTrailingData, ""},
		{"nested object", `{"a":{}}`, sign.ReasonNestedValue, "a"},
		{"nested array", `{"a":1,"b":[1]}`, sign.ReasonNestedValue, "b"},
		{"repeated", `{"a":1,"a":1}`, sign.ReasonDuplicateName, "a"},
		{"repeated in other case", `{"amount":1,"Amount":1}`, sign.ReasonDuplicateName, "Amount"},
		{"repeated with an escape", `{"a":1,"\u0061":1}`, sign.ReasonDuplicateName, "a"},
		{"repeated null", `{"a":null,"a":1}`, sign.ReasonDuplicateName, "a"},
		{"empty name", `{"":1}`, sign.ReasonBadName, ""},
		{"name with a digit first", `{"1a":1}`, sign.ReasonBadName, ""},
		{"name with an underscore first", `{"_a":1}`, sign.ReasonBadName, ""},
		{"name with &", `{"a&b":1}`, sign.ReasonBadName, ""},
		{"name with =", `{"a=b":1}`, sign.ReasonBadName, ""},
		{"name with a minus", `{"a-b":1}`, sign.ReasonBadName, ""},
		{"name beyond ASCII", `{"é":1}`, sign.ReasonBadName, ""},
		{"name with the Kelvin sign", `{"\u212Aey":1}`, sign.ReasonBadName, ""},
		{"name with a line break", `{"a\n":1}`, sign.ReasonBadName, ""},
		{"long name", `{"` + strings.Repeat("n", 65) + `":1}`, sign.ReasonBadName, ""},
		{"key", `{"key":"x"}`, sign.ReasonReservedName, "key"},
		{"key in other case", `{"KEY":"x"}`, sign.ReasonReservedName, "KEY"},
		{"too many fields", "{" + manyFields(65, `"a%d":1`, ",") + "}", sign.ReasonTooManyFields, ""},
		{"raw line break", "{\"a\":\"x\ny\"}", sign.ReasonControlCharacter, "a"},
		{"raw control character in a name", "{\"a\t\":1}", sign.ReasonControlCharacter, ""},
		{"escaped NUL", `{"a":"x\u0000"}`, sign.ReasonControlCharacter, "a"},
		{"lone high surrogate", `{"a":"\ud83d"}`, sign.ReasonLoneSurrogate, "a"},
		{"lone low surrogate", `{"a":"\ude00"}`, sign.ReasonLoneSurrogate, "a"},
		{"surrogates the wrong way", `{"a":"\ude00\ud83d"}`, sign.ReasonLoneSurrogate, "a"},
		{"two high surrogates", `{"a":"\ud83d\ud83d"}`, sign.ReasonLoneSurrogate, "a"},
		{"surrogate before text", `{"a":"\ud83dx"}`, sign.ReasonLoneSurrogate, "a"},
		{"surrogate before another escape", `{"a":"\ud83d\n"}`, sign.ReasonLoneSurrogate, "a"},
		{"not closed", `{"a":1`, sign.ReasonBadJSON, ""},
		{"open string", `{"a":"x`, sign.ReasonBadJSON, ""},
		{"open escape", `{"a":"x\`, sign.ReasonBadJSON, ""},
		{"trailing comma", `{"a":1,}`, sign.ReasonBadJSON, ""},
		{"leading comma", `{,"a":1}`, sign.ReasonBadJSON, ""},
		{"no colon", `{"a" 1}`, sign.ReasonBadJSON, ""},
		{"no value", `{"a":}`, sign.ReasonBadJSON, ""},
		{"bare name", `{a:1}`, sign.ReasonBadJSON, ""},
		{"single quotes", `{'a':1}`, sign.ReasonBadJSON, ""},
		{"comment", `{/**/"a":1}`, sign.ReasonBadJSON, ""},
		{"leading zero", `{"a":01}`, sign.ReasonBadJSON, ""},
		{"plus", `{"a":+1}`, sign.ReasonBadJSON, ""},
		{"bare point", `{"a":.5}`, sign.ReasonBadJSON, ""},
		{"trailing point", `{"a":1.}`, sign.ReasonBadJSON, ""},
		{"empty exponent", `{"a":1e}`, sign.ReasonBadJSON, ""},
		{"lone minus", `{"a":-}`, sign.ReasonBadJSON, ""},
		{"hexadecimal", `{"a":0x10}`, sign.ReasonBadJSON, ""},
		{"NaN", `{"a":NaN}`, sign.ReasonBadJSON, ""},
		{"capital True", `{"a":True}`, sign.ReasonBadJSON, ""},
		{"longer than true", `{"a":truex}`, sign.ReasonBadJSON, ""},
		{"unknown escape", `{"a":"\x41"}`, sign.ReasonBadJSON, ""},
		{"short unicode escape", `{"a":"\u12"}`, sign.ReasonBadJSON, ""},
		{"unicode escape cut off", `{"a":"\u12`, sign.ReasonBadJSON, ""},
		{"bad unicode escape", `{"a":"\u12g4"}`, sign.ReasonBadJSON, ""},
		{"space beyond JSON", "{\u00a0\"a\":1}", sign.ReasonBadJSON, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := sign.ParseJSON([]byte(tt.body))
			wantMalformed(t, err, tt.reason, tt.field)
			if p != nil {
				t.Errorf("parameters %v beside an error", p)
			}
		})
	}
}

func wantMalformed(t *testing.T, err error, reason sign.Reason, field string) {
	t.Helper()
	var m *sign.MalformedError
	if !errors.As(err, &m) {
		t.Fatalf("error %v (%T), want malformed %s", err, err, reason)
	}
	if m.Reason != reason || m.Field != field {
		t.Errorf("reason %q field %q (%v), want %q %q", m.Reason, m.Field, err, reason, field)
	}
	if strings.ContainsAny(m.Error(), "\r\n") || m.Detail == "" {
		t.Errorf("error is not one clear line: %q", m.Error())
	}
}

func TestParseForm(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       [][2]string
	}{
		{"plain", "b=2&a=1", [][2]string{{"b", "2"}, {"a", "1"}}},
		{"empty value", "a=&b=1", [][2]string{{"a", ""}, {"b", "1"}}},
		{"decoding", "a=x+y%26%3d%e2%82%AC%2B", [][2]string{{"a", "x y&=€+"}}},
		{"encoded name", "%61mount=1", [][2]string{{"amount", "1"}}},
		{"= in a value", "a=b=c", [][2]string{{"a", "b=c"}}},
		{"; is text", "a=1;b=2", [][2]string{{"a", "1;b=2"}}},
		{"raw UTF-8", "a=é", [][2]string{{"a", "é"}}},
		{"empty pairs", "&a=1&&b=2&", [][2]string{{"a", "1"}, {"b", "2"}}},
		{"line break at the end", "a=1\r\n", [][2]string{{"a", "1"}}},
		{"byte order mark", "\ufeffa=1", [][2]string{{"a", "1"}}},
		{"encoded line break", "a=1%0A", [][2]string{{"a", "1\n"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sign.ParseForm([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			var pairs [][2]string
			for _, p := range got {
				pairs = append(pairs, [2]string{p.Name, p.Value})
				if p.Kind != sign.KindString {
					t.Errorf("%s is a %s", p.Name, p.Kind)
				}
			}
			if !slices.Equal(pairs, tt.want) {
				t.Errorf("got %q, want %q", pairs, tt.want)
			}
		})
	}
}

func TestParseFormRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		reason     sign.Reason
		field      string
	}{
		{"nothing", "", sign.ReasonBadForm, ""},
		{"only a line break", "\n", sign.ReasonBadForm, ""},
		{"too large", "a=" + strings.Repeat("x", sign.MaxBody), sign.ReasonTooLarge, ""},
		{"no =", "a=1&b", sign.ReasonBadForm, ""},
		{"bad UTF-8", "a=\xff", sign.ReasonBadUTF8, ""},
		{"bad UTF-8 once decoded", "a=%FF", sign.ReasonBadUTF8, "a"},
		{"encoded surrogate", "a=%ED%A0%80", sign.ReasonBadUTF8, "a"},
		{"bad UTF-8 in a name", "%FF=1", sign.ReasonBadUTF8, ""},
		{"short escape", "a=%4", sign.ReasonBadForm, "a"},
		{"bad escape", "a=%4g", sign.ReasonBadForm, "a"},
		{"bad first digit of an escape", "a=%g4", sign.ReasonBadForm, "a"},
		{"encoded NUL", "a=%00", sign.ReasonControlCharacter, "a"},
		{"raw control character", "a=x\ty", sign.ReasonControlCharacter, "a"},
		{"line break inside", "a=1\n&b=2", sign.ReasonControlCharacter, "a"},
		{"repeated", "a=1&b=1&a=1", sign.ReasonFormRepeatedKey, "a"},
		{"repeated encoded", "a=1&%61=1", sign.ReasonFormRepeatedKey, "a"},
		{"repeated in other case", "amount=1&AMOUNT=1", sign.ReasonDuplicateName, "AMOUNT"},
		{"array name", "a[]=1", sign.ReasonBadName, ""},
		{"second byte order mark", "\ufeff\ufeffa=1", sign.ReasonBadName, ""},
		{"JSON", `{"a":"="}`, sign.ReasonBadName, ""},
		{"empty name", "=1", sign.ReasonBadName, ""},
		{"key", "a=1&key=x", sign.ReasonReservedName, "key"},
		{"too many fields", manyFields(65, "a%d=1", "&"), sign.ReasonTooManyFields, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := sign.ParseForm([]byte(tt.body))
			wantMalformed(t, err, tt.reason, tt.field)
			if p != nil {
				t.Errorf("parameters %v beside an error", p)
			}
		})
	}
}

func TestLimitsAreReachable(t *testing.T) {
	largest := `{"a":"` + strings.Repeat("x", sign.MaxBody-8) + `"}`
	if len(largest) != sign.MaxBody {
		t.Fatalf("body has %d bytes", len(largest))
	}
	if _, err := sign.ParseJSON([]byte(largest)); err != nil {
		t.Errorf("body of exactly MaxBody: %v", err)
	}
	p, err := sign.ParseForm([]byte(manyFields(sign.MaxFields, "a%d=1", "&")))
	if err != nil || len(p) != sign.MaxFields {
		t.Errorf("%d fields: %v", len(p), err)
	}
}

func TestParse(t *testing.T) {
	const jsonBody, form = "\ufeff \n{\"a\":\"1\"}", "a=1"
	for _, tt := range []struct {
		contentType, body string
		err               string // "", "media" or "malformed"
	}{
		{"application/json", jsonBody, ""},
		{"Application/JSON ; charset=utf-8", jsonBody, ""},
		{"application/x-www-form-urlencoded", form, ""},
		{"application/x-www-form-urlencoded;charset=UTF-8", form, ""},
		{"", jsonBody, ""},
		{"", form, ""},
		{"application/json", form, "malformed"},
		{"application/x-www-form-urlencoded", jsonBody, "malformed"},
		{"text/plain", jsonBody, "media"},
		{"application/jsonx", jsonBody, "media"},
		{"multipart/form-data; boundary=x", form, "media"},
		{"application/json, application/json", jsonBody, "media"},
	} {
		p, err := sign.Parse(tt.contentType, []byte(tt.body))
		var m *sign.MalformedError
		switch {
		case tt.err == "" && (err != nil || p.Canonical() != "a=1"):
			t.Errorf("%q: %v, error %v", tt.contentType, p, err)
		case tt.err == "media" && !errors.Is(err, sign.ErrUnsupportedMediaType):
			t.Errorf("%q: error %v, want unsupported media type", tt.contentType, err)
		case tt.err == "malformed" && !errors.As(err, &m):
			t.Errorf("%q: error %v, want malformed", tt.contentType, err)
		}
	}
}

func TestCanonical(t *testing.T) {
	p := sign.Params{
		str("b", "2"), str("sign", "x"), str("B", "Z"), null("n"), str("e", ""), str("a_", "u"),
		str("a", "1&x=y"), boolean("f", "false"), num("z", "0.00"), str("aA", "3"),
	}
	const want = "B=Z&a=1&x=y&aA=3&a_=u&b=2&f=false&z=0.00"
	if got := p.Canonical(); got != want {
		t.Errorf("canonical %s, want %s", got, want)
	}
	if got := p.Redacted(); got != want+"&key=[redacted]" {
		t.Errorf("redacted %s", got)
	}
	if got := (sign.Params{}).Canonical(); got != "" {
		t.Errorf("canonical of nothing %q", got)
	}
	if _, ok := p.Get("A"); ok {
		t.Error("Get found a name of other case")
	}
	if got, ok := p.Get("a"); !ok || got.Value != "1&x=y" {
		t.Errorf("Get: %v %v", got, ok)
	}
}

package sign_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/sign"
)

const someSign = "0123456789abcdef0123456789abcdef"

// callback is the API document's example as a list, with these fields replaced
// by name or appended. A field with the Value absent is left out.
func callback(changes ...sign.Param) sign.Params {
	p := sign.Params{
		str("platOrderId", "236130395249311744"), str("orderId", "e8a581fa692342ccbaf9cbd6f2598e48"),
		num("amount", "1000"), num("status", "2"), boolean("reverse", "false"), str("remark", "no"), num("fee", "0"),
		str("sign", someSign),
	}
	for _, c := range changes {
		at := slices.IndexFunc(p, func(q sign.Param) bool { return q.Name == c.Name })
		switch {
		case c.Value == absent:
			p = slices.Delete(p, at, at+1)
		case at >= 0:
			p[at] = c
		default:
			p = append(p, c)
		}
	}
	return p
}

const absent = "\x00absent"

func without(name string) sign.Param { return str(name, absent) }

var everything = sign.Policy{DropZero: true, NumericReverse: true, JavaDouble: true}

func TestCheckCallbackAccepts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes []sign.Param
		policy  sign.Policy
	}{
		{"document's example", nil, sign.Policy{}},
		{"optional fields absent", []sign.Param{without("reverse"), without("fee"), without("remark")}, sign.Policy{}},
		{"optional fields null", []sign.Param{null("reverse"), null("fee"), null("remark")}, sign.Policy{}},
		{"optional fields empty", []sign.Param{str("reverse", ""), str("fee", ""), str("remark", "")}, sign.Policy{}},
		{"unknown fields", []sign.Param{str("utr", "310310600223"), num("n", "-1e9"), boolean("b", "true"), null("z")}, sign.Policy{}},
		{"largest amount", []sign.Param{num("amount", "999999999999999.9999")}, sign.Policy{}},
		{"smallest amount", []sign.Param{num("amount", "0.0001")}, sign.Policy{}},
		{"zero", []sign.Param{num("amount", "0.00"), num("status", "0")}, sign.Policy{}},
		{"quoted numbers", []sign.Param{str("amount", "1000.00"), str("status", "1"), str("fee", "2.5")}, sign.Policy{}},
		{"shortest id", []sign.Param{str("orderId", "!")}, sign.Policy{}},
		{"longest id", []sign.Param{str("orderId", strings.Repeat("~", 64))}, sign.Policy{}},
		{"id with = and %", []sign.Param{str("orderId", "a=b%26")}, sign.Policy{}},
		{"bank name", []sign.Param{str("remark", "J&K Bank")}, sign.Policy{}},
		{"& and = apart", []sign.Param{str("remark", "a=b & c =d&&=&1=2&_x=3&é=4&a")}, sign.Policy{}},
		{"bank name in an unknown field", []sign.Param{str("bank", "J&K Bank")}, sign.Policy{}},
		{"ambiguous remark beside all fields", []sign.Param{str("remark", "x&status=1&reverse=true")}, sign.Policy{}},
		{"uppercase sign", []sign.Param{str("sign", strings.ToUpper(someSign))}, sign.Policy{}},
		{"numeric reverse", []sign.Param{num("reverse", "1")}, sign.Policy{NumericReverse: true}},
		{"numeric reverse quoted", []sign.Param{str("reverse", "0")}, sign.Policy{NumericReverse: true}},
		{"Java doubles", []sign.Param{num("amount", "1.0E7"), num("fee", "5.0E-4")}, sign.Policy{JavaDouble: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := sign.CheckCallback(callback(tt.changes...), tt.policy); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckCallbackRefuses(t *testing.T) {
	type refusal struct {
		name    string
		changes []sign.Param
		policy  sign.Policy
		reason  sign.Reason
		field   string
	}
	tests := []refusal{
		{"id as a number", []sign.Param{num("orderId", "123")}, everything, sign.ReasonWrongType, "orderId"},
		{"platform id as a number", []sign.Param{num("platOrderId", "236130395249311744")}, everything, sign.ReasonWrongType, "platOrderId"},
		{"id too long", []sign.Param{str("orderId", strings.Repeat("a", 65))}, everything, sign.ReasonWrongType, "orderId"},
		{"id with a space", []sign.Param{str("orderId", "a b")}, everything, sign.ReasonWrongType, "orderId"},
		{"id with a line break", []sign.Param{str("orderId", "a\n")}, everything, sign.ReasonWrongType, "orderId"},
		{"id with DEL", []sign.Param{str("orderId", "a\x7f")}, everything, sign.ReasonWrongType, "orderId"},
		{"id beyond ASCII", []sign.Param{str("platOrderId", "é")}, everything, sign.ReasonWrongType, "platOrderId"},
		{"id with &", []sign.Param{str("platOrderId", "a&b")}, everything, sign.ReasonWrongType, "platOrderId"},
		{"remark as a number", []sign.Param{num("remark", "1")}, everything, sign.ReasonWrongType, "remark"},
		{"remark as a boolean", []sign.Param{boolean("remark", "false")}, everything, sign.ReasonWrongType, "remark"},
		{"sign as a number", []sign.Param{num("sign", strings.Repeat("1", 32))}, everything, sign.ReasonWrongType, "sign"},
		{"sign too short", []sign.Param{str("sign", someSign[1:])}, everything, sign.ReasonBadSignFormat, "sign"},
		{"sign too long", []sign.Param{str("sign", someSign+"0")}, everything, sign.ReasonBadSignFormat, "sign"},
		{"sign not hex", []sign.Param{str("sign", someSign[1:]+"g")}, everything, sign.ReasonBadSignFormat, "sign"},
		{"sign with a space", []sign.Param{str("sign", someSign[1:]+" ")}, everything, sign.ReasonBadSignFormat, "sign"},
		{"reverse as a string", []sign.Param{str("reverse", "false")}, everything, sign.ReasonWrongType, "reverse"},
		{"reverse numeric, not opened", []sign.Param{num("reverse", "0")}, sign.Policy{DropZero: true, JavaDouble: true}, sign.ReasonWrongType, "reverse"},
		{"reverse two", []sign.Param{num("reverse", "2")}, everything, sign.ReasonWrongType, "reverse"},
		{"reverse one point zero", []sign.Param{num("reverse", "1.0")}, everything, sign.ReasonWrongType, "reverse"},
		{"boolean that is none", []sign.Param{boolean("reverse", "1")}, everything, sign.ReasonWrongType, "reverse"},
		{"status three", []sign.Param{num("status", "3")}, everything, sign.ReasonWrongType, "status"},
		{"status one point zero", []sign.Param{num("status", "1.0")}, everything, sign.ReasonWrongType, "status"},
		{"status minus zero", []sign.Param{num("status", "-0")}, everything, sign.ReasonWrongType, "status"},
		{"status padded", []sign.Param{str("status", "01")}, everything, sign.ReasonWrongType, "status"},
		{"status boolean", []sign.Param{boolean("status", "true")}, everything, sign.ReasonWrongType, "status"},
		{"status with a tail", []sign.Param{str("status", "1&reverse=false&status=2")}, everything, sign.ReasonWrongType, "status"},
		{"exponent, not opened", []sign.Param{num("amount", "1.0E7")}, sign.Policy{DropZero: true, NumericReverse: true}, sign.ReasonWrongType, "amount"},
		{"Reverse instead of reverse", []sign.Param{without("reverse"), boolean("Reverse", "true")}, everything, sign.ReasonBadName, "Reverse"},
		{"SIGN instead of sign", []sign.Param{without("sign"), str("SIGN", someSign)}, everything, sign.ReasonBadName, "SIGN"},
		{"duplicate in a hand-made list", append(callback(), num("amount", "1")), everything, sign.ReasonDuplicateName, "amount"},
		{"key in a hand-made list", []sign.Param{str("key", "x")}, everything, sign.ReasonReservedName, "key"},
		{"assignment in an unknown field", []sign.Param{str("t", "&reverse=false&status=2")}, everything, sign.ReasonAmbiguous, "t"},
		{"assignment in a URL", []sign.Param{str("url", "https://x/?a=1&b_2=")}, everything, sign.ReasonAmbiguous, "url"},
		{"assignment behind a bare &", []sign.Param{str("t", "J&K & L&m=")}, everything, sign.ReasonAmbiguous, "t"},
		{"ambiguous remark, reverse absent", []sign.Param{str("remark", "x&a="), without("reverse")}, everything, sign.ReasonAmbiguous, "remark"},
		{"ambiguous remark, reverse null", []sign.Param{str("remark", "x&a="), null("reverse")}, everything, sign.ReasonAmbiguous, "remark"},
		{"ambiguous remark, reverse empty", []sign.Param{str("remark", "x&a="), str("reverse", "")}, everything, sign.ReasonAmbiguous, "remark"},
		{"ambiguous remark, fee absent", []sign.Param{str("remark", "x&a="), without("fee")}, everything, sign.ReasonAmbiguous, "remark"},
		{"ambiguous remark, fee null", []sign.Param{str("remark", "x&a="), null("fee")}, everything, sign.ReasonAmbiguous, "remark"},
	}
	for _, name := range []string{"orderId", "platOrderId", "amount", "status", "sign"} {
		for kind, change := range map[string]sign.Param{"absent": without(name), "null": null(name), "empty": str(name, "")} {
			tests = append(tests, refusal{name + " " + kind, []sign.Param{change}, everything, sign.ReasonMissingField, name})
		}
	}
	for _, name := range []string{"amount", "fee"} {
		for _, token := range []string{
			"-1", "-0", "01", "00", "1.", ".5", "1.00000", "1000000000000000", "1,000", "1 ", " 1", "+1", "0x1", "NaN", "１",
			"1.0E99", "1e16", "1e-5", "1E+007", "1.5E", "1E1.5", "-1E1", "01E1", "E1", ".1E1", "1.E1", "1&a=",
		} {
			tests = append(
				tests,
				refusal{name + " " + token, []sign.Param{num(name, token)}, everything, sign.ReasonWrongType, name},
				refusal{name + " quoted " + token, []sign.Param{str(name, token)}, everything, sign.ReasonWrongType, name},
			)
		}
		tests = append(tests, refusal{name + " boolean", []sign.Param{boolean(name, "true")}, everything, sign.ReasonWrongType, name})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := callback(tt.changes...)
			if tt.reason == sign.ReasonDuplicateName {
				p = sign.Params(tt.changes)
			}
			wantMalformed(t, sign.CheckCallback(p, tt.policy), tt.reason, tt.field)
			_, err := mustRing(t, sign.Key{ID: "k", Secret: "x"}).VerifyCallback(p, tt.policy)
			wantMalformed(t, err, tt.reason, tt.field)
		})
	}
}

// TestErrorsNeverQuoteValues puts a marked value everywhere a value can be
// wrong.
func TestErrorsNeverQuoteValues(t *testing.T) {
	const marked = "s3cr3t&s3cr3t="
	for _, name := range []string{"orderId", "platOrderId", "amount", "status", "sign", "reverse", "fee", "other"} {
		err := sign.CheckCallback(callback(str(name, marked)), everything)
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for _, body := range []string{`{"s3cr3t x":1}`, `{"a":s3cr3t}`, `{"a":"s3cr3t`, `{"a":"s3cr3t\q"}`, `{"a":"\ud83ds3cr3t"}`, `{"a":["s3cr3t"]}`} {
		if _, err := sign.ParseJSON([]byte(body)); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: error %v", body, err)
		}
	}
	for _, body := range []string{"s3cr3t", "s3cr3t%=1", "a=s3cr3t%zz", "a=s3cr3t%00", "a=s3cr3t%ff", "s3cr3t x=1"} {
		if _, err := sign.ParseForm([]byte(body)); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: error %v", body, err)
		}
	}
}

func TestFormValuesAreText(t *testing.T) {
	const rest = "&orderId=o&platOrderId=p&sign=" + someSign
	for form, want := range map[string]sign.Reason{
		"amount=10&status=1&reverse=false&fee=0": "",
		"amount=10&status=1":                     "",
		"amount=10&status=1&reverse=":            "",
		"amount=10&status=1&reverse=True":        sign.ReasonWrongType,
		"amount=10&status=1&reverse=0":           sign.ReasonWrongType,
		"amount=10&status=+1":                    sign.ReasonWrongType,
		"amount=1e1&status=1":                    sign.ReasonWrongType,
		"amount=&status=1":                       sign.ReasonMissingField,
	} {
		p, err := sign.ParseForm([]byte(form + rest))
		if err != nil {
			t.Fatal(err)
		}
		err = sign.CheckCallback(p, sign.Policy{})
		if want == "" && err != nil {
			t.Errorf("%s: %v", form, err)
		}
		if m, _ := err.(*sign.MalformedError); want != "" && (m == nil || m.Reason != want) {
			t.Errorf("%s: error %v, want %s", form, err, want)
		}
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[sign.Kind]string{
		sign.KindString: "string", sign.KindNumber: "number", sign.KindBool: "boolean", sign.KindNull: "null", 9: "unknown",
	} {
		if got := kind.String(); got != want {
			t.Errorf("kind %d is %q, want %q", uint8(kind), got, want)
		}
	}
}

// jsonBody renders a list as a JSON object, the way its kinds say.
func jsonBody(p sign.Params) []byte {
	var b strings.Builder
	for i, q := range p {
		text := q.Value
		switch q.Kind {
		case sign.KindString:
			quoted, err := json.Marshal(q.Value)
			if err != nil {
				panic(err)
			}
			text = string(quoted)
		case sign.KindNull:
			text = "null"
		case sign.KindNumber, sign.KindBool:
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + q.Name + `":` + text)
	}
	return []byte("{" + b.String() + "}")
}

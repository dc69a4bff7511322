package gateway

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/govalues/decimal"
)

// dataOf reads an answer down to its data, as a call does.
func dataOf(body string) (object, error) {
	env, err := parseEnvelope([]byte(body))
	if err != nil {
		return nil, err
	}
	if err := env.verdict(nil); err != nil {
		return nil, err
	}
	if env.data == nil {
		return nil, malformed("data is missing")
	}
	return parseObject(env.data, "data")
}

// The three readers of data, each with its result as text.
func readCashier(data object) (string, error) { return parseCashier(data) }
func readPlat(data object) (string, error)    { return parsePlatOrderID(data) }

func readBalance(data object) (string, error) {
	b, err := parseBalance(data)
	if err != nil {
		return "", err
	}
	return b.All.String() + " " + b.Usable.String(), nil
}

func TestReadData(t *testing.T) {
	long := "http://a/" + strings.Repeat("b", 2048-9)
	tests := []struct {
		name   string
		read   func(object) (string, error)
		data   string
		want   string
		reason string // "" accepts
	}{
		{"https", readCashier, `{"url":"https://g.example/p?a=1&b=2#c"}`, "https://g.example/p?a=1&b=2#c", ""},
		{"http", readCashier, `{"url":"http://localhost:8888/pay/xxx"}`, "http://localhost:8888/pay/xxx", ""},
		{"escaped slashes", readCashier, `{"url":"https:\/\/g.example\/p"}`, "https://g.example/p", ""},
		{"letters beyond ASCII", readCashier, `{"url":"https://g.example/ü"}`, "https://g.example/ü", ""},
		{"2 KiB", readCashier, `{"url":"` + long + `"}`, long, ""},
		{"beyond", readCashier, `{"url":"` + long + `b"}`, "", "url is longer than 2 KiB"},
		{"missing", readCashier, `{}`, "", "url is missing"},
		{"null", readCashier, `{"url":null}`, "", "url is missing"},
		{"empty", readCashier, `{"url":""}`, "", "url is missing"},
		{"a number", readCashier, `{"url":1}`, "", "url is not a string"},
		{"in other case", readCashier, `{"URL":"https://g.example/p"}`, "", "url is missing"},
		{"relative", readCashier, `{"url":"/pay/xxx"}`, "", "url is not an absolute http or https address"},
		{"without scheme", readCashier, `{"url":"g.example/pay"}`, "", "url is not an absolute http or https address"},
		{"without host", readCashier, `{"url":"https://:443/"}`, "", "url is not an absolute http or https address"},
		{"a script", readCashier, `{"url":"javascript://g.example/%0aalert(1)"}`, "", "url is not an absolute http or https address"},
		{"an app", readCashier, `{"url":"upi://pay"}`, "", "url is not an absolute http or https address"},
		{"line break", readCashier, `{"url":"https://g.example/a\nb"}`, "", "url is not an absolute http or https address"},
		{"space", readCashier, `{"url":"https://g.example/a b"}`, "", "url holds white space or what can't be printed"},
		{"invisible", readCashier, `{"url":"https://g.example/a\u202eb"}`, "", "url holds white space or what can't be printed"},

		{"platform id", readPlat, `{"platOrderId":"122145557788"}`, "122145557788", ""},
		{"platform id missing", readPlat, `{"id":"1"}`, "", "platOrderId is missing"},
		{"platform id null", readPlat, `{"platOrderId":null}`, "", "platOrderId is missing"},
		{"platform id a number", readPlat, `{"platOrderId":122145557788}`, "", "platOrderId is not a string"},
		{"platform id with a space", readPlat, `{"platOrderId":"a b"}`, "", "platOrderId is not 1 to 64 printable ASCII characters"},
		{"long platform id", readPlat, `{"platOrderId":"` + strings.Repeat("1", 65) + `"}`, "", "platOrderId is not 1 to 64 printable ASCII characters"},

		{"as documented", readBalance, `{"balanceAll":1000,"balanceUsable":1000}`, "1000 1000", ""},
		{"digits kept", readBalance, `{"balanceAll":1000.50,"balanceUsable":"0.00"}`, "1000.50 0.00", ""},
		{"negative", readBalance, `{"balanceAll":-0.5,"balanceUsable":"-1.0E3"}`, "-0.5 -1000", ""},
		{"negative zero", readBalance, `{"balanceAll":-0,"balanceUsable":-0.00}`, "0 0.00", ""},
		{"greatest", readBalance, `{"balanceAll":-999999999999999.9999,"balanceUsable":999999999999999.9999}`, "-999999999999999.9999 999999999999999.9999", ""},
		{"too great", readBalance, `{"balanceAll":1e15,"balanceUsable":1}`, "", "balanceAll has more than 15 integer or 4 fraction digits"},
		{"a float's rest", readBalance, `{"balanceAll":1,"balanceUsable":-0.30000000000000004}`, "", "balanceUsable has more than 15 integer or 4 fraction digits"},
		{"one missing", readBalance, `{"balanceAll":1}`, "", "balanceUsable is missing"},
		{"the other null", readBalance, `{"balanceAll":null,"balanceUsable":1}`, "", "balanceAll is missing"},
		{"empty", readBalance, `{"balanceAll":"","balanceUsable":1}`, "", "balanceAll is not a number"},
		{"two signs", readBalance, `{"balanceAll":"--1","balanceUsable":1}`, "", "balanceAll is not a plain number"},
		{"plus", readBalance, `{"balanceAll":"+1","balanceUsable":1}`, "", "balanceAll is not a plain number"},
		{"sign only", readBalance, `{"balanceAll":"-","balanceUsable":1}`, "", "balanceAll is not a plain number"},
		{"separator", readBalance, `{"balanceAll":"1,000","balanceUsable":1}`, "", "balanceAll is not a plain number"},
		{"true", readBalance, `{"balanceAll":true,"balanceUsable":1}`, "", "balanceAll is not a number"},
		{"twice", readBalance, `{"balanceAll":1,"balanceAll":2,"balanceUsable":1}`, "", "data holds the same name twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data, err := dataOf(ok(tt.data))
			got := ""
			if err == nil {
				got, err = tt.read(data)
			}
			var answer *AnswerError
			switch {
			case tt.reason == "" && (err != nil || got != tt.want):
				t.Fatalf("%q, %v; want %q", got, err, tt.want)
			case tt.reason != "" && (!errors.As(err, &answer) || answer.Reason != tt.reason):
				t.Fatalf("%q, %v; want %q", got, err, tt.reason)
			}
		})
	}
}

// FuzzReadData: whatever an answer holds, what is accepted keeps its bounds and
// what is refused is told in one line.
func FuzzReadData(f *testing.F) {
	for _, seed := range []string{
		ok(`{"url":"http://localhost:8888/pay/xxx"}`), ok(`{"url":""http://localhost:8888/pay/xxx"}`),
		ok(`{"url":"https://g.example/a\u0000"}`), ok(`{"platOrderId":"122145557788"}`), ok(`{"platOrderId":1}`),
		ok(`{"balanceAll":1000,"balanceUsable":-1.0E7}`), ok(`{"balanceAll":"-1e-2","balanceUsable":"0"}`),
		`{"code":400,"success":false,"desc":"sign error"}`, ok(`null`), ok(`[]`), `{`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		data, err := dataOf(body)
		if err != nil {
			checkLine(t, err)
			return
		}
		if page, err := parseCashier(data); err != nil {
			checkLine(t, err)
		} else if u, err := url.Parse(page); err != nil || u.Host == "" || len(page) > maxURL || !strings.HasPrefix(u.Scheme, "http") {
			t.Fatalf("accepted %q", page)
		}
		if id, err := parsePlatOrderID(data); err != nil {
			checkLine(t, err)
		} else if !validID(id) {
			t.Fatalf("accepted %q", id)
		}
		balance, err := parseBalance(data)
		if err != nil {
			checkLine(t, err)
			return
		}
		for _, d := range []decimal.Decimal{balance.All, balance.Usable} {
			if d.Scale() > maxFraction || d.Prec()-d.Scale() > maxInteger {
				t.Fatalf("balance out of bounds: %s", d)
			}
		}
	})
}

func checkLine(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); strings.ContainsAny(text, "\n\r\x00\x1b") || len(text) > 2000 {
		t.Fatalf("error is not one short printable line: %q", text)
	}
}

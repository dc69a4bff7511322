package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"
)

// withExponent writes coef·10^-scale as a number whose exponent is shift off.
func withExponent(coef int64, scale, shift int) string {
	digits := strconv.FormatInt(coef, 10)
	switch {
	case shift >= 0: // 0.000123e5
		digits = strings.Repeat("0", max(0, shift+1-len(digits))) + digits
		cut := len(digits) - shift
		if shift > 0 {
			digits = digits[:cut] + "." + digits[cut:]
		}
	default: // 12300000e-5
		if coef != 0 {
			digits += strings.Repeat("0", -shift)
		}
	}
	return fmt.Sprintf("%sE%d", digits, shift-scale)
}

// read is what QueryOrder makes of an answer to a question about order o1.
func read(body string) (Order, error) {
	notFound, err := compilePatterns("not-found", nil, DefaultNotFound)
	if err != nil {
		return Order{}, err
	}
	env, err := parseEnvelope([]byte(body))
	if err != nil {
		return Order{}, err
	}
	if err := env.verdict(notFound); err != nil {
		return Order{}, err
	}
	if env.data == nil {
		return Order{}, malformed("data is missing")
	}
	data, err := parseObject(env.data, "data")
	if err != nil {
		return Order{}, err
	}
	return parseOrder(data, "o1")
}

func ok(data string) string {
	return `{"code":200,"success":true,"msg":"success","desc":"","data":` + data + `}`
}

func TestReadOrder(t *testing.T) {
	whole := decimal.MustParse
	tests := []struct {
		name, body string
		want       Order
	}{
		{
			"as documented",
			ok(`{"amount":1000,"orderId":"o1","platOrderId":"236130395249311744","status":0,"utr":"310310600223","fee":0}`),
			Order{
				OrderID: "o1", PlatOrderID: "236130395249311744", Status: StatusSubmitted,
				Amount: whole("1000"), AmountKnown: true, Fee: whole("0"), FeeKnown: true, UTR: "310310600223",
			},
		},
		{
			"fraction digits kept",
			ok(`{"amount":1000.00,"orderId":"o1","platOrderId":"p","status":1,"utr":null,"fee":20.00}`),
			Order{
				OrderID: "o1", PlatOrderID: "p", Status: StatusSuccess,
				Amount: whole("1000.00"), AmountKnown: true, Fee: whole("20.00"), FeeKnown: true,
			},
		},
		{
			"quoted numbers, exponent, unknown nested fields, BOM",
			"\xef\xbb\xbf" + `{"trace":{"a":[1,{"b":2}]},"data":{"extra":[],"orderId":"o1","status":"2","amount":"1.0E7","fee":"1.5"},` +
				`"success":true,"code":"200"}` + "\n",
			Order{
				OrderID: "o1", Status: StatusFailed,
				Amount: whole("10000000"), AmountKnown: true, Fee: whole("1.5"), FeeKnown: true,
			},
		},
		{
			"absent and null are unknown, never zero",
			ok(`{"orderId":"o1","status":1,"fee":null}`),
			Order{OrderID: "o1", Status: StatusSuccess},
		},
		{
			"a reference of another rail, sent as a number",
			ok(`{"orderId":"o1","status":1,"utr":3103106002231234567890}`),
			Order{OrderID: "o1", Status: StatusSuccess, UTR: "3103106002231234567890"},
		},
		{
			"a reference with an escape and a line break",
			ok(`{"orderId":"o1","status":1,"utr":"E123\n\u001b[31m"}`),
			Order{OrderID: "o1", Status: StatusSuccess, UTR: "E123 [31m"},
		},
		{
			"an empty reference",
			ok(`{"orderId":"o1","status":1,"utr":""}`),
			Order{OrderID: "o1", Status: StatusSuccess},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := read(tt.body)
			if err != nil {
				t.Fatal(err)
			}
			// Equal by total order: scale counts.
			same := cmp.Comparer(func(a, b decimal.Decimal) bool { return a.CmpTotal(b) == 0 })
			if diff := cmp.Diff(tt.want, got, same); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestReadOrderRefuses(t *testing.T) {
	const secretBody = "s3cr3t-body"
	tests := []struct{ name, body, reason string }{
		{"empty", ``, "not one valid JSON document"},
		{"html", `<html>` + secretBody + `</html>`, "not one valid JSON document"},
		{"trailing data", ok(`{"orderId":"o1","status":1}`) + `{}`, "not one valid JSON document"},
		{"trailing comma", `{"code":200,}`, "not one valid JSON document"},
		{"two BOMs", "\xef\xbb\xbf\xef\xbb\xbf" + ok(`{}`), "not one valid JSON document"},
		{"bad UTF-8", ok(`{"orderId":"o1","status":1,"x":"` + "\xff" + `"}`), "not valid UTF-8"},
		{"too large", ok(`{"x":"` + strings.Repeat("a", maxAnswer) + `"}`), "larger than 64 KiB"},
		{"array", `[]`, "the envelope is not a JSON object"},
		{"null", `null`, "the envelope is not a JSON object"},
		{"code twice", `{"code":400,"code":200,"success":true}`, "the envelope holds the same name twice"},
		{"code twice by case", `{"code":400,"Code":200,"success":true}`, "the envelope holds the same name twice"},
		{"code twice by folding", `{"code":200,"succes\u017f":1,"success":true,"ſuccess":false}`, "the envelope holds the same name twice"},
		{"lone surrogate in a name", `{"code":200,"\ud800":1}`, "the envelope holds a name that is not valid text"},
		{"no code", `{"success":true,"data":{}}`, "code is missing"},
		{"code null", `{"code":null,"success":true,"data":{}}`, "code is missing"},
		{"code is a fraction", `{"code":200.0,"success":true}`, "code is not a whole number"},
		{"code is huge", `{"code":20000000000,"success":true}`, "code is not a whole number"},
		{"code is negative", `{"code":-200,"success":true}`, "code is not a whole number"},
		{"code is a word", `{"code":"ok","success":true}`, "code is not a whole number"},
		{"code is true", `{"code":true,"success":true}`, "code is not a number"},
		{"success missing", `{"code":200,"data":{}}`, "success is missing"},
		{"success null", `{"code":200,"success":null,"data":{}}`, "success is missing"},
		{"success quoted", `{"code":200,"success":"true","data":{}}`, "success is not true or false"},
		{"success 1", `{"code":200,"success":1,"data":{}}`, "success is not true or false"},
		{"success with 400", `{"code":400,"success":true,"desc":"order not exist"}`, "success is true with a code that is not 200"},
		{"desc object", `{"code":400,"success":false,"desc":{}}`, "desc is not a string"},
		{"data missing", `{"code":200,"success":true}`, "data is missing"},
		{"data null", ok(`null`), "data is missing"},
		{"data array", ok(`[{"orderId":"o1","status":1}]`), "data is not a JSON object"},
		{"data a string", ok(`"{}"`), "data is not a JSON object"},
		{"amount twice", ok(`{"orderId":"o1","status":1,"amount":1,"amount":2}`), "data holds the same name twice"},
		{"status twice by case", ok(`{"orderId":"o1","status":2,"STATUS":1}`), "data holds the same name twice"},
		{"order id missing", ok(`{"status":1}`), "orderId is missing"},
		{"order id empty", ok(`{"orderId":"","status":1}`), "orderId is missing"},
		{"order id a number", ok(`{"orderId":1,"status":1}`), "orderId is not a string"},
		{"platform id a number", ok(`{"orderId":"o1","status":1,"platOrderId":236130395249311744}`), "platOrderId is not a string"},
		{"platform id with a space", ok(`{"orderId":"o1","status":1,"platOrderId":"a b"}`), "platOrderId is not 1 to 64 printable ASCII characters"},
		{"status missing", ok(`{"orderId":"o1"}`), "status is missing"},
		{"status null", ok(`{"orderId":"o1","status":null}`), "status is missing"},
		{"status 3", ok(`{"orderId":"o1","status":3}`), "status is not 0, 1 or 2"},
		{"status 1.0", ok(`{"orderId":"o1","status":1.0}`), "status is not 0, 1 or 2"},
		{"status true", ok(`{"orderId":"o1","status":true}`), "status is not a number"},
		{"amount negative", ok(`{"orderId":"o1","status":1,"amount":-1}`), "amount is not a plain non-negative number"},
		{"amount empty", ok(`{"orderId":"o1","status":1,"amount":""}`), "amount is not a number"},
		{"amount with a separator", ok(`{"orderId":"o1","status":1,"amount":"1,000"}`), "amount is not a plain non-negative number"},
		{"amount as a float's rest", ok(`{"orderId":"o1","status":1,"amount":0.30000000000000004}`), "amount has more than 15 integer or 4 fraction digits"},
		{"amount object", ok(`{"orderId":"o1","status":1,"amount":{}}`), "amount is not a number"},
		{"fee a list", ok(`{"orderId":"o1","status":1,"fee":[1]}`), "fee is not a number"},
		{"utr an object", ok(`{"orderId":"o1","status":1,"utr":{}}`), "utr is not a string"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(tt.body)
			var answer *AnswerError
			if !errors.As(err, &answer) {
				t.Fatalf("error = %#v, want *AnswerError", err)
			}
			if answer.Reason != tt.reason || answer.Mismatch {
				t.Fatalf("reason %q, mismatch %t; want %q", answer.Reason, answer.Mismatch, tt.reason)
			}
			if !Unavailable(err) {
				t.Fatal("an answer that cannot be read must count as unavailable")
			}
			if strings.Contains(err.Error(), secretBody) {
				t.Fatal("the error quotes the body")
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	tests := []struct {
		name, body  string
		want        error
		unavailable bool
	}{
		{"not found", `{"code":400,"success":false,"desc":"order does not exist","data":null}`, &NotFoundError{Desc: "order does not exist"}, false},
		{"not found, success absent", `{"code":400,"desc":"Order not found"}`, &NotFoundError{Desc: "Order not found"}, false},
		{"bad sign", `{"code":400,"success":false,"desc":"sign error"}`, &BusinessError{Code: 400, Desc: "sign error"}, true},
		{"merchant unknown", `{"code":400,"success":false,"desc":"merchant does not exist"}`, &BusinessError{Code: 400, Desc: "merchant does not exist"}, true},
		{"no desc", `{"code":400,"success":false,"desc":null}`, &BusinessError{Code: 400}, true},
		{"anomaly", `{"code":500,"success":false,"desc":"order not found"}`, &AnomalyError{Code: 500, Desc: "order not found"}, true},
		{"another code", `{"code":429,"success":false,"desc":"slow\ndown"}`, &AnomalyError{Code: 429, Desc: "slow down"}, true},
		{"200 without success", `{"code":200,"success":false,"desc":"\u001b]0;x\u0007 \"q\"","data":{"orderId":"o1","status":1}}`, &AnomalyError{Code: 200, Desc: "]0;x 'q'"}, true},
		{"another order", ok(`{"orderId":"o2","status":1,"amount":1}`), &AnswerError{Reason: "it is about another order than the one asked for", Mismatch: true}, false},
		{"another order by case", ok(`{"orderId":"O1","status":1,"amount":1}`), &AnswerError{Reason: "it is about another order than the one asked for", Mismatch: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(tt.body)
			if diff := cmp.Diff(tt.want, err); diff != "" {
				t.Fatal(diff)
			}
			if got := Unavailable(fmt.Errorf("wrapped: %w", err)); got != tt.unavailable {
				t.Fatalf("Unavailable = %t, want %t", got, tt.unavailable)
			}
			if strings.ContainsAny(err.Error(), "\n\r\x1b\x07") {
				t.Fatalf("not one printable line: %q", err.Error())
			}
		})
	}
	if Unavailable(nil) || Unavailable(errors.New("other")) || Unavailable(ErrInvalidRequest) {
		t.Fatal("Unavailable is true for an error that is not the gateway's")
	}
}

func TestPrintableLine(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"  a \t\r\n b  ", "a b"},
		{"\x00\x1b", ""},
		{"訂單不存在", "訂單不存在"},
		{"a\u202eb\u200bc\ufeffd", "a b c d"},
		{strings.Repeat("x", 10), strings.Repeat("x", 10)},
		{strings.Repeat("x", 11), strings.Repeat("x", 10) + "…"},
		{strings.Repeat("x", 9) + " y", strings.Repeat("x", 9) + "…"},
		{strings.Repeat("x", 8) + " y", strings.Repeat("x", 8) + " y"},
	}
	for _, tt := range tests {
		if got := printableLine(tt.in, 10); got != tt.want {
			t.Errorf("printableLine(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzReadOrder(f *testing.F) {
	for _, seed := range []string{
		ok(`{"amount":1000.00,"orderId":"o1","platOrderId":"236130395249311744","status":1,"utr":"310310600223","fee":0}`),
		ok(`{"amount":"1.0E7","orderId":"o1","status":"2","fee":null}`),
		ok(`{"orderId":"o1","status":1,"amount":1e-2}`),
		`{"code":400,"success":false,"desc":"order does not exist"}`,
		`{"code":"500","desc":"` + "\\u0000" + `"}`,
		"\xef\xbb\xbf" + `{"code":200,"success":true,"data":{"orderId":"o1","status":0}}`,
		`{"code":200,"ſuccess":true,"success":true,"data":[[[[`,
		`{"a":` + strings.Repeat("[", 1000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		order, err := read(body)
		if err != nil {
			text := err.Error()
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\n\r") || len(text) > 2000 {
				t.Fatalf("error is not one short printable line: %q", text)
			}
			return
		}
		if order.OrderID != "o1" || order.Status < StatusSubmitted || order.Status > StatusFailed {
			t.Fatalf("accepted %+v", order)
		}
		for _, d := range []decimal.Decimal{order.Amount, order.Fee} {
			if d.IsNeg() || d.Scale() > maxFraction || d.Prec()-d.Scale() > maxInteger {
				t.Fatalf("amount out of bounds: %s", d)
			}
		}
	})
}

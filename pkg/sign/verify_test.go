package sign_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/sign"
)

const testSecret = "SANDBOXKEY"

// md5Hex signs a text that the test spells out.
func md5Hex(text, secret string) string {
	sum := md5.Sum([]byte(text + "&key=" + secret))
	return hex.EncodeToString(sum[:])
}

// TestDialects signs a body as the text says and expects these dialects under
// exactly the policies that open what is needed.
func TestDialects(t *testing.T) {
	const ids = `"orderId":"o1","platOrderId":"p1",`
	dropZero, numericReverse, javaDouble := sign.Policy{DropZero: true}, sign.Policy{NumericReverse: true}, sign.Policy{JavaDouble: true}
	for _, tt := range []struct {
		name, body, text string
		needs            sign.Policy
		want             []sign.Dialect
	}{
		{"plain", `"amount":10.50,"status":1`, "amount=10.50&orderId=o1&platOrderId=p1&status=1", sign.Policy{}, nil},
		{"null and empty dropped", `"amount":10,"status":1,"fee":null,"remark":""`, "amount=10&orderId=o1&platOrderId=p1&status=1", sign.Policy{}, nil},
		{"unknown field signed", `"amount":10,"status":1,"utr":"3"`, "amount=10&orderId=o1&platOrderId=p1&status=1&utr=3", sign.Policy{}, nil},
		{
			"empty kept", `"amount":10,"status":1,"remark":"","fee":null`,
			"amount=10&orderId=o1&platOrderId=p1&remark=&status=1",
			sign.Policy{},
			[]sign.Dialect{sign.DialectEmptyKept},
		},
		{
			"empty kept, two decimals", `"amount":10,"status":1,"remark":"","fee":0`,
			"amount=10.00&fee=0.00&orderId=o1&platOrderId=p1&remark=&status=1",
			sign.Policy{},
			[]sign.Dialect{sign.DialectEmptyKept, sign.DialectNumberTwoDecimals},
		},
		{
			"minimal", `"amount":10.50,"status":1`, "amount=10.5&orderId=o1&platOrderId=p1&status=1",
			sign.Policy{},
			[]sign.Dialect{sign.DialectNumberMinimal},
		},
		{
			"at least one decimal", `"amount":10.55,"status":1,"fee":0`, "amount=10.55&fee=0.0&orderId=o1&platOrderId=p1&status=1",
			sign.Policy{},
			[]sign.Dialect{sign.DialectNumberOneDecimal},
		},
		{
			"quoted", `"amount":"10.50","status":"1","fee":"0"`, "amount=10.50&fee=0&orderId=o1&platOrderId=p1&status=1",
			sign.Policy{},
			[]sign.Dialect{sign.DialectQuotedNumber},
		},
		{
			"quoted and minimal", `"amount":"10.50","status":1`, "amount=10.5&orderId=o1&platOrderId=p1&status=1",
			sign.Policy{},
			[]sign.Dialect{sign.DialectQuotedNumber, sign.DialectNumberMinimal},
		},
		{
			"only status quoted", `"amount":10,"status":"1"`, "amount=10&orderId=o1&platOrderId=p1&status=1",
			sign.Policy{},
			[]sign.Dialect{sign.DialectQuotedNumber},
		},
		{
			"reverse signed as 1", `"amount":10,"status":1,"reverse":true`, "amount=10&orderId=o1&platOrderId=p1&reverse=1&status=1",
			numericReverse,
			[]sign.Dialect{sign.DialectReverseNumeric},
		},
		{
			"reverse sent as 0", `"amount":10,"status":1,"reverse":0`, "amount=10&orderId=o1&platOrderId=p1&reverse=0&status=1",
			numericReverse,
			[]sign.Dialect{sign.DialectReverseNumeric},
		},
		{
			"zero dropped", `"amount":10,"status":0,"reverse":false,"fee":0.00,"n":0,"b":false,"z":"0"`,
			"amount=10&orderId=o1&platOrderId=p1",
			dropZero,
			[]sign.Dialect{sign.DialectDropZero},
		},
		{
			"zero amount dropped", `"amount":0,"status":2,"reverse":true`, "orderId=o1&platOrderId=p1&reverse=true&status=2",
			dropZero,
			[]sign.Dialect{sign.DialectDropZero},
		},
		{
			"zero dropped, reverse numeric", `"amount":10.00,"status":1,"reverse":true,"fee":0`,
			"amount=10&orderId=o1&platOrderId=p1&reverse=1&status=1",
			sign.Policy{DropZero: true, NumericReverse: true},
			[]sign.Dialect{sign.DialectNumberMinimal, sign.DialectReverseNumeric, sign.DialectDropZero},
		},
		{
			"double sent", `"amount":1.0E7,"status":1`, "amount=1.0E7&orderId=o1&platOrderId=p1&status=1",
			javaDouble,
			[]sign.Dialect{sign.DialectJavaDouble},
		},
		{
			"double signed", `"amount":10000000,"status":1,"fee":0`, "amount=1.0E7&fee=0.0&orderId=o1&platOrderId=p1&status=1",
			javaDouble,
			[]sign.Dialect{sign.DialectJavaDouble},
		},
		{
			"double sent, two decimals signed", `"amount":1.0E7,"status":1`, "amount=10000000.00&orderId=o1&platOrderId=p1&status=1",
			javaDouble,
			[]sign.Dialect{sign.DialectNumberTwoDecimals, sign.DialectJavaDouble},
		},
		{
			"ambiguous remark, all signed", `"amount":1,"status":2,"reverse":false,"fee":0,"remark":"x&status=1"`,
			"amount=1&fee=0&orderId=o1&platOrderId=p1&remark=x&status=1&reverse=false&status=2",
			sign.Policy{},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ring := mustRing(t, sign.Key{ID: "k", Secret: testSecret})
			signature := md5Hex(tt.text, testSecret)
			for _, policy := range allPolicies() {
				p := mustJSON(t, "{"+ids+tt.body+`,"sign":"`+signature+`"}`)
				got, err := ring.VerifyCallback(p, policy)
				if accepted := opens(policy, tt.needs); accepted != (err == nil) {
					t.Fatalf("policy %+v: error %v, want accepted %v", policy, err, accepted)
				}
				if err != nil {
					continue
				}
				if got.KeyID != "k" || !slices.Equal(got.Dialects, tt.want) || !slices.Equal(got.Params, p) {
					t.Errorf("policy %+v: %+v, want dialects %v", policy, got, tt.want)
				}
				p = mustJSON(t, "{"+ids+tt.body+`,"sign":"`+strings.ToUpper(signature)+`"}`)
				got, err = ring.VerifyCallback(p, policy)
				if err != nil || !slices.Equal(got.Dialects, append([]sign.Dialect{sign.DialectUppercaseHex}, tt.want...)) {
					t.Errorf("policy %+v, uppercase: %v, error %v", policy, got.Dialects, err)
				}
			}
		})
	}
}

// TestNeverAccepted signs one callback in ways that rule 5 rules out, with
// everything opened that can be.
func TestNeverAccepted(t *testing.T) {
	const body = `"orderId":"o 1","platOrderId":"p1","amount":10.50,"status":1,"reverse":false,"fee":0.00,"remark":"a b","t":"","u":null`
	const signed = "amount=10.50&fee=0.00&orderId=o1&platOrderId=p1&remark=a b&reverse=false&status=1"
	p := mustJSON(t, "{"+strings.Replace(body, "o 1", "o1", 1)+"}")
	ring := mustRing(t, sign.Key{ID: "k", Secret: testSecret})
	if _, err := ring.VerifyCallback(withSign(p, md5Hex(signed, testSecret)), everything); err != nil {
		t.Fatalf("the plain text is refused: %v", err)
	}
	raw := func(text string) string {
		sum := md5.Sum([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	for name, signature := range map[string]string{
		"no key":                raw(signed),
		"secret without &key=":  raw(signed + testSecret),
		"secret behind &":       raw(signed + "&" + testSecret),
		"secret in front":       raw("key=" + testSecret + "&" + signed),
		"empty secret":          raw(signed + "&key="),
		"URL-encoded":           md5Hex(strings.ReplaceAll(signed, " ", "%20"), testSecret),
		"plus for space":        md5Hex(strings.ReplaceAll(signed, " ", "+"), testSecret),
		"subset":                md5Hex("amount=10.50&orderId=o1&platOrderId=p1&status=1", testSecret),
		"remark not signed":     md5Hex(strings.Replace(signed, "&remark=a b", "", 1), testSecret),
		"lowercase names":       md5Hex("amount=10.50&fee=0.00&orderid=o1&platorderid=p1&remark=a b&reverse=false&status=1", testSecret),
		"null kept":             md5Hex(signed+"&u=", testSecret),
		"null kept as text":     md5Hex(signed+"&u=null", testSecret),
		"both empty kinds kept": md5Hex(signed+"&t=&u=", testSecret),
		"false as empty":        md5Hex(strings.Replace(signed, "reverse=false", "reverse=", 1), testSecret),
		"other reverse":         md5Hex(strings.Replace(signed, "reverse=false", "reverse=1", 1), testSecret),
		"rounded amount":        md5Hex(strings.Replace(signed, "10.50", "10", 1), testSecret),
		"other amount":          md5Hex(strings.Replace(signed, "10.50", "10.51", 1), testSecret),
		"mixed renderings":      md5Hex(strings.Replace(signed, "10.50", "10.5", 1), testSecret),
		"status with decimals":  md5Hex(strings.Replace(signed, "status=1", "status=1.0", 1), testSecret),
		"other secret":          md5Hex(signed, testSecret+" "),
		"sign itself signed":    md5Hex(signed+"&sign=", testSecret),
		"order received":        md5Hex("orderId=o1&platOrderId=p1&amount=10.50&status=1&reverse=false&fee=0.00&remark=a b", testSecret),
	} {
		_, err := ring.VerifyCallback(withSign(p, signature), everything)
		var bad *sign.SignatureError
		if !errors.As(err, &bad) {
			t.Errorf("%s: error %v, want a signature error", name, err)
		}
	}
}

// TestAmbiguousRemarkKeepsZeros holds that where remark is free to pass for
// other fields, no field can hide by being zero.
func TestAmbiguousRemarkKeepsZeros(t *testing.T) {
	p := callback(str("remark", "x&status=1&t="), num("status", "2"), without("sign"))
	ring := mustRing(t, sign.Key{ID: "k", Secret: testSecret})
	dropped := md5Hex("amount=1000&orderId=e8a581fa692342ccbaf9cbd6f2598e48&platOrderId=236130395249311744&remark=x&status=1&t=&status=2", testSecret)
	if _, err := ring.VerifyCallback(withSign(p, dropped), everything); err == nil {
		t.Error("accepted with reverse and fee dropped")
	}
}

// TestIDsAreAlwaysSigned holds that an order id of "0" is not dropped as zero.
func TestIDsAreAlwaysSigned(t *testing.T) {
	ring := mustRing(t, sign.Key{ID: "k", Secret: testSecret})
	p := sign.Params{str("orderId", "0"), str("platOrderId", "0"), num("amount", "5"), num("status", "1"), num("fee", "0")}
	for text, accepted := range map[string]bool{
		"amount=5&orderId=0&platOrderId=0&status=1": true,
		"amount=5&platOrderId=0&status=1":           false,
		"amount=5&orderId=0&status=1":               false,
		"amount=5&status=1":                         false,
	} {
		if _, err := ring.VerifyCallback(withSign(p, md5Hex(text, testSecret)), everything); accepted != (err == nil) {
			t.Errorf("signed %s: error %v, want accepted %v", text, err, accepted)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	ring := mustRing(
		t,
		sign.Key{ID: "2026-05", Secret: "old"}, sign.Key{ID: "2026-08", Secret: "mid"}, sign.Key{ID: "2026-11", Secret: "new"},
	)
	for secret, want := range map[sign.Secret]string{"old": "2026-05", "mid": "2026-08", "new": "2026-11"} {
		for rendering, amount := range map[string]string{"plain": "1000", "two decimals": "1000.00"} {
			p := callback(num("amount", amount), num("fee", amount), without("sign"))
			signature := sign.Sign(p, secret)
			received := callback(num("amount", "1000"), num("fee", "1000"), str("sign", signature))
			got, err := ring.VerifyCallback(received, sign.Policy{})
			if err != nil || got.KeyID != want {
				t.Errorf("%s, %s: key %q, error %v", want, rendering, got.KeyID, err)
			}
		}
	}
	_, err := ring.VerifyCallback(callback(str("sign", sign.Sign(callback(), "other"))), everything)
	var bad *sign.SignatureError
	if !errors.As(err, &bad) || bad.Reason != sign.ReasonBadSignature || !slices.Equal(bad.KeyIDs, []string{"2026-05", "2026-08", "2026-11"}) {
		t.Fatalf("error %#v", err)
	}
	if want := `no configured key gives this signature; tried "2026-05", "2026-08", "2026-11"`; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// TestFormDialects holds that text is normal in a form.
func TestFormDialects(t *testing.T) {
	ring := mustRing(t, sign.Key{ID: "k", Secret: testSecret})
	const form = "amount=10.50&orderId=o1&platOrderId=p1&remark=a+b&reverse=true&status=1"
	for text, want := range map[string][]sign.Dialect{
		"amount=10.50&orderId=o1&platOrderId=p1&remark=a b&reverse=true&status=1": nil,
		"amount=10.5&orderId=o1&platOrderId=p1&remark=a b&reverse=true&status=1":  {sign.DialectNumberMinimal},
		"amount=10.50&orderId=o1&platOrderId=p1&remark=a b&reverse=1&status=1":    {sign.DialectReverseNumeric},
	} {
		p, err := sign.ParseForm([]byte(form + "&sign=" + md5Hex(text, testSecret)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ring.VerifyCallback(p, sign.Policy{NumericReverse: true})
		if err != nil || !slices.Equal(got.Dialects, want) {
			t.Errorf("%s: %v, error %v", text, got.Dialects, err)
		}
	}
}

func TestNewPolicy(t *testing.T) {
	got, err := sign.NewPolicy(sign.DialectJavaDouble, sign.DialectDropZero)
	if err != nil || got != (sign.Policy{DropZero: true, JavaDouble: true}) {
		t.Errorf("%+v, error %v", got, err)
	}
	openable := 0
	for _, d := range sign.Dialects() {
		if _, err := sign.NewPolicy(d); err == nil {
			openable++
		}
	}
	if openable != 3 || len(sign.Dialects()) != 9 {
		t.Errorf("%d of %d dialects can be opened", openable, len(sign.Dialects()))
	}
	if _, err := sign.NewPolicy("url-encoded"); err == nil || !strings.Contains(err.Error(), `"url-encoded" cannot be opened`) {
		t.Errorf("error %v", err)
	}
}

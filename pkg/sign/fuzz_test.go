package sign_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/settlehook/settlehook/pkg/sign"
)

var nameRule = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

var jsonSeeds = []string{
	`{}`,
	`{"platOrderId":"236130395249311744","orderId":"e8a581fa692342ccbaf9cbd6f2598e48","amount":1000.00,"status":2,"reverse":false,"remark":"no","fee":0,"sign":"ec7d2b22c60056edbb4576ef5ecdbce4"}`,
	`{"platOrderId":"p","orderId":"o","amount":"1.0E7","status":"1","reverse":1,"remark":"x&status=1&t=","fee":0.5,"utr":null,"t":"","sign":"EC7D2B22C60056EDBB4576EF5ECDBCE4"}`,
	"\ufeff {\"a\":\"\\u00e9\\ud83d\\ude00\\n\",\"b\":-1e+5}\r\n",
	`{"a":1,"A":2}`, `{"a":"\ud83d"}`, `{"a":"\u0000"}`, `{"a":{"b":[1]}}`, `{"key":1}`, `{"a":1}{}`, "{\"a\":\"\xff\"}", `{"a":01}`,
}

func FuzzParseJSON(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := sign.ParseJSON(body)
		same, textErr := sign.ParseText(sign.MediaJSON, string(body))
		if (err == nil) != (textErr == nil) || !slices.Equal(same, p) {
			t.Fatalf("as text: %v, %v; as bytes: %v, %v", same, textErr, p, err)
		}
		if err != nil {
			checkMalformed(t, p, err)
			return
		}
		checkNames(t, p)
		want, err := naiveCanonical(body)
		if err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if got := p.Canonical(); got != want {
			t.Fatalf("canonical %q, a second implementation says %q", got, want)
		}
		again, err := sign.ParseJSON(jsonBody(p))
		if err != nil || !slices.Equal(again, p) {
			t.Fatalf("rendered and parsed again: %v, want %v, error %v", again, p, err)
		}
	})
}

// checkFields holds the documented fields to the parameters of their names.
func checkFields(t *testing.T, v sign.Verified) {
	t.Helper()
	f := v.Fields
	for name, got := range map[string]string{
		"amount": f.Amount, "fee": f.Fee, "orderId": f.OrderID, "platOrderId": f.PlatOrderID,
		"remark": f.Remark, "reverse": f.Reverse, "status": f.Status,
	} {
		if want, _ := v.Params.Get(name); got != want.Value {
			t.Fatalf("field %s is %q, the parameter %q", name, got, want.Value)
		}
	}
}

// naiveCanonical is a second implementation of the canonical string, on
// encoding/json.
func naiveCanonical(body []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return "", err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("trailing data")
	}
	var pairs []string
	for name, value := range fields {
		var text string
		switch v := value.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		case bool:
			text = map[bool]string{true: "true", false: "false"}[v]
		case nil:
		default:
			return "", errors.New("nested")
		}
		if text != "" && name != "sign" {
			pairs = append(pairs, name+"\x00"+text) // sorts by name alone
		}
	}
	slices.Sort(pairs)
	for i := range pairs {
		pairs[i] = strings.Replace(pairs[i], "\x00", "=", 1)
	}
	return strings.Join(pairs, "&"), nil
}

func checkMalformed(t *testing.T, p sign.Params, err error) {
	t.Helper()
	m, ok := err.(*sign.MalformedError)
	if !ok || m.Reason == "" || m.Detail == "" || p != nil {
		t.Fatalf("error %#v beside %v", err, p)
	}
	if line := m.Error(); strings.ContainsAny(line, "\r\n") || !utf8.ValidString(line) || len(line) > 300 {
		t.Fatalf("error is not one clear line: %q", line)
	}
}

func checkNames(t *testing.T, p sign.Params) {
	t.Helper()
	seen := map[string]bool{}
	for _, q := range p {
		folded := strings.ToLower(q.Name)
		if !nameRule.MatchString(q.Name) || seen[folded] || folded == "key" {
			t.Fatalf("name %q passed in %v", q.Name, p)
		}
		if !utf8.ValidString(q.Value) || strings.ContainsRune(q.Value, 0) {
			t.Fatalf("value %q passed", q.Value)
		}
		seen[folded] = true
	}
	if len(p) > sign.MaxFields {
		t.Fatalf("%d fields passed", len(p))
	}
}

func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{
		"a=1&b=2", "a=x+y%26%3d%e2%82%AC", "a=&b", "&a=1&&", "a=%FF", "a=%0", "\ufeffa=1\r\n", "a=1;b=2", "key=x", "a=1&A=2",
		"platOrderId=p&orderId=o&amount=10.00&status=1&reverse=false&remark=J%26K&fee=0&sign=ec7d2b22c60056edbb4576ef5ecdbce4",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := sign.ParseForm(body)
		if err != nil {
			checkMalformed(t, p, err)
			return
		}
		checkNames(t, p)
		if bytes.ContainsRune(body, ';') {
			return // net/url refuses it
		}
		text := strings.TrimRight(strings.TrimPrefix(string(body), "\ufeff"), "\r\n")
		want, err := url.ParseQuery(text)
		if err != nil || len(want) != len(p) {
			t.Fatalf("net/url reads %v, error %v; got %v", want, err, p)
		}
		for _, q := range p {
			if values := want[q.Name]; len(values) != 1 || values[0] != q.Value {
				t.Fatalf("%s is %q, net/url reads %q", q.Name, q.Value, values)
			}
		}
	})
}

// FuzzVerifyCallback signs what it is given and then tampers with it.
func FuzzVerifyCallback(f *testing.F) {
	for i, seed := range jsonSeeds {
		f.Add([]byte(seed), uint8(i), uint8(i))
	}
	f.Add([]byte("platOrderId=p&orderId=o&amount=10.00&status=1&reverse=false&remark=J%26K&fee=0&sign=ec7d2b22c60056edbb4576ef5ecdbce4"), uint8(7), uint8(2))
	ring := mustRing(f, sign.Key{ID: "a", Secret: "other"}, sign.Key{ID: "b", Secret: testSecret})
	f.Fuzz(func(t *testing.T, body []byte, bits, target uint8) {
		p, err := sign.Parse("", body)
		if err != nil {
			checkMalformed(t, p, err)
			return
		}
		policy := policyOf(bits)
		if _, err := ring.VerifyCallback(p, policy); err == nil {
			t.Fatalf("forged: %s", body)
		}
		if at := slices.IndexFunc(p, func(q sign.Param) bool { return q.Name == "sign" }); at >= 0 {
			p[at].Value, p[at].Kind = ring.Sign(p), sign.KindString
		}
		got, err := ring.VerifyCallback(p, policy)
		if (err == nil) != (sign.CheckCallback(p, policy) == nil) {
			t.Fatalf("signed by us: %v", err)
		}
		if err != nil {
			return
		}
		if got.KeyID != "b" {
			t.Fatalf("key %q", got.KeyID)
		}
		checkFields(t, got)
		tampered := slices.Clone(p)
		q := &tampered[int(target)%len(tampered)]
		switch q.Kind {
		case sign.KindString:
			q.Value += "1"
		case sign.KindNumber:
			q.Value = "1" + q.Value
		case sign.KindBool:
			q.Value = map[string]string{"true": "false", "false": "true"}[q.Value]
		case sign.KindNull:
			q.Value, q.Kind = "x", sign.KindString
		}
		if _, err := ring.VerifyCallback(tampered, policy); err == nil {
			t.Fatalf("tampered with %s and accepted: %v, was %v", q.Name, tampered, p)
		}
	})
}

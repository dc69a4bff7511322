package sign_test

import (
	"crypto/md5"
	"encoding/hex"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/sign"
)

// naiveTexts are the texts that rule 5 of the gateway page accepts from
// everybody as what a callback's sign is made of, written a second time, as
// plainly as can be: amount and fee as sent, minimal, or with at least one or
// two decimals; empty strings dropped or kept.
func naiveTexts(p sign.Params) map[string]bool {
	texts := make(map[string]bool)
	for decimals := -1; decimals <= 2; decimals++ {
		for _, keepEmpty := range []bool{false, true} {
			fields := make(map[string]string)
			for _, q := range p {
				value := q.Value
				if decimals >= 0 && value != "" && (q.Name == "amount" || q.Name == "fee") {
					value = naiveDecimal(value, decimals)
				}
				if q.Name != "sign" && q.Kind != sign.KindNull && (value != "" || keepEmpty) {
					fields[q.Name] = value
				}
			}
			texts[naiveJoin(fields)] = true
		}
	}
	return texts
}

func naiveJoin(fields map[string]string) string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if text != "" {
			text += "&"
		}
		text += name + "=" + fields[name]
	}
	return text
}

// naiveDecimal writes a decimal with at least this many decimals, and no zero
// behind those it needs.
func naiveDecimal(text string, decimals int) string {
	value, ok := new(big.Rat).SetString(text)
	if !ok {
		return text
	}
	for ; decimals < 4; decimals++ {
		short := value.FloatString(decimals)
		if back, _ := new(big.Rat).SetString(short); back.Cmp(value) == 0 {
			return short
		}
	}
	return value.FloatString(4)
}

// naiveSum signs a text as rule 3 says.
func naiveSum(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// wrongTexts are ways of signing that are never accepted (rule 5), and mistakes
// near the right ones. Some are right for some callbacks.
func wrongTexts(p sign.Params) []string {
	plain := p.Canonical()
	received, signed, folded := "", make(map[string]string), make(map[string]string)
	for _, q := range p {
		received += "&" + q.Name + "=" + q.Value
		if q.Kind != sign.KindNull {
			signed[q.Name] = q.Value
			folded[strings.ToLower(q.Name)] = q.Value
		}
	}
	texts := []string{
		plain + "&", "&" + plain, strings.ToLower(plain), strings.ToUpper(plain), url.QueryEscape(plain), strings.ReplaceAll(plain, "&", "&amp;"),
		strings.TrimPrefix(received, "&"), naiveJoin(signed), naiveJoin(folded), strings.ReplaceAll(plain, "=", ""), strings.ReplaceAll(plain, "&", ""),
	}
	for name := range signed {
		subset := maps.Clone(signed)
		delete(subset, name)
		delete(subset, "sign")
		texts = append(texts, naiveJoin(subset))
	}
	return texts
}

// FuzzVerifyDifferential holds VerifyCallback against the second implementation:
// of a callback in good form, exactly the texts of rule 5 sign it.
func FuzzVerifyDifferential(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	for _, seed := range []string{
		`{"orderId":"o","platOrderId":"p","amount":1.50,"status":1,"reverse":false,"remark":"","fee":0.10,"sign":"` + strings.Repeat("0", 32) + `"}`,
		`{"orderId":"o","platOrderId":"p","amount":"100","status":"1","utr":"","Zed":"x","aux":null,"sign":"` + strings.Repeat("F", 32) + `"}`,
		`{"orderId":"o","platOrderId":"p","amount":0,"status":0,"fee":null,"n":-1e5,"sign":"` + strings.Repeat("a", 32) + `"}`,
		"orderId=o&platOrderId=p&amount=1.0001&status=2&remark=J%26K+Bank&fee=&sign=" + strings.Repeat("0", 32),
	} {
		f.Add([]byte(seed))
	}
	const secret = "a secret"
	ring := mustRing(f, sign.Key{ID: "k", Secret: secret})
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := sign.Parse("", body)
		if err != nil || sign.CheckCallback(p, sign.Policy{}) != nil {
			return
		}
		at := slices.IndexFunc(p, func(q sign.Param) bool { return q.Name == "sign" })
		verify := func(value string) bool {
			q := slices.Clone(p)
			q[at].Value, q[at].Kind = value, sign.KindString
			_, err := ring.VerifyCallback(q, sign.Policy{})
			return err == nil
		}
		right := naiveTexts(p)
		if !right[p.Canonical()] {
			t.Fatalf("canonical %q is none of %q", p.Canonical(), slices.Sorted(maps.Keys(right)))
		}
		for text := range right {
			sum := naiveSum(text + "&key=" + secret)
			if !verify(sum) || !verify(strings.ToUpper(sum)) {
				t.Errorf("refused, signed over %q", text)
			}
			for _, other := range []string{text + secret, text + "&" + secret, text + "&KEY=" + secret, secret + text, "key=" + secret + "&" + text, text} {
				if verify(naiveSum(other)) {
					t.Errorf("accepted, signed over %q", other)
				}
			}
		}
		for _, text := range wrongTexts(p) {
			if got := verify(naiveSum(text + "&key=" + secret)); got != right[text] {
				t.Errorf("accepted: %t, signed over %q", got, text)
			}
		}
	})
}

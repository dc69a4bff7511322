package sign_test

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/pkg/sign"
)

// meaning is what a callback says about money.
type meaning struct{ orderID, platOrderID, amount, status, reverse, fee string }

// meaningOf reads it in another way than the package does: with big.Rat. An
// absent reverse means false. Where zeros may be dropped an absent fee and a
// fee of zero are signed alike, as documented, and count as one.
func meaningOf(p sign.Params, policy sign.Policy) meaning {
	value := func(name string) string {
		q, _ := p.Get(name)
		return q.Value
	}
	number := func(text string) string {
		if r, ok := new(big.Rat).SetString(text); ok {
			return r.RatString()
		}
		return "none"
	}
	m := meaning{
		value("orderId"), value("platOrderId"), number(value("amount")), value("status"), "false", number(value("fee")),
	}
	if v := value("reverse"); v == "true" || v == "1" {
		m.reverse = "true"
	}
	if policy.DropZero && m.fee == "none" {
		m.fee = "0"
	}
	return m
}

var assignment = regexp.MustCompile(`&[A-Za-z][A-Za-z0-9_]*=`)

// splits returns the ways to read a signed text as a list of fields: at every
// &name= a field may begin or a value go on.
func splits(text string) []sign.Params {
	marks := assignment.FindAllStringIndex(text, -1)
	if len(marks) > 6 {
		marks = marks[:6]
	}
	var all []sign.Params
	for chosen := range 1 << len(marks) {
		var p sign.Params
		from := 0
		cut := func(to int) {
			name, value, _ := strings.Cut(text[from:to], "=")
			p = append(p, retype(name, value))
			from = to + 1
		}
		for i, mark := range marks {
			if chosen>>i&1 == 1 {
				cut(mark[0])
			}
		}
		cut(len(text))
		all = append(all, p)
	}
	return all
}

// retype gives a value the kind that a callback must have.
func retype(name, value string) sign.Param {
	switch {
	case name == "reverse" && (value == "true" || value == "false"):
		return boolean(name, value)
	case name == "amount" || name == "fee" || name == "status" || name == "reverse":
		return num(name, value)
	default:
		return str(name, value)
	}
}

// drawCallback draws a list that is often a callback and often contrived to
// read as another one.
func drawCallback(t *rapid.T) sign.Params {
	amount := rapid.SampledFrom([]string{"1", "0", "1.0", "1.00", "10000000", "1.0E7", "0.5", "2.50"})
	flag := rapid.SampledFrom([]sign.Param{boolean("", "true"), boolean("", "false"), num("", "0"), num("", "1"), null("")})
	part := rapid.SampledFrom([]string{
		"x", "&status=1", "&status=2", "&status=0", "&reverse=true", "&reverse=false", "&reverse=", "&reverse=1", "&reverse=0",
		"&t=", "&u=1", "&fee=1", "&amount=2", "&remark=y", "&", "=", "J&K", "&zz=0", "&sign=", "status=1", "&A=",
	})
	free := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(part, 0, 4).Draw(t, "parts"), "")
	})
	p := sign.Params{
		str("orderId", rapid.SampledFrom([]string{"o1", "0", "o=2"}).Draw(t, "orderId")),
		str("platOrderId", rapid.SampledFrom([]string{"p1", "0"}).Draw(t, "platOrderId")),
		num("amount", amount.Draw(t, "amount")),
		num("status", rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "status")),
	}
	for _, name := range []string{"remark", "t", "zz", "A"} {
		if rapid.Bool().Draw(t, name+" present") {
			p = append(p, str(name, free.Draw(t, name)))
		}
	}
	if rapid.Bool().Draw(t, "fee present") {
		p = append(p, num("fee", amount.Draw(t, "fee")))
	}
	if rapid.Bool().Draw(t, "reverse present") {
		reverse := flag.Draw(t, "reverse")
		reverse.Name = "reverse"
		p = append(p, reverse)
	}
	return p
}

// signedTexts are texts that some sender might sign for p, in its own idea of
// the rule: the adversary is not bound to what the package would try.
func signedTexts(p sign.Params) []string {
	var texts []string
	for _, keepEmpty := range []bool{false, true} {
		for _, dropZero := range []bool{false, true} {
			for _, reverse := range []map[string]string{{}, {"true": "1", "false": "0"}} {
				for _, numbers := range []map[string]string{
					{},
					{"1.0": "1", "1.00": "1", "1.0E7": "10000000", "2.50": "2.5"},
					{"1": "1.0", "1.00": "1.0", "0": "0.0", "10000000": "1.0E7", "2.50": "2.5"},
					{"1": "1.00", "1.0": "1.00", "0": "0.00", "0.5": "0.50"},
				} {
					texts = append(texts, naiveText(p, keepEmpty, dropZero, reverse, numbers))
				}
			}
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// naiveText is a second, simple implementation of the signed text.
func naiveText(p sign.Params, keepEmpty, dropZero bool, reverse, numbers map[string]string) string {
	var pairs [][2]string
	for _, q := range p {
		value := q.Value
		if q.Kind == sign.KindNull || q.Name == "sign" || (value == "" && !keepEmpty) {
			continue
		}
		if dropZero && (value == "0" || value == "false") {
			continue
		}
		if mapped, ok := reverse[value]; ok && q.Name == "reverse" {
			value = mapped
		}
		if mapped, ok := numbers[value]; ok && (q.Name == "amount" || q.Name == "fee") {
			value = mapped
		}
		pairs = append(pairs, [2]string{q.Name, value})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	joined := make([]string, len(pairs))
	for i, pair := range pairs {
		joined[i] = pair[0] + "=" + pair[1]
	}
	return strings.Join(joined, "&")
}

// TestOneSignatureOneMeaning is the property that rule 4 of the gateway page
// is for: whatever somebody makes of a signed text without knowing the key,
// the callbacks that pass with its signature all say the same about money.
func TestOneSignatureOneMeaning(t *testing.T) {
	ring := mustRing(t, sign.Key{ID: "k", Secret: testSecret})
	rapid.Check(t, func(t *rapid.T) {
		policy := policyOf(rapid.Byte().Draw(t, "policy"))
		genuine := drawCallback(t)
		// What an attacker adds that is not signed, or by some senders not.
		extra := rapid.SampledFrom([]sign.Params{
			nil,
			{null("reverse")},
			{boolean("reverse", "false")},
			{boolean("reverse", "true")},
			{num("reverse", "0")},
			{num("status", "0")},
			{num("fee", "0")},
			{num("fee", "0"), boolean("reverse", "false"), num("status", "0")},
			{num("amount", "0"), num("status", "0")},
			{str("reverse", "")},
			{null("remark"), null("fee")},
			{num("fee", "0.00")},
			{str("orderId", "0")},
		}).Draw(t, "extra")
		for _, text := range signedTexts(genuine) {
			signature := md5Hex(text, testSecret)
			candidates := []sign.Params{genuine}
			for _, p := range splits(text) {
				candidates = append(candidates, p, append(slices.Clone(p), extra...))
			}
			var first sign.Params
			for _, p := range candidates {
				if _, err := ring.VerifyCallback(withSign(p, signature), policy); err != nil {
					continue
				}
				if first == nil {
					first = p
				}
				if a, b := meaningOf(first, policy), meaningOf(p, policy); a != b {
					t.Fatalf("policy %+v: one signature of %q, two meanings:\n%+v\n%+v", policy, text, first, p)
				}
			}
		}
	})
}

// TestSignedBodiesVerify holds that every callback that passes the checks and
// is signed as the rule says is accepted in the plain form.
func TestSignedBodiesVerify(t *testing.T) {
	ring := mustRing(t, sign.Key{ID: "k", Secret: testSecret})
	rapid.Check(t, func(t *rapid.T) {
		policy := policyOf(rapid.Byte().Draw(t, "policy"))
		p := drawCallback(t)
		p = withSign(p, ring.Sign(p))
		if sign.CheckCallback(p, policy) != nil {
			return
		}
		parsed, err := sign.ParseJSON(jsonBody(p))
		if err != nil || !slices.Equal(parsed, p) {
			t.Fatalf("parsed to %v, error %v", parsed, err)
		}
		got, err := ring.VerifyCallback(parsed, policy)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got.Dialects { // only those of the body, none of the text
			if d != sign.DialectReverseNumeric && d != sign.DialectJavaDouble {
				t.Fatalf("dialects %v", got.Dialects)
			}
		}
	})
}

package sign_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/sign"
)

// textParams makes a list as a form would give it, in the order of a map.
func textParams(t *testing.T, fields map[string]string) sign.Params {
	t.Helper()
	pairs := make([]string, 0, len(fields))
	for name, value := range fields {
		pairs = append(pairs, name+"="+percent(value))
	}
	p, err := sign.ParseForm([]byte(strings.Join(pairs, "&")))
	if err != nil {
		t.Fatalf("form of %v: %v", fields, err)
	}
	return p
}

// percent encodes every byte, so that the parser has to decode all of them.
func percent(s string) string {
	const hex = "0123456789aBcDeF"
	var b strings.Builder
	for _, c := range []byte(s) {
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

func readTestdata(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func mustRing(t testing.TB, keys ...sign.Key) *sign.Keyring {
	t.Helper()
	ring, err := sign.NewKeyring("", keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func mustJSON(t testing.TB, body string) sign.Params {
	t.Helper()
	p, err := sign.ParseJSON([]byte(body))
	if err != nil {
		t.Fatalf("parse %s: %v", body, err)
	}
	return p
}

func withSign(p sign.Params, value string) sign.Params {
	return append(slices.Clone(p), sign.Param{Name: "sign", Value: value})
}

// TestPublicVectors compares with signatures computed by others.
func TestPublicVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	count := 0
	for lines.Scan() {
		var v struct {
			Params map[string]string `json:"params"`
			Key    string            `json:"key"`
			MD5    string            `json:"md5_lower"`
			Source string            `json:"source"`
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if got := sign.Sign(textParams(t, v.Params), sign.Secret(v.Key)); got != v.MD5 {
			t.Errorf("%s: sign = %s, want %s", v.Source, got, v.MD5)
		}
		count++
	}
	if count != 4 {
		t.Fatalf("read %d vectors, want 4", count)
	}
}

// TestDialectVectors verifies one callback signed as different senders do, with
// nothing opened and with everything opened.
func TestDialectVectors(t *testing.T) {
	var file struct {
		Body     string `json:"body"`
		Key      string `json:"key"`
		Dialects []struct {
			Dialect string `json:"dialect"`
			String  string `json:"string"`
			MD5     string `json:"md5_lower"`
		} `json:"dialects"`
	}
	readTestdata(t, "dialects.json", &file)
	type want struct {
		always   bool
		policy   sign.Policy // opens it; zero and not always: never accepted
		dialects []sign.Dialect
	}
	wants := map[string]want{
		"raw_token (Java BigDecimal/UseNumber)": {always: true},
		"minimal number (JS JSON.parse, Go float64 %v, PHP float)": {
			always: true, dialects: []sign.Dialect{sign.DialectNumberMinimal},
		},
		"one decimal (Java Double)": {always: true, dialects: []sign.Dialect{sign.DialectNumberOneDecimal}},
		"two decimals":              {always: true, dialects: []sign.Dialect{sign.DialectNumberTwoDecimals}},
		"PHP http_build_query bool false->0": {
			policy:   sign.Policy{NumericReverse: true},
			dialects: []sign.Dialect{sign.DialectNumberMinimal, sign.DialectReverseNumeric},
		},
		`PHP string concat bool false->"" kept as "reverse="`: {},
		"PHP7 '' != $v (0 and false dropped)": {
			policy:   sign.Policy{DropZero: true},
			dialects: []sign.Dialect{sign.DialectNumberMinimal, sign.DialectDropZero},
		},
		`PHP empty() (0, "0", false dropped)`: {
			policy:   sign.Policy{DropZero: true},
			dialects: []sign.Dialect{sign.DialectNumberMinimal, sign.DialectDropZero},
		},
	}
	ring := mustRing(t, sign.Key{ID: "k", Secret: sign.Secret(file.Key)})
	body := mustJSON(t, file.Body)
	if got := body.Canonical() + "&key=" + file.Key; got != file.Dialects[0].String {
		t.Errorf("canonical string\n got %s\nwant %s", got, file.Dialects[0].String)
	}
	if len(file.Dialects) != len(wants) {
		t.Errorf("%d dialects in the file, %d expected", len(file.Dialects), len(wants))
	}
	for _, d := range file.Dialects {
		t.Run(d.Dialect, func(t *testing.T) {
			want, ok := wants[d.Dialect]
			if !ok {
				t.Fatal("dialect is not expected")
			}
			p := withSign(body, d.MD5)
			for _, policy := range allPolicies() {
				got, err := ring.VerifyCallback(p, policy)
				accepted := want.always || (want.policy != (sign.Policy{}) && opens(policy, want.policy))
				if accepted != (err == nil) {
					t.Errorf("policy %+v: error %v, want accepted %v", policy, err, accepted)
				}
				if err == nil && !slices.Equal(got.Dialects, want.dialects) {
					t.Errorf("policy %+v: dialects %v, want %v", policy, got.Dialects, want.dialects)
				}
			}
		})
	}
}

func allPolicies() []sign.Policy {
	var list []sign.Policy
	for bits := range 8 {
		list = append(list, policyOf(uint8(bits)))
	}
	return list
}

func policyOf(bits uint8) sign.Policy {
	return sign.Policy{DropZero: bits&1 != 0, NumericReverse: bits&2 != 0, JavaDouble: bits&4 != 0}
}

// opens reports whether policy opens all that needed does.
func opens(policy, needed sign.Policy) bool {
	return (policy.DropZero || !needed.DropZero) && (policy.NumericReverse || !needed.NumericReverse) &&
		(policy.JavaDouble || !needed.JavaDouble)
}

// TestCollisions holds that of two different lists with one signature at most
// one is a callback, whatever is opened and however the values are typed.
func TestCollisions(t *testing.T) {
	var pairs map[string]struct {
		A      map[string]string `json:"a"`
		B      map[string]string `json:"b"`
		Key    string            `json:"key"`
		MD5    string            `json:"md5_lower"`
		String string            `json:"string"`
	}
	readTestdata(t, "collisions.json", &pairs)
	// Of these pairs the first is a callback that says nothing ambiguous; the
	// second must never pass. The create request is no callback at all.
	firstPasses := map[string]bool{
		"fold_into_remark": true, "int_prefix_status": true, "extra_field_swallow": true, "create_customName": false,
	}
	if len(pairs) != len(firstPasses) {
		t.Errorf("%d pairs in the file, %d expected", len(pairs), len(firstPasses))
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			ring := mustRing(t, sign.Key{ID: "k", Secret: sign.Secret(pair.Key)})
			for side, fields := range map[string]map[string]string{"a": pair.A, "b": pair.B} {
				forms := map[string]sign.Params{"form": textParams(t, fields), "json": typedParams(t, fields)}
				for media, p := range forms {
					if got := p.Canonical() + "&key=" + pair.Key; got != pair.String {
						t.Fatalf("%s %s: signed text %s, want %s", side, media, got, pair.String)
					}
					for _, policy := range allPolicies() {
						_, err := ring.VerifyCallback(withSign(p, pair.MD5), policy)
						if pass := side == "a" && firstPasses[name]; pass != (err == nil) {
							t.Errorf("%s %s, policy %+v: error %v, want passing %v", side, media, policy, err, pass)
						}
					}
				}
			}
		})
	}
}

// typedParams makes a list as a JSON body with numbers and booleans would give
// it, where the values allow that.
func typedParams(t *testing.T, fields map[string]string) sign.Params {
	t.Helper()
	var members []string
	for name, value := range fields {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		bare := json.Valid([]byte(value)) && (name == "amount" || name == "fee" || name == "status" || name == "reverse")
		if bare {
			text = []byte(value)
		}
		members = append(members, `"`+name+`":`+string(text))
	}
	return mustJSON(t, "{"+strings.Join(members, ",")+"}")
}

package config_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

const minimal = `merchants:
  - id: m1
    currency: INR
    region: none
    gateway: https://gateway.example
    rate: 10
    keys: [{id: k1, secret: s3cr3t}]
`

const full = `# every setting
merchants:
  - id: m1001
    account: 0801
    currency: INR
    region: india
    timezone: Asia/Kolkata
    gateway: https://Gateway.Example:443/api/
    rate: 2.50
    match: {collect: required, pay: if-known}
    keys:
      - {id: "2026-05", secret: 1e5}
      - {id: "2026-11", secretFile: keys/m1001, signing: true}
      - {id: next.1, secretFile: /run/secrets/m1001, signing: false}
    payFee: included
    reverse: trust-signed
    dialects: [drop-zero, reverse-numeric, java-double]
    notFound: ["no such order", "/order .* gone/"]
    allowFrom: [203.0.113.0/24, 2001:db8::7]
    balanceMinimum: "10000.00"
    pixRandomKey: EVP
  - id: a
    currency: JPY
    region: none
    gateway: http://127.0.0.1:9000
    rate: 0.01
    notFound: []
    keys: [{id: k, secret: "#: x"}]
`

func secretFiles(files map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		text, ok := files[path]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
}

func TestMerchants(t *testing.T) {
	set, err := config.ParseMerchants("/etc/s/merchants.yaml", []byte(full), secretFiles(map[string]string{
		"/etc/s/keys/m1001":  "secret two\r\n",
		"/run/secrets/m1001": "three",
	}))
	must(t, err)
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	must(t, err)
	want := []*config.Merchant{
		{
			ID: "a", Account: "a", Currency: "JPY", Region: region.None, Location: time.UTC,
			Gateway: "http://127.0.0.1:9000", Rate: decimal.MustParse("0.01"),
			MatchCollect: config.MatchIfKnown, MatchPay: config.MatchIfKnown, Keys: []sign.Key{{ID: "k", Secret: "#: x"}},
			Reverse: config.ReverseConfirm, NotFound: []string{}, PIXRandomKey: "EPV",
		},
		{
			ID: "m1001", Account: "0801", Currency: "INR", Region: region.India, Location: kolkata,
			Gateway: "https://gateway.example/api", Rate: decimal.MustParse("2.5"),
			MatchCollect: config.MatchRequired, MatchPay: config.MatchIfKnown, Keys: []sign.Key{{ID: "2026-05", Secret: "1e5"}, {ID: "2026-11", Secret: "secret two"}, {ID: "next.1", Secret: "three"}},
			PayFee: events.PayFeeIncluded, Reverse: config.ReverseTrustSigned,
			Policy:       sign.Policy{DropZero: true, NumericReverse: true, JavaDouble: true},
			NotFound:     []string{"no such order", "/order .* gone/"},
			AllowFrom:    config.Networks{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::7/128")},
			PIXRandomKey: "EVP", BalanceMinimum: new(decimal.MustParse("10000.00")),
		},
	}
	if diff := cmp.Diff(want, set.All(), cmpopts.IgnoreFields(config.Merchant{}, "Keyring"),
		cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b decimal.Decimal) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m := set.All()[1]
	if got := m.Keyring.SigningKey(); got != (sign.Key{ID: "2026-11", Secret: "secret two"}) {
		t.Errorf("signing key is %s with %q", got.ID, string(got.Secret))
	}
	if got := set.All()[0].Keyring.SigningKey(); string(got.Secret) != "#: x" {
		t.Errorf("signing key of a is %q", string(got.Secret))
	}
	if m.MatchOf(events.FlowCollect) != config.MatchRequired || m.MatchOf(events.FlowPay) != config.MatchIfKnown {
		t.Error("MatchOf mixes up the flows")
	}
	if m.RatePerSecond() != 2.5 {
		t.Errorf("RatePerSecond = %v", m.RatePerSecond())
	}
}

func TestMerchantsSet(t *testing.T) {
	parse := func(text string) *config.Merchants {
		t.Helper()
		set, err := config.ParseMerchants("m.yaml", []byte(text), nil)
		must(t, err)
		return set
	}
	set := parse(minimal)
	if m, ok := set.Get("m1"); !ok || m.ID != "m1" || set.Len() != 1 {
		t.Errorf("Get(m1) = %v, %v", m, ok)
	}
	if m, ok := set.Get("M1"); ok || m != nil {
		t.Errorf("Get(M1) = %v, %v", m, ok)
	}
	all := set.All()
	all[0] = nil
	if set.All()[0] == nil {
		t.Error("All hands out the set's own slice")
	}
	// Same settings, same hash, whatever the spelling; other settings, another.
	same := parse("# comment\n" + strings.Replace(minimal, "rate: 10", "rate: \"10.0\"\n    timezone: UTC", 1))
	if set.Hash() != same.Hash() {
		t.Error("the hash depends on spelling")
	}
	for _, change := range [][2]string{{"rate: 10", "rate: 11"}, {"id: k1", "id: k2"}, {"id: m1", "id: m2"}, {"none", "india"}} {
		if parse(strings.Replace(minimal, change[0], change[1], 1)).Hash() == set.Hash() {
			t.Errorf("the hash does not show %s", change[1])
		}
	}
	if parse(strings.Replace(minimal, "s3cr3t", "other", 1)).Hash() != set.Hash() {
		t.Error("the hash is made of a secret")
	}
}

// The last key signs unless one is marked.
func TestSigningKey(t *testing.T) {
	for keys, want := range map[string]string{
		"[{id: a, secret: x}, {id: b, secret: y}]":                                 "b",
		"[{id: a, secret: x, signing: true}, {id: b, secret: y}]":                  "a",
		"[{id: a, secret: x, signing: false}, {id: b, secret: y, signing: false}]": "b",
	} {
		set, err := config.ParseMerchants("m.yaml", []byte(strings.Replace(minimal, "[{id: k1, secret: s3cr3t}]", keys, 1)), nil)
		must(t, err)
		if got := set.All()[0].Keyring.SigningKey().ID; got != want {
			t.Errorf("%s: %s signs, want %s", keys, got, want)
		}
	}
}

func TestMissingMerchantsFile(t *testing.T) {
	path := t.TempDir() + "/merchants.yaml"
	want := path + ": cannot be read (no such file or directory); mount the merchants file or correct MERCHANTS_FILE"
	if _, err := config.LoadMerchants(path); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := config.LoadMerchants(t.TempDir()); err == nil || !errors.As(err, new(*config.Fault)) {
		t.Errorf("a folder: %v", err)
	}
}

func TestMerchantsRefusals(t *testing.T) {
	const names = "id, account, currency, region, timezone, gateway, rate, match, keys, payFee, reverse, dialects, notFound, allowFrom, balanceMinimum, pixRandomKey"
	with := func(old, new string) string { return strings.Replace(minimal, old, new, 1) }
	keys := func(list string) string { return with("[{id: k1, secret: s3cr3t}]", list) }
	add := func(line string) string { return minimal + "    " + line + "\n" }
	second := func(lines string) string {
		return minimal + "  - {id: m2, currency: INR, region: none, gateway: https://gateway.example, rate: 1, keys: [{id: k, secret: t}]" + lines + "}\n"
	}
	for _, tt := range []struct {
		text string
		want []string
	}{
		// The file as such.
		{"", []string{"m.yaml:1: the file is empty; see docs/configuration.md for what belongs in it"}},
		{"# nothing\n", []string{"m.yaml:1: the file is empty; see docs/configuration.md for what belongs in it"}},
		{"merchants: []\n", []string{"m.yaml:1: merchants: the list is empty; list at least one merchant"}},
		{"merchants:\n", []string{"m.yaml:1: merchants: must be a list"}},
		{"{}\n", []string{"m.yaml:1: merchants: missing; list at least one merchant"}},
		{"- id: m1\n", []string{"m.yaml:1: the file: must be name: value pairs, among merchants"}},
		{minimal + "---\n" + minimal, []string{"m.yaml:8: a second document begins here; put everything into one"}},
		{minimal + "---\na: [\n", []string{"m.yaml:10: is not YAML: did not find expected node content (while parsing a flow node that begins in line 10)"}},
		{minimal + "extra: 1\n", []string{`m.yaml:8: the file: unknown name "extra"; the names are merchants`}},
		{minimal + "merchants: []\n", []string{"m.yaml:8: merchants: is already given in line 1; remove one"}},
		{"merchants:\n\t- id: m1\n", []string{"m.yaml:2: a tab in the indentation; indent with spaces"}},
		{"merchants:\n  - id: \"m\x01\"\n", []string{"m.yaml:2: a control character; remove it"}},
		{"merchants:\n  - id: \"m\xff\"\n", []string{"m.yaml:2: is not UTF-8; save the file as UTF-8"}},
		{"merchants: [\n", []string{"m.yaml:2: is not YAML: did not find expected node content (while parsing a flow node that begins in line 2)"}},
		{"a: b: c\n", []string{"m.yaml:1: is not YAML: mapping values are not allowed in this context"}},
		{strings.Repeat("#", 4<<20) + "\n", []string{"m.yaml:1: the file is larger than 4 MiB; is it the right one?"}},
		{"merchants: [m1]\n", []string{"m.yaml:1: merchants[1]: must be name: value pairs, among " + names}},

		// Names and kinds inside a merchant.
		{add("colour: red"), []string{`m.yaml:8: merchants[1]: unknown name "colour"; the names are ` + names}},
		{add("rate: 11"), []string{"m.yaml:8: merchants[1].rate: is already given in line 6; remove one"}},
		{add("? [a]\n    : b"), []string{"m.yaml:8: merchants[1]: a name must be a plain word"}},
		{add("<<: {reverse: confirm}"), []string{`m.yaml:8: merchants[1]: unknown name "<<"; the names are ` + names}},
		{with("id: m1", "id: &a m1"), []string{
			"m.yaml:2: merchants[1].id: anchors (&) and aliases (*) are not accepted; write it out, in quotes if it begins with one of these characters",
		}},
		{with("id: m1", "id: *a"), []string{"m.yaml:2: is not YAML: unknown anchor 'a' referenced"}},
		{with("id: m1", "id: !!str m1"), []string{"m.yaml:2: merchants[1].id: tags (!) are not accepted; remove it, or write the value in quotes if it begins with that character"}},
		{with("rate: 10", "rate: [10]"), []string{"m.yaml:6: merchants[1].rate: must be a single value"}},
		{with("rate: 10", "rate:"), []string{"m.yaml:6: merchants[1].rate: is empty; give it a value or remove the line"}},
		{with("rate: 10", "rate: ~"), []string{"m.yaml:6: merchants[1].rate: is empty; give it a value or remove the line"}},
		{add("match: required"), []string{"m.yaml:8: merchants[1].match: must be name: value pairs, among collect, pay"}},
		{add("match: {both: required}"), []string{`m.yaml:8: merchants[1].match: unknown name "both"; the names are collect, pay`}},
		{add("dialects: drop-zero"), []string{"m.yaml:8: merchants[1].dialects: must be a list"}},
		{"merchants:\n  - account: a\n", []string{
			"m.yaml:2: merchants[1].id: missing; give the merchant an id of letters, digits, _ and -",
			"m.yaml:2: merchants[1].currency: missing; name the ISO 4217 currency, for example INR",
			"m.yaml:2: merchants[1].region: missing; use brazil, india, indonesia, nigeria or none",
			"m.yaml:2: merchants[1].gateway: missing; give the base URL of the gateway's API, for example https://gateway.example",
			"m.yaml:2: merchants[1].rate: missing; give the order queries per second the gateway allows, for example 10",
			"m.yaml:2: merchants[1].keys: missing; give at least one signing key",
		}},

		// Values.
		{with("id: m1", "id: m.1"), []string{`m.yaml:2: merchant "m.1": id: use only letters, digits, _ and -, at most 64 of them`}},
		{with("id: m1", `id: "m\n1"`), []string{`m.yaml:2: merchant "m\n1": id: use only letters, digits, _ and -, at most 64 of them`}},
		{with("id: m1", "id: _unknown"), []string{"m.yaml:2: merchant _unknown: id: is what merchants that are not configured go by; choose another"}},
		{strings.Replace(second(", account: x"), "id: m2", "id: m1", 1), []string{"m.yaml:8: merchant m1: id: is already that of the merchant in line 2; give each its own"}},
		{second(", account: m1"), []string{"m.yaml:8: merchant m2: account: merchant m1 has this account at this gateway already (line 2), and an order would settle once under each; remove one"}},
		{strings.Replace(second(", account: m1"), "gateway.example,", "GATEWAY.example:443/,", 1), []string{"m.yaml:8: merchant m2: account: merchant m1 has this account at this gateway already (line 2), and an order would settle once under each; remove one"}},
		{add("account: a&b"), []string{"m.yaml:8: merchant m1: account: use printable ASCII characters without spaces and &, at most 64 of them"}},
		{with("INR", "inr"), []string{`m.yaml:3: merchant m1: currency: "inr" is not an ISO 4217 code; write it in capitals, for example INR`}},
		{with("INR", "INX"), []string{`m.yaml:3: merchant m1: currency: "INX" is not an ISO 4217 code; write it in capitals, for example INR`}},
		{with("region: none", "region: mars"), []string{`m.yaml:4: merchant m1: region: "mars" is not known; use brazil or india or indonesia or nigeria or none`}},
		{add("timezone: IST+5"), []string{`m.yaml:8: merchant m1: timezone: "IST+5" is not an IANA time zone; write it like Asia/Kolkata, or UTC`}},
		{add("timezone: Local"), []string{`m.yaml:8: merchant m1: timezone: "Local" is not an IANA time zone; write it like Asia/Kolkata, or UTC`}},
		{add("timezone: ../../etc/passwd"), []string{`m.yaml:8: merchant m1: timezone: "../../etc/passwd" is not an IANA time zone; write it like Asia/Kolkata, or UTC`}},
		{with("https://gateway.example", "gateway.example"), []string{"m.yaml:5: merchant m1: gateway: is not a base URL; write it like https://gateway.example"}},
		{with("https://gateway.example", "https://u:s3@x"), []string{"m.yaml:5: merchant m1: gateway: must not hold a user or password; the API knows none"}},
		{with("https://gateway.example", "https://x/?a=b"), []string{"m.yaml:5: merchant m1: gateway: must not hold a query string or fragment; write only the base URL"}},
		{with("https://gateway.example", "http://gateway.example"), []string{"m.yaml:5: merchant m1: gateway: http:// would show requests and answers to anyone on the way; use https:// (http only to a loopback address)"}},
		{with("https://gateway.example", "http://127.0.0.1.example"), []string{"m.yaml:5: merchant m1: gateway: http:// would show requests and answers to anyone on the way; use https:// (http only to a loopback address)"}},
		{with("rate: 10", "rate: 0"), []string{`m.yaml:6: merchant m1: rate: "0" is not a rate; write order queries per second from 0.01 to 10000, with at most three decimals`}},
		{with("rate: 10", "rate: 1e3"), []string{`m.yaml:6: merchant m1: rate: "1e3" is not a rate; write order queries per second from 0.01 to 10000, with at most three decimals`}},
		{with("rate: 10", "rate: 10000.001"), []string{`m.yaml:6: merchant m1: rate: "10000.001" is not a rate; write order queries per second from 0.01 to 10000, with at most three decimals`}},
		{with("rate: 10", "rate: 0.0101"), []string{`m.yaml:6: merchant m1: rate: "0.0101" is not a rate; write order queries per second from 0.01 to 10000, with at most three decimals`}},
		{add("match: {collect: always}"), []string{`m.yaml:8: merchant m1: match.collect: "always" is not known; use if-known or required`}},
		{add("match: {pay: never}"), []string{`m.yaml:8: merchant m1: match.pay: "never" is not known; use if-known or required`}},
		{add("payFee: both"), []string{`m.yaml:8: merchant m1: payFee: "both" is not known; use added or included`}},
		{add("reverse: trust"), []string{`m.yaml:8: merchant m1: reverse: "trust" is not known; use confirm or trust-signed`}},
		{add("dialects: [unsigned]"), []string{`m.yaml:8: merchant m1: dialects: "unsigned" is not known; use drop-zero or reverse-numeric or java-double`}},
		{add("dialects: [drop-zero, drop-zero]"), []string{`m.yaml:8: merchant m1: dialects: "drop-zero" is given twice; remove one`}},
		{add("notFound: [/.*/]"), []string{`m.yaml:8: merchant m1: notFound: "/.*/" matches an empty text and so every refusal; narrow it`}},
		{add("notFound: [//]"), []string{`m.yaml:8: merchant m1: notFound: "//" matches an empty text and so every refusal; narrow it`}},
		{add(`notFound: ["/(/"]`), []string{`m.yaml:8: merchant m1: notFound: "/(/" is not a regular expression (RE2); correct it, or leave out the slashes for a substring`}},
		{add("allowFrom: [10.1.2.3/8]"), []string{`m.yaml:8: merchant m1: allowFrom: "10.1.2.3/8" has bits set behind the prefix length; write 10.0.0.0/8 for the range or 10.1.2.3 for the one address`}},
		{add("allowFrom: [gateway.example]"), []string{`m.yaml:8: merchant m1: allowFrom: "gateway.example" is not an address range; write it like 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7`}},
		{add("balanceMinimum: ten"), []string{`m.yaml:8: merchant m1: balanceMinimum: "ten" is not an amount; write it in major units with a point, for example "10000.00"`}},
		{add("pixRandomKey: E V P"), []string{"m.yaml:8: merchant m1: pixRandomKey: use only letters, digits, _ and -, for example EVP"}},
		{add("pixRandomKey: CPF"), []string{"m.yaml:8: merchant m1: pixRandomKey: CPF already names another type of key; give the gateway's literal for the random key, for example EVP"}},

		// Keys.
		{keys("[]"), []string{"m.yaml:2: merchant m1: keys: the list is empty; give at least one signing key"}},
		{keys("[{secret: x}]"), []string{"m.yaml:7: merchants[1].keys[1].id: missing; name the key, for example by the month it was issued"}},
		{keys("[{id: k 1, secret: x}]"), []string{`m.yaml:7: merchant m1: keys: id "k 1": use only letters, digits, . _ and -, at most 64 of them`}},
		{keys("[{id: k, secret: x}, {id: k, secret: y}]"), []string{`m.yaml:7: merchant m1: keys: id "k" is already that of the key in line 7; give each its own`}},
		{keys("[{id: k, secret: x}, {id: l, secret: x}]"), []string{"m.yaml:7: merchant m1: keys: key l has the same secret as key k; remove one, or a metric could not tell which matched"}},
		{keys("[{id: k, secret: x, signing: true}, {id: l, secret: y, signing: true}]"), []string{"m.yaml:7: merchant m1: keys: key l is marked signing, and so is key k; mark only one"}},
		{keys("[{id: k, secret: x, signing: yes}]"), []string{`m.yaml:7: merchant m1: keys: signing: "yes" is neither true nor false`}},
		{keys("[{id: k}]"), []string{"m.yaml:7: merchant m1: keys: key k has no secret; give secret or secretFile"}},
		{keys(`[{id: k, secret: ""}]`), []string{
			"m.yaml:7: merchants[1].keys[1].secret: is empty; give it a value or remove the line",
			"m.yaml:7: merchant m1: keys: key k has no secret; give secret or secretFile",
		}},
		{keys("[{id: k, secret: x, secretFile: good}]"), []string{"m.yaml:7: merchant m1: keys: key k has both secret and secretFile; keep one"}},
		{keys(`[{id: k, secret: "s3cr3t "}]`), []string{"m.yaml:7: merchant m1: keys: key k: secret begins or ends with white space; remove it"}},
		{keys(`[{id: k, secret: "s3\tcr3t"}]`), []string{"m.yaml:7: merchant m1: keys: key k: secret holds a line break, tab or control character; is it the right one?"}},
		{keys("[{id: k, secretFile: none}]"), []string{`m.yaml:7: merchant m1: keys: key k: "none" cannot be read (file does not exist); mount the file or correct secretFile`}},
		{keys("[{id: k, secretFile: empty}]"), []string{`m.yaml:7: merchant m1: keys: key k: "empty" is empty; anybody could sign with an empty secret`}},
		{keys("[{id: k, secretFile: newline}]"), []string{`m.yaml:7: merchant m1: keys: key k: "newline" is empty; anybody could sign with an empty secret`}},
		{keys("[{id: k, secretFile: lines}]"), []string{`m.yaml:7: merchant m1: keys: key k: "lines" holds a line break, tab or control character; is it the right one?`}},
		{keys("[{id: k, secretFile: long}]"), []string{`m.yaml:7: merchant m1: keys: key k: "long" is longer than 1024 bytes; is it the right one?`}},
	} {
		_, err := config.ParseMerchants("m.yaml", []byte(tt.text), secretFiles(map[string]string{
			"good": "g", "empty": "", "newline": "\n", "lines": "a\nb\n", "long": strings.Repeat("x", 1025),
		}))
		if err == nil {
			t.Errorf("accepted:\n%.300s", tt.text)
			continue
		}
		if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
			t.Errorf("%.300s\n(-want +got):\n%s", tt.text, diff)
		}
	}
}

// Whatever the file holds, it is either refused with one line per fault or all
// of it is fit for use.
func FuzzMerchants(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(full))
	f.Add([]byte("merchants: [{id: &a x, keys: [*a]}]"))
	f.Add([]byte("merchants:\n  - id: !!str x\n    keys: [{id: k, secret: |\n x\n}]"))
	f.Add([]byte("--- a\n--- b\n"))
	f.Add([]byte("\ufeffmerchants: []"))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := config.ParseMerchants("m.yaml", data, secretFiles(map[string]string{"/run/secrets/m1001": "x"}))
		if err != nil {
			if set != nil {
				t.Error("a set and an error")
			}
			faults := config.Faults(err)
			if len(faults) != strings.Count(err.Error(), "\n")+1 {
				t.Errorf("%d faults in:\n%v", len(faults), err)
			}
			for _, fault := range faults {
				if !strings.HasPrefix(fault.Where, "m.yaml:") {
					t.Errorf("no line: %v", fault)
				}
			}
			return
		}
		if set.Len() == 0 {
			t.Error("an empty set was accepted")
		}
		for _, m := range set.All() {
			if got, ok := set.Get(m.ID); !ok || got != m {
				t.Errorf("%s is not found by its id", m.ID)
			}
			if m.Keyring == nil || m.Location == nil || m.Rate.Sign() <= 0 || m.Keyring.SigningKey().Secret == "" ||
				events.EscapeToken(m.ID) != m.ID || m.ID == events.UnknownToken || !strings.HasPrefix(m.Gateway, "http") {
				t.Errorf("unfit for use: %+v", m)
			}
		}
	})
}

package receiver_test

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

// refused is one input that must be refused, and how.
type refused struct {
	name string
	request
	status         int
	line           string
	reason         string
	class          stream.Class
	flow, merchant string // collect and m1001
	evidence       string // what is kept; the whole body if ""
}

// badInput is every kind of input the receiver has to refuse.
func badInput(t *testing.T) []refused {
	valid := mustSign(t, object("A1"), newSecret)
	list := hostilePaths(valid)
	list = append(list, badRequests(valid)...)
	list = append(list, badBodies(t)...)
	for i := range list {
		r := &list[i]
		if r.flow == "" {
			r.flow = "collect"
		}
		if r.merchant == "" {
			r.merchant = "m1001"
		}
		if r.evidence == "" {
			r.evidence = r.body
		}
	}
	return list
}

func hostilePaths(body string) []refused {
	const unknown = stream.Unknown
	path := func(name, target, reason, flow, merchant string) refused {
		return refused{
			name: "path " + name, request: request{target: target, body: body},
			status: 404, line: "not found", reason: reason, class: stream.ClassUnknown, flow: flow, merchant: merchant,
		}
	}
	return []refused{
		path("unknown merchant", "/callbacks/collect/m9999", "unknown-merchant", "collect", unknown),
		path("merchant in other case", "/callbacks/collect/M1001", "unknown-merchant", "collect", unknown),
		path("merchant escaped", "/callbacks/collect/%6d1001", "unknown-merchant", "collect", unknown),
		path("reserved merchant", "/callbacks/collect/_unknown", "unknown-merchant", "collect", unknown),
		path("unknown flow", "/callbacks/refund/m1001", "unknown-flow", unknown, "m1001"),
		path("flow in other case", "/callbacks/Collect/m1001", "unknown-flow", unknown, "m1001"),
		path("nothing known", "/callbacks/refund/m9999", "unknown-flow", unknown, unknown),
		path("wildcards", "/callbacks/*/>", "unknown-flow", unknown, unknown),
		path("merchant *", "/callbacks/collect/*", "unknown-merchant", "collect", unknown),
		path("merchant >", "/callbacks/collect/>", "unknown-merchant", "collect", unknown),
		path("merchant > escaped", "/callbacks/collect/%3E", "unknown-merchant", "collect", unknown),
		path("tokens", "/callbacks/collect/m1001.00", "unknown-merchant", "collect", unknown),
		path("line breaks", "/callbacks/collect/m1001%0d%0aPUB%20x", "unknown-merchant", "collect", unknown),
		path("5,000 bytes", "/callbacks/collect/"+strings.Repeat("a", 5000), "unknown-merchant", "collect", unknown),
		path("5,000 bytes of flow", "/callbacks/"+strings.Repeat("*", 5000)+"/m1001", "unknown-flow", unknown, "m1001"),
		path("escaped slash", "/callbacks/collect/m1001%2F", "unknown-merchant", "collect", unknown),
		path("escaped slash between", "/callbacks/collect%2Fm1001", "no-such-path", unknown, unknown),
		path("dots", "/callbacks/collect/..", "unknown-merchant", "collect", unknown),
		path("dots to clean", "/callbacks/pay/../collect/m1001", "no-such-path", unknown, unknown),
		path("slashes to clean", "//callbacks/collect/m1001", "no-such-path", unknown, unknown),
		path("empty flow", "/callbacks//m1001", "no-such-path", unknown, unknown),
		path("empty merchant", "/callbacks/collect/", "no-such-path", unknown, unknown),
		path("no merchant", "/callbacks/collect", "no-such-path", unknown, unknown),
		path("trailing slash", "/callbacks/collect/m1001/", "no-such-path", unknown, unknown),
		path("third segment", "/callbacks/collect/m1001/x", "no-such-path", unknown, unknown),
		path("root", "/", "no-such-path", unknown, unknown),
		path("query in place of a path", "/?/callbacks/collect/m1001", "no-such-path", unknown, unknown),
		path("not allowed source", "/callbacks/collect/fenced", "source-not-allowed", "collect", "fenced"),
	}
}

func badRequests(body string) []refused {
	large := strings.Repeat("x", sign.MaxBody+1)
	chunked := "4001\r\n" + large + "\r\n0\r\n\r\n"
	method := func(name string) refused {
		return refused{
			name: "method " + name, request: request{method: name, body: body},
			status: 405, line: "use POST", reason: "method-not-allowed", class: stream.ClassMalformed,
		}
	}
	media := func(media string, headers ...string) refused {
		return refused{
			name: "media type " + media, request: request{media: media, headers: headers, body: body},
			status: 415, line: "send application/json or application/x-www-form-urlencoded",
			reason: "unsupported-media-type", class: stream.ClassMalformed,
		}
	}
	encoded := media("application/json", "Content-Encoding: gzip")
	encoded.name, encoded.reason, encoded.line = "content encoding", "unsupported-encoding", "send the body without Content-Encoding"
	oversize := func(name, body string, headers ...string) refused {
		return refused{
			name: "oversize " + name, request: request{body: body, headers: headers},
			status: 413, line: "the body is larger than 16 KiB", reason: "too-large",
			class: stream.ClassMalformed, evidence: large[:sign.MaxBody],
		}
	}
	return []refused{
		method("GET"), method("PUT"), method("DELETE"), method("OPTIONS"), method("PROPFIND"), method("post"),
		media("text/plain"), media("multipart/form-data; boundary=x"), media("application/jsonp"), encoded,
		oversize("declared", large), oversize("chunked", chunked, "Transfer-Encoding: chunked"),
	}
}

func badBodies(t *testing.T) []refused {
	const wrongNumber = "must be a plain decimal of at most 15 integer and 4 fraction digits, without sign, exponent or leading zero"
	valid := mustSign(t, object("A1"), newSecret)
	bad := func(name, body, reason, line string) refused {
		return refused{
			name: "body " + name, request: request{body: body},
			status: 400, line: "malformed: " + line, reason: reason, class: stream.ClassMalformed,
		}
	}
	replaced := func(old, new string) string {
		return mustSign(t, strings.Replace(object("A1"), old, new, 1), newSecret)
	}
	without := func(field string) string { return replaced(field, "") }
	form := func(body string) refused {
		return refused{
			name: "form repeats a key", request: request{body: body, media: sign.MediaForm},
			status: 400, line: `malformed: field "status" appears more than once`, reason: "form-repeated-key", class: stream.ClassMalformed,
		}
	}
	forged := func(name, body string) refused {
		return refused{
			name: "signature " + name, request: request{body: body},
			status: 401, line: "bad signature", reason: "bad-signature", class: stream.ClassSignature,
		}
	}
	return []refused{
		bad("white space", " ", "not-an-object", "body is not a JSON object"),
		bad("not JSON", "hello", "not-an-object", "body is not a JSON object"),
		bad("list", "["+valid+"]", "not-an-object", "body is not a JSON object"),
		bad("bad UTF-8", strings.Replace(valid, "private", "\xff\xfe", 1), "bad-utf8", "body is not valid UTF-8"),
		bad("two byte order marks", "\ufeff\ufeff"+valid, "not-an-object", "body is not a JSON object"),
		bad("duplicate name", strings.Replace(valid, `"status":1`, `"status":1,"status":2`, 1), "duplicate-name", `field "status" appears more than once`),
		bad("duplicate name in other case", strings.Replace(valid, `"status":1`, `"status":1,"STATUS":2`, 1), "duplicate-name",
			`field "STATUS" appears more than once, in different case`),
		bad("nested object", strings.Replace(valid, `"fee":0`, `"fee":{"a":0}`, 1), "nested-value", `field "fee" holds an object or array; only flat bodies are signed`),
		bad("nested array", strings.Replace(valid, `"fee":0`, `"fee":[0]`, 1), "nested-value", `field "fee" holds an object or array; only flat bodies are signed`),
		bad("trailing data", valid+`{"status":2}`, "trailing-data", "something follows the JSON object"),
		bad("reserved name", strings.Replace(valid, `"fee":0`, `"key":"x"`, 1), "reserved-name", `field "key" is not allowed: the name is reserved for the secret`),
		bad("amount negative", replaced("1000.00", "-1000.00"), "wrong-type", `field "amount" `+wrongNumber),
		bad("amount with exponent", replaced("1000.00", "1e3"), "wrong-type", `field "amount" `+wrongNumber),
		bad("amount as text", replaced("1000.00", `"a lot"`), "wrong-type", `field "amount" `+wrongNumber),
		bad("status 3", replaced(`"status":1`, `"status":3`), "wrong-type", `field "status" must be 0, 1 or 2`),
		bad("status true", replaced(`"status":1`, `"status":true`), "wrong-type", `field "status" must be 0, 1 or 2`),
		bad("reverse as text", replaced(`"reverse":false`, `"reverse":"false"`), "wrong-type", `field "reverse" must be true or false`),
		bad("reverse as number", replaced(`"reverse":false`, `"reverse":0`), "wrong-type", `field "reverse" must be true or false`),
		bad("order id as number", replaced(`"orderId":"A1"`, `"orderId":1`), "wrong-type", `field "orderId" must be a string, not a number`),
		bad("order id with a space", replaced(`"orderId":"A1"`, `"orderId":"A 1"`), "wrong-type",
			`field "orderId" must be 1 to 64 printable ASCII characters without white space or &`),
		bad("no order id", without(`"orderId":"A1",`), "missing-field", `field "orderId" is missing`),
		bad("no platform order id", without(`"platOrderId":"P-A1",`), "missing-field", `field "platOrderId" is missing`),
		bad("no amount", without(`"amount":1000.00,`), "missing-field", `field "amount" is missing`),
		bad("no status", without(`"status":1,`), "missing-field", `field "status" is missing`),
		bad("no sign", object("A1"), "missing-field", `field "sign" is missing`),
		bad("empty sign", withSign(object("A1"), ""), "missing-field", `field "sign" is missing`),
		bad("short sign", withSign(object("A1"), "abc"), "bad-sign-format", `field "sign" must be 32 hex digits`),
		bad("ambiguous remark", mustSign(t, `{"platOrderId":"P","orderId":"A1","amount":10,"status":2,"fee":0,"remark":"x&reverse=false&status=1&t="}`, newSecret),
			"ambiguous", `field "remark" holds & followed by a name and =, so amount, fee, orderId, platOrderId, reverse and status must all be present`),
		bad("ambiguous other field", mustSign(t, strings.TrimSuffix(object("A1"), "}")+`,"t":"&reverse=false"}`, newSecret),
			"ambiguous", `field "t" holds & followed by a name and =, so its signature could belong to another callback`),
		form("orderId=A1&status=1&status=2"),
		forged("of nobody", withSign(object("A1"), strings.Repeat("0", 32))),
		forged("of another merchant's key", mustSign(t, object("A1"), otherSecret)),
		forged("of another amount", strings.Replace(valid, "1000.00", "9000.00", 1)),
		forged("without &key=", withSign(object("A1"), signText("", ""))),
		forged("in a dialect that is closed", withSign(object("A1"),
			signText("amount=1000.00&orderId=A1&platOrderId=P-A1&remark=private words&status=1", newSecret))),
	}
}

// TestBadInput sends every bad input from the outside: a status, one line, one
// count with its reason, one log line without body or secret, and the evidence.
func TestBadInput(t *testing.T) {
	for _, in := range badInput(t) {
		t.Run(in.name, func(t *testing.T) {
			h := newHarness(t, nil)
			h.wantRefusal(h.send(in.request), in.status, in.line)

			if got := h.callbacks(in.flow, in.merchant, "refused", in.reason); got != 1 {
				t.Errorf("settlehook_callbacks_total{%s %s refused %s} = %v, want 1", in.flow, in.merchant, in.reason, got)
			}
			if got := h.quarantined(string(in.class), "kept"); got != 1 {
				t.Errorf("settlehook_quarantine_total{%s kept} = %v, want 1", in.class, got)
			}
			wantKept(t, h.keeper.all(), in)
			wantLogged(t, h, in)
			if stored := h.store.all(); len(stored) != 0 {
				t.Errorf("stored %v", stored)
			}
		})
	}
}

func wantKept(t *testing.T, got []stream.Refused, in refused) {
	t.Helper()
	path := in.target
	if path == "" {
		path = "/callbacks/collect/m1001"
	}
	path, _, _ = strings.Cut(path, "?")
	media := in.media
	if media == "" {
		media = "application/json"
	}
	want := []stream.Refused{{
		Class: in.class, Flow: in.flow, Merchant: in.merchant, Reason: in.reason,
		Path: path[:min(len(path), 200)], Body: []byte(in.kept()), ContentType: media, ReceivedAt: start, Source: "127.0.0.1",
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(stream.Refused{}, "Detail"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if len(got) == 1 && got[0].Detail == "" {
		t.Error("kept without a detail for the operator")
	}
}

// kept is what quarantine holds of the evidence: junk is cut short.
func (in refused) kept() string {
	if in.class == stream.ClassSignature {
		return in.evidence
	}
	return in.evidence[:min(len(in.evidence), 2<<10)]
}

func wantLogged(t *testing.T, h *harness, in refused) {
	t.Helper()
	lines := h.logs.All()
	if len(lines) != 1 || lines[0].Message != "callback refused" || lines[0].Level.String() != "info" {
		t.Fatalf("log %v, want one line at info", lines)
	}
	fields := lines[0].ContextMap()
	for name, want := range map[string]any{
		"reason": in.reason, "merchant": in.merchant, "flow": in.flow, "source": "127.0.0.1",
		"size": int64(len(in.evidence)), "quarantine": "kept", "result": "refused",
	} {
		if fields[name] != want {
			t.Errorf("log field %s = %v, want %v", name, fields[name], want)
		}
	}
	if in.class == stream.ClassSignature && fields["order_id"] != "A1" {
		t.Errorf("log field order_id = %v, want A1", fields["order_id"])
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"private words", oldSecret, newSecret, otherSecret} {
		if strings.Contains(string(encoded), private) {
			t.Errorf("the log line quotes %q: %s", private, encoded)
		}
	}
}

// TestNoCollisionPairPasses posts both callbacks of every pair that shares a
// signature: at most one may be taken, or an attacker could have turned the
// other into it.
func TestNoCollisionPairPasses(t *testing.T) {
	data, err := os.ReadFile("../../pkg/sign/testdata/collisions.json")
	if err != nil {
		t.Fatal(err)
	}
	var pairs map[string]struct {
		A, B      map[string]string
		Signature string `json:"md5_lower"`
	}
	if err := json.Unmarshal(data, &pairs); err != nil {
		t.Fatal(err)
	}
	merchants := mustMerchants(t, strings.Replace(merchantsFile, newSecret, "SANDBOXKEY", 1))
	h := newHarness(t, func(o *receiver.Options) { o.Merchants = merchantsOf(merchants) })
	for name, pair := range pairs {
		taken := 0
		for _, fields := range []map[string]string{pair.A, pair.B} {
			form := url.Values{"sign": {pair.Signature}}
			for field, value := range fields {
				form.Set(field, value)
			}
			if got := h.send(request{media: sign.MediaForm, body: form.Encode()}); got.status == 200 {
				taken++
			}
		}
		if taken > 1 {
			t.Errorf("%s: both callbacks of one signature were taken", name)
		}
	}
	if len(h.store.all()) == 0 {
		t.Error("no genuine callback was taken: the test proves nothing")
	}
}

// TestNothingToKeep refuses what has no body as anything else, and keeps nothing
// of it: probes must not push evidence out of QUARANTINE.
func TestNothingToKeep(t *testing.T) {
	for _, in := range []refused{
		{name: "GET", request: request{method: "GET"}, status: 405, line: "use POST", class: stream.ClassMalformed},
		{name: "POST", status: 400, line: "malformed: body is not a JSON object", class: stream.ClassMalformed},
		{name: "unknown merchant", request: request{target: "/callbacks/collect/m9999"}, status: 404, line: "not found", class: stream.ClassUnknown},
	} {
		t.Run(in.name, func(t *testing.T) {
			h := newHarness(t, nil)
			h.wantRefusal(h.send(in.request), in.status, in.line)
			if kept := h.keeper.all(); len(kept) > 0 || h.quarantined(string(in.class), "kept") != 0 {
				t.Errorf("kept %v", kept)
			}
		})
	}
}

// TestHeadIsRefused needs a look of its own: its answer has no body.
func TestHeadIsRefused(t *testing.T) {
	h := newHarness(t, nil)
	got := h.send(request{method: "HEAD", media: "-"})
	if got.status != 405 || got.header.Get("Allow") != "POST" || got.body != "" {
		t.Errorf("got %d %q Allow %q, want 405 without a body, Allow: POST", got.status, got.body, got.header.Get("Allow"))
	}
}

// TestOptionsOfTheServerIsRefused sends what net/http would answer 200 by
// itself.
func TestOptionsOfTheServerIsRefused(t *testing.T) {
	h := newHarness(t, nil)
	h.wantRefusal(h.send(request{method: "OPTIONS", target: "*", media: "-"}), 404, "not found")
}

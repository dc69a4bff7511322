package receiver_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// dialectCase is a callback as one kind of sender writes and signs it.
type dialectCase struct {
	name     string
	merchant string // m1001
	secret   string // newSecret
	media    string // application/json
	body     string // without its sign
	signed   string // canonical text
	upper    bool
	keyID    string // 2026-11
	dialects []sign.Dialect
}

// dialectCases is every accepted dialect, of one callback.
func dialectCases() []dialectCase {
	const (
		plain  = `{"platOrderId":"P1","orderId":"A1","amount":1000.00,"status":1,"reverse":false,"remark":"","fee":0}`
		quoted = `{"platOrderId":"P1","orderId":"A1","amount":"1000.00","status":"1","reverse":false,"remark":"","fee":"0"}`
		asSent = "amount=1000.00&fee=0&orderId=A1&platOrderId=P1&reverse=false&status=1"
	)
	form := url.Values{
		"platOrderId": {"P1"}, "orderId": {"A1"}, "amount": {"1000.00"}, "status": {"1"}, "reverse": {"false"}, "fee": {"0"},
	}.Encode()
	open := func(c dialectCase) dialectCase {
		c.merchant, c.secret, c.keyID = "open", otherSecret, "k"
		return c
	}
	list := []dialectCase{
		{name: "plain", body: plain, signed: asSent},
		{name: "plain with the old key", body: plain, signed: asSent, secret: oldSecret, keyID: "2026-05"},
		{name: "byte order mark", body: "\ufeff" + plain, signed: asSent},
		{name: "charset", body: plain, signed: asSent, media: "Application/JSON; charset=utf-8"},
		{name: "no media type", body: plain, signed: asSent, media: "-"},
		{name: "form", body: form, signed: asSent, media: sign.MediaForm},
		{name: "form without media type", body: form, signed: asSent, media: "-"},
		{name: "unknown field", body: strings.Replace(plain, "{", `{"utr":"310310600223",`, 1), signed: asSent + "&utr=310310600223"},
		{name: "uppercase hex", body: plain, signed: asSent, upper: true, dialects: []sign.Dialect{sign.DialectUppercaseHex}},
		{
			name: "empty kept", body: plain, dialects: []sign.Dialect{sign.DialectEmptyKept},
			signed: "amount=1000.00&fee=0&orderId=A1&platOrderId=P1&remark=&reverse=false&status=1",
		},
		{
			name: "minimal numbers", body: plain, dialects: []sign.Dialect{sign.DialectNumberMinimal},
			signed: "amount=1000&fee=0&orderId=A1&platOrderId=P1&reverse=false&status=1",
		},
		{
			name: "one decimal", body: plain, dialects: []sign.Dialect{sign.DialectNumberOneDecimal},
			signed: "amount=1000.0&fee=0.0&orderId=A1&platOrderId=P1&reverse=false&status=1",
		},
		{
			name: "two decimals", body: plain, dialects: []sign.Dialect{sign.DialectNumberTwoDecimals},
			signed: "amount=1000.00&fee=0.00&orderId=A1&platOrderId=P1&reverse=false&status=1",
		},
		{name: "quoted numbers", body: quoted, signed: asSent, dialects: []sign.Dialect{sign.DialectQuotedNumber}},
		open(dialectCase{
			name: "zeros dropped", body: plain, dialects: []sign.Dialect{sign.DialectDropZero},
			signed: "amount=1000.00&orderId=A1&platOrderId=P1&status=1",
		}),
		open(dialectCase{
			name: "reverse as 0", body: strings.Replace(plain, "false", "0", 1), dialects: []sign.Dialect{sign.DialectReverseNumeric},
			signed: "amount=1000.00&fee=0&orderId=A1&platOrderId=P1&reverse=0&status=1",
		}),
		open(dialectCase{
			name: "Java double", body: strings.Replace(plain, "1000.00", "1.0E3", 1), dialects: []sign.Dialect{sign.DialectJavaDouble},
			signed: "amount=1.0E3&fee=0&orderId=A1&platOrderId=P1&reverse=false&status=1",
		}),
	}
	for i := range list {
		c := &list[i]
		if c.merchant == "" {
			c.merchant = "m1001"
		}
		if c.secret == "" {
			c.secret = newSecret
		}
		if c.keyID == "" {
			c.keyID = "2026-11"
		}
	}
	return list
}

func (c dialectCase) request() request {
	value := signText(c.signed, c.secret)
	if c.upper {
		value = strings.ToUpper(value)
	}
	body := withSign(c.body, value)
	if !strings.Contains(c.body, "{") {
		body = c.body + "&sign=" + value
	}
	return request{target: "/callbacks/collect/" + c.merchant, media: c.media, body: body}
}

// TestAccepted sends the same callback in every accepted dialect: the answer
// is exactly success, and what is stored is the body as received with its
// meaning.
func TestAccepted(t *testing.T) {
	for _, c := range dialectCases() {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, nil)
			r := c.request()
			h.wantSuccess(h.send(r))

			media := map[string]string{"": "application/json", "-": ""}
			contentType, usual := media[c.media]
			if !usual {
				contentType = c.media
			}
			want := []stream.Accepted{{
				Flow: events.FlowCollect, Merchant: c.merchant,
				Callback: callback.Callback{
					OrderID: "A1", PlatOrderID: "P1", Amount: decimal.MustNew(1000, 0), Status: callback.Success, FeeKnown: true,
				},
				Body: []byte(r.body), ContentType: contentType, ReceivedAt: start,
				KeyID: c.keyID, Dialects: c.dialects, Source: "127.0.0.1",
			}}
			equal := cmp.Comparer(func(a, b decimal.Decimal) bool { return a == b })
			if diff := cmp.Diff(want, h.store.all(), equal, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			if got := h.callbacks("collect", c.merchant, "accepted", "stored"); got != 1 {
				t.Errorf("counted %v accepted, want 1", got)
			}
			if got := h.count("settlehook_callback_keys_total", map[string]string{"merchant": c.merchant, "key_id": c.keyID}); got != 1 {
				t.Errorf("counted %v of key %s, want 1", got, c.keyID)
			}
			for _, d := range sign.Dialects() {
				want := 0.0
				for _, used := range c.dialects {
					if used == d {
						want = 1
					}
				}
				if got := h.count("settlehook_callback_dialects_total", map[string]string{"merchant": c.merchant, "dialect": string(d)}); got != want {
					t.Errorf("counted %v of dialect %s, want %v", got, d, want)
				}
			}
			if got := h.count("settlehook_callback_acceptance_duration_seconds", nil); got != 1 {
				t.Errorf("the histogram holds %v, want 1", got)
			}
		})
	}
}

// TestAcceptedIsLogged holds the one line of an accepted callback.
func TestAcceptedIsLogged(t *testing.T) {
	h := newHarness(t, nil)
	body := mustSign(t, `{"platOrderId":"P1","orderId":"A1","amount":"1000.50","status":2,"reverse":true,"remark":"private words"}`, oldSecret)
	h.wantSuccess(h.send(request{target: "/callbacks/pay/m1001?merchant=x;y&amp=", body: body}))
	lines := h.logs.All()
	if len(lines) != 1 {
		t.Fatalf("log %v, want one line", lines)
	}
	want := map[string]any{
		"result": "stored", "merchant": "m1001", "flow": "pay", "order_id": "A1", "plat_order_id": "P1",
		"status": "failed", "reverse": true, "amount": "1000.5", "fingerprint": "s2-r1-1000.5", "key_id": "2026-05",
		"dialects": []any{"quoted-number"}, "stream_sequence": uint64(1), "duplicate": false,
		"source": "127.0.0.1", "size": int64(len(body)), "duration": lines[0].ContextMap()["duration"],
	}
	if diff := cmp.Diff(want, lines[0].ContextMap()); diff != "" {
		t.Errorf("log line (-want +got):\n%s", diff)
	}
}

// TestMerchantsAreReadForEachRequest changes the merchants between two.
func TestMerchantsAreReadForEachRequest(t *testing.T) {
	var current atomic.Pointer[config.Merchants]
	current.Store(mustMerchants(t, merchantsFile))
	h := newHarness(t, func(o *receiver.Options) { o.Merchants = current.Load })
	body := mustSign(t, object("A1"), newSecret)
	h.wantSuccess(h.send(request{body: body}))
	current.Store(mustMerchants(t, strings.ReplaceAll(merchantsFile, "m1001", "m2002")))
	h.wantRefusal(h.send(request{body: body}), http.StatusNotFound, "not found")
	h.wantSuccess(h.send(request{target: "/callbacks/collect/m2002", body: body}))
}

package receiver_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/receiver"
)

var loopback = config.Networks{netip.MustParsePrefix("127.0.0.0/8")}

func from(source string) []string { return []string{"X-Forwarded-For: " + source} }

// TestSourceLimit: one source is over its limit, whatever it asks for, and
// nobody else is.
func TestSourceLimit(t *testing.T) {
	h := newHarness(t, func(o *receiver.Options) {
		o.HTTP.SourceRate, o.HTTP.SourceBurst, o.HTTP.TrustedProxies = 1, 2, loopback
	})
	body := mustSign(t, object("A1"), newSecret)
	h.wantSuccess(h.send(request{body: body, headers: from("198.51.100.1")}))
	h.wantRefusal(h.send(request{body: "junk", headers: from("198.51.100.1")}), http.StatusBadRequest, "malformed: body is not a JSON object")
	h.wantRefusal(h.send(request{body: body, headers: from("198.51.100.1")}), http.StatusTooManyRequests, "too many requests; try again later")
	h.wantSuccess(h.send(request{body: body, headers: from("198.51.100.2")}))
	h.clock.advance(time.Second)
	h.wantSuccess(h.send(request{body: body, headers: from("198.51.100.1")}))
	if got := h.callbacks("collect", "m1001", "limited", "source-limit"); got != 1 {
		t.Errorf("counted %v over the source limit, want 1", got)
	}
	if kept := h.keeper.all(); len(kept) != 1 {
		t.Errorf("kept %v, want the malformed one only", kept)
	}
}

// TestSourceLimitByNetwork: whoever has one address of an IPv6 /64 has all.
func TestSourceLimitByNetwork(t *testing.T) {
	h := newHarness(t, func(o *receiver.Options) {
		o.HTTP.SourceRate, o.HTTP.SourceBurst, o.HTTP.TrustedProxies = 1, 1, loopback
	})
	body := mustSign(t, object("A1"), newSecret)
	h.wantSuccess(h.send(request{body: body, headers: from("2001:db8::1")}))
	h.wantRefusal(h.send(request{body: body, headers: from("2001:db8::2")}), http.StatusTooManyRequests, "too many requests; try again later")
	h.wantSuccess(h.send(request{body: body, headers: from("2001:db8:0:1::1")}))
}

// TestMerchantLimit: verified callbacks count, forged ones do not, or anybody
// could use up a merchant's share.
func TestMerchantLimit(t *testing.T) {
	h := newHarness(t, func(o *receiver.Options) { o.HTTP.MerchantRate, o.HTTP.MerchantBurst = 1, 2 })
	genuine := request{body: mustSign(t, object("A1"), newSecret)}
	for range 5 {
		h.wantRefusal(h.send(request{body: withSign(object("A1"), strings.Repeat("0", 32))}), http.StatusUnauthorized, "bad signature")
	}
	h.wantSuccess(h.send(genuine))
	h.wantSuccess(h.send(genuine))
	h.wantRefusal(h.send(genuine), http.StatusTooManyRequests, "too many callbacks; try again later")
	h.wantSuccess(h.send(request{target: "/callbacks/pay/open", body: mustSign(t, object("A1"), otherSecret)}))
	h.clock.advance(time.Second)
	h.wantSuccess(h.send(genuine))
	if got := h.callbacks("collect", "m1001", "limited", "merchant-limit"); got != 1 {
		t.Errorf("counted %v over the merchant limit, want 1", got)
	}
}

// TestAllowFrom: a merchant's callbacks come from its networks only. Who the
// sender is says the trusted proxy, and nobody else.
func TestAllowFrom(t *testing.T) {
	genuine := request{target: "/callbacks/collect/fenced", body: mustSign(t, object("A1"), otherSecret)}
	with := func(headers ...string) request {
		r := genuine
		r.headers = headers
		return r
	}
	t.Run("behind a proxy", func(t *testing.T) {
		h := newHarness(t, func(o *receiver.Options) { o.HTTP.TrustedProxies = loopback })
		h.wantSuccess(h.send(with(from("203.0.113.9")...)))
		h.wantSuccess(h.send(with(from("198.51.100.1, 203.0.113.9")...)))
		h.wantRefusal(h.send(with(from("203.0.113.9, 198.51.100.1")...)), http.StatusNotFound, "not found")
		h.wantRefusal(h.send(genuine), http.StatusNotFound, "not found")
	})
	t.Run("other headers", func(t *testing.T) {
		h := newHarness(t, func(o *receiver.Options) { o.HTTP.TrustedProxies = loopback })
		for _, header := range []string{
			"Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9", "True-Client-IP: 203.0.113.9", "CF-Connecting-IP: 203.0.113.9",
			"X-Client-IP: 203.0.113.9", "X-Forwarded-For-: 203.0.113.9", "X_Forwarded_For: 203.0.113.9", "X-Original-Forwarded-For: 203.0.113.9",
		} {
			h.wantRefusal(h.send(with(append(from("198.51.100.1"), header)...)), http.StatusNotFound, "not found")
			h.wantRefusal(h.send(with(header)), http.StatusNotFound, "not found")
		}
	})
	t.Run("without a proxy", func(t *testing.T) {
		h := newHarness(t, nil)
		h.wantRefusal(h.send(with(from("203.0.113.9")...)), http.StatusNotFound, "not found")
	})
}

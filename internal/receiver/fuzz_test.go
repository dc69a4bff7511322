package receiver

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// FuzzRoute holds that whatever the path, flow and merchant are configured or
// unknown, and known only by the documented path.
func FuzzRoute(f *testing.F) {
	for _, target := range []string{
		"/callbacks/collect/m1", "/callbacks/pay/m1?x=1", "/callbacks/collect/%6d1", "/callbacks/collect%2Fm1", "*",
		"//callbacks/collect/m1", "/callbacks/*/>", "/callbacks/collect/m1/", "/callbacks/collect/../collect/m1", "http://x/callbacks/pay/m1",
	} {
		f.Add(target)
	}
	set, err := config.ParseMerchants("merchants.yaml", []byte(
		"merchants: [{id: m1, currency: INR, region: none, gateway: 'https://gateway.example', rate: 1, keys: [{id: k, secret: s3cr3t}]}]"), nil)
	if err != nil {
		f.Fatal(err)
	}
	h := &Handler{opts: Options{Merchants: func() *config.Merchants { return set }}}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // never reaches a handler
		}
		x := &exchange{h: h, r: &http.Request{URL: u, Method: http.MethodPost}, flow: stream.Unknown, merchant: stream.Unknown}
		refused := x.route()
		if refused == nil {
			refused = x.requireKnown()
		}
		if !slices.Contains([]string{"collect", "pay", stream.Unknown}, x.flow) || !slices.Contains([]string{"m1", stream.Unknown}, x.merchant) {
			t.Errorf("%q: flow %q, merchant %q", target, x.flow, x.merchant)
		}
		path, _, _ := strings.Cut(target, "?")
		documented := strings.HasSuffix(path, "/callbacks/collect/m1") || strings.HasSuffix(path, "/callbacks/pay/m1")
		if refused == nil && !documented {
			t.Errorf("%q: taken for %s of %s", target, x.flow, x.merchant)
		}
	})
}

// FuzzForwarded holds that an untrusted peer can't choose its source, and that
// a trusted one is followed to an address or not at all.
func FuzzForwarded(f *testing.F) {
	for _, header := range []string{"", "203.0.113.9", "203.0.113.9, 10.0.0.2", "[2001:db8::9]:1, unknown", ",,,", "::ffff:10.0.0.1", "fe80::1%eth0"} {
		f.Add(header)
	}
	proxies := config.Networks{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{RemoteAddr: "198.51.100.1:1", Header: http.Header{"X-Forwarded-For": {header}}}
		if got := sourceOf(r, proxies).String(); got != "198.51.100.1" {
			t.Errorf("%q moved an untrusted peer to %s", header, got)
		}
		r.RemoteAddr = "10.0.0.1:1"
		if got := sourceOf(r, proxies); !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q: source %s", header, got)
		}
	})
}

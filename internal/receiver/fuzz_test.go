package receiver

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
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

// FuzzForwardedChain holds sourceOf against a second implementation: the list
// of all headers is cut from its end while what stands there is a proxy.
func FuzzForwardedChain(f *testing.F) {
	for _, seed := range [][3]string{
		{"10.0.0.1:1", "203.0.113.9", ""},
		{"10.0.0.1:1", "192.0.2.7, 203.0.113.9", "10.0.0.2"},
		{"10.0.0.1:1", "203.0.113.9", "unknown"},
		{"[::ffff:10.0.0.1]:1", "[2001:db8::9]:1", "[2001:db8:1::1]"},
		{"198.51.100.1:1", "10.0.0.1", ""},
		{"@", "10.0.0.1", ""},
		{"10.0.0.1:1", "203.0.113.9,", ""},
		{"10.0.0.1:1", "::ffff:10.0.0.2", "[10.0.0.2]"},
		{"[fe80::1%eth0]:1", "fe80::1%25eth0", "for=203.0.113.9"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	proxies := config.Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {first, second}}}
		if got, want := sourceOf(r, proxies), naiveSource(peer, first+","+second, proxies); got != want {
			t.Errorf("from %q with %q and %q: source %v, a second implementation says %v", peer, first, second, got, want)
		}
	})
}

func naiveSource(peer, list string, proxies config.Networks) netip.Addr {
	port, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Addr{}
	}
	chain := []netip.Addr{port.Addr()}
	entries := strings.Split(list, ",")
	slices.Reverse(entries)
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		addr, err := netip.ParseAddr(entry)
		if err != nil {
			var withPort netip.AddrPort
			withPort, err = netip.ParseAddrPort(entry)
			addr = withPort.Addr()
		}
		if err != nil && strings.HasPrefix(entry, "[") {
			withPort, withErr := netip.ParseAddrPort(entry + ":1") // in brackets
			addr, err = withPort.Addr(), withErr
		}
		if err != nil {
			break
		}
		chain = append(chain, addr)
	}
	for i, addr := range chain {
		chain[i] = addr.Unmap().WithZone("")
		if !proxies.Contains(chain[i]) {
			return chain[i]
		}
	}
	return chain[len(chain)-1]
}

// FuzzRequest posts anything. Only what the merchant's key signs is stored, and
// whatever is refused is refused in one line with a status of ours.
func FuzzRequest(f *testing.F) {
	const signed = `{"orderId":"o","platOrderId":"p","amount":1,"status":1,"sign":"`
	sum := md5.Sum([]byte("amount=1&orderId=o&platOrderId=p&status=1&key=s3cr3t"))
	genuine := signed + hex.EncodeToString(sum[:]) + `"}`
	for _, seed := range [][4]string{
		{"/callbacks/collect/m1", "application/json", "", genuine},
		{"/callbacks/pay/m1", "text/json;charset=utf-8", "gzip", genuine},
		{"/callbacks/collect/m1", "application/x-www-form-urlencoded", "", "orderId=o&platOrderId=p&amount=1&status=1&sign=" + hex.EncodeToString(sum[:])},
		{"/callbacks/collect/m2", "", "", signed},
		{"/callbacks/collect/m1", "multipart/form-data; boundary=x", "identity", "\xef\xbb\xbf" + genuine},
		{"*", "a/b", "", ""},
		{"/callbacks/collect/m1", "application/json", "", signed + strings.Repeat("0", 32) + `"}`},
	} {
		f.Add(seed[0], seed[1], seed[2], []byte(seed[3]))
	}
	set, err := config.ParseMerchants("merchants.yaml", []byte(
		"merchants: [{id: m1, currency: INR, region: none, gateway: 'https://gateway.example', rate: 1, keys: [{id: k, secret: s3cr3t}]}]"), nil)
	if err != nil {
		f.Fatal(err)
	}
	m1, _ := set.Get("m1")
	box := &strongbox{}
	h, err := New(Options{
		HTTP: config.HTTP{MaxInFlight: 1, MaxReading: 1, MaxReadingPerSource: 1}, PublishTimeout: time.Second, Store: box, Keeper: box,
		Merchants: func() *config.Merchants { return set }, Clock: time.Now, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target, media, encoding string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // never reaches a handler
		}
		r := &http.Request{
			Method: http.MethodPost, URL: u, RemoteAddr: "198.51.100.1:1", Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {media}, "Content-Encoding": {encoding}},
		}
		*box = strongbox{}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		p, err := sign.Parse(media, body)
		if err == nil {
			_, err = m1.Keyring.VerifyCallback(p, m1.Policy)
		}
		switch {
		case w.Code == http.StatusOK:
			if err != nil || box.stored != 1 || w.Body.String() != "success" {
				t.Errorf("accepted with %v, stored %d times, answered %q", err, box.stored, w.Body)
			}
		case box.stored != 0 || box.kept != 1 || w.Code < 400 || w.Code >= 500:
			t.Errorf("status %d, stored %d times, kept %d times", w.Code, box.stored, box.kept)
		case strings.Count(w.Body.String(), "\n") != 1 || !strings.HasSuffix(w.Body.String(), "\n") || w.Body.Len() > 400:
			t.Errorf("status %d in %q, want one line", w.Code, w.Body)
		}
	})
}

// strongbox counts what it is given.
type strongbox struct{ stored, kept int }

func (s *strongbox) Store(context.Context, stream.Accepted) (stream.Receipt, error) {
	s.stored++
	return stream.Receipt{}, nil
}

func (s *strongbox) Keep(context.Context, stream.Refused) error {
	s.kept++
	return nil
}

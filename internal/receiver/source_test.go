package receiver

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/config"
)

func TestSourceOf(t *testing.T) {
	proxies := config.Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "198.51.100.1:1234", nil, "198.51.100.1"},
		{"claimed by an untrusted peer", "198.51.100.1:1234", []string{"203.0.113.9"}, "198.51.100.1"},
		{"one proxy", "10.0.0.1:1234", []string{"203.0.113.9"}, "203.0.113.9"},
		{"proxy that is silent", "10.0.0.1:1234", nil, "10.0.0.1"},
		{"two proxies", "10.0.0.1:1234", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"two proxies in two headers", "10.0.0.1:1234", []string{"203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"forged in front", "10.0.0.1:1234", []string{"192.0.2.7, 203.0.113.9"}, "203.0.113.9"},
		{"forged as a proxy in front", "10.0.0.1:1234", []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		{"forged in a header of its own", "10.0.0.1:1234", []string{"192.0.2.7", "203.0.113.9"}, "203.0.113.9"},
		{"proxies only", "10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"garbage", "10.0.0.1:1234", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"garbage behind a proxy", "10.0.0.1:1234", []string{"203.0.113.9, _x, 10.0.0.2"}, "10.0.0.2"},
		{"empty", "10.0.0.1:1234", []string{""}, "10.0.0.1"},
		{"with a port", "10.0.0.1:1234", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"IPv6 with a port", "10.0.0.1:1234", []string{"[2001:db8::9]:4711"}, "2001:db8::9"},
		{"IPv6 proxy", "[2001:db8:1::1]:1234", []string{"2001:db8::9"}, "2001:db8::9"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1234", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"IPv4 in IPv6 with a port", "10.0.0.1:1234", []string{"[::ffff:203.0.113.9]:4711"}, "203.0.113.9"},
		{"forged as a proxy over IPv6", "10.0.0.1:1234", []string{"::ffff:10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		{"in brackets", "10.0.0.1:1234", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"IPv4 in brackets", "10.0.0.1:1234", []string{"[203.0.113.9]"}, "10.0.0.1"},
		{"zone", "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"proxy with a zone", "10.0.0.1:1234", []string{"203.0.113.9, 2001:db8:1::1%eth0"}, "203.0.113.9"},
		{"leading zeros", "10.0.0.1:1234", []string{"203.0.113.9, 010.0.0.2"}, "10.0.0.1"},
		{"comma at the end", "10.0.0.1:1234", []string{"203.0.113.9,"}, "10.0.0.1"},
		{"form of Forwarded", "10.0.0.1:1234", []string{"for=203.0.113.9"}, "10.0.0.1"},
		{"as a number", "10.0.0.1:1234", []string{"203.0.113.9, 167772162"}, "10.0.0.1"},
		{"spaces and tabs", "10.0.0.1:1234", []string{"192.0.2.7,\t 203.0.113.9 \t"}, "203.0.113.9"},
		{"many forged headers", "10.0.0.1:1234", []string{"203.0.113.9", "203.0.113.9", "10.0.0.1", "198.51.100.1, 10.0.0.3", "10.0.0.2"}, "198.51.100.1"},
		{"Unix socket", "@", []string{"203.0.113.9"}, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			if got := sourceName(sourceOf(r, proxies)); got != c.want {
				t.Errorf("source %s, want %s", got, c.want)
			}
		})
	}
}

// TestLimitersAreBounded: past the bound the quietest key is forgotten.
func TestLimitersAreBounded(t *testing.T) {
	l := newLimiters[string](1, 1, 2)
	now := time.Unix(0, 0)
	for _, step := range []struct {
		key  string
		want bool
	}{
		{"a", true},
		{"b", true},
		{"a", false}, // a is now the one used last
		{"c", true},  // b is forgotten
		{"a", false},
		{"b", true}, // as if new; c is forgotten
		{"a", false},
	} {
		if got := l.allow(step.key, now); got != step.want {
			t.Errorf("allow %s = %t, want %t", step.key, got, step.want)
		}
		if len(l.byKey) > 2 || l.recent.Len() != len(l.byKey) {
			t.Errorf("holds %d and %d buckets, want at most 2", len(l.byKey), l.recent.Len())
		}
	}
	unlimited := newLimiters[string](0, 0, 2)
	for range 100 {
		if !unlimited.allow("a", now) {
			t.Fatal("refused without a limit")
		}
	}
}

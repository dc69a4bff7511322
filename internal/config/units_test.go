package config_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/config"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"45d":    45 * day,
		"1d12h":  36 * time.Hour,
		"0d":     0,
		"0s":     0,
		"250ms":  250 * time.Millisecond,
		"1h30m":  90 * time.Minute,
		"18250d": 18250 * day,
	} {
		if got, err := config.ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "45", "-1s", "-1d", "1d-1h", "1.5d", "1h1d", "45 d", "18251d", "18250d1s", "99999d", "438001h", "d1h", "1dd"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]config.Bytes{
		"0": 0, "512": 512, "1KiB": 1 << 10, "256MiB": 256 << 20, "4GiB": 4 << 30, "2TiB": 2 << 40,
	} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q = %d, %v, want %d", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%q is written %q", text, got)
		}
	}
	for _, text := range []string{"", "-1", "1GB", "1 GiB", "1.5GiB", "GiB", "9000000TiB", "1kib"} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q = %d, want an error", text, got)
		}
	}
}

func TestNetworks(t *testing.T) {
	var got config.Networks
	if err := got.UnmarshalText([]byte("10.0.0.0/8, 203.0.113.7,2001:db8::/32,::ffff:192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	want := []string{"10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32", "192.0.2.1/32"}
	var texts []string
	for _, prefix := range got {
		texts = append(texts, prefix.String())
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for addr, in := range map[string]bool{
		"10.255.0.1": true, "::ffff:10.0.0.1": true, "203.0.113.7": true, "203.0.113.8": false, "2001:db8::1": true, "2001:db9::1": false,
	} {
		if got.Contains(netip.MustParseAddr(addr)) != in {
			t.Errorf("Contains(%s) = %v", addr, !in)
		}
	}
	for text, want := range map[string]string{
		"10.1.2.3/8":         `"10.1.2.3/8" has bits set behind the prefix length; write 10.0.0.0/8 for the range or 10.1.2.3 for the one address`,
		"proxy":              `"proxy" is not an address range; write it like 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7`,
		"10.0.0.0/8,":        `"" is not an address range; write it like 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7`,
		"fe80::1%eth0":       `"fe80::1%eth0" is not an address range; write it like 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7`,
		"::ffff:10.0.0.0/96": `"::ffff:10.0.0.0/96" is not an address range; write it like 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7`,
	} {
		var n config.Networks
		if err := n.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

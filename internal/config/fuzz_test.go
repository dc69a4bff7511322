package config_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/config"
)

// FuzzNetworks: what is accepted as address ranges is in one spelling, and
// means what it says.
func FuzzNetworks(f *testing.F) {
	for _, seed := range []string{
		"10.0.0.0/8", "203.0.113.7, 2001:db8::/32", "::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "fe80::1%eth0", "0.0.0.0/0", "::/0", "10.1/16", "010.0.0.1", ",", "1.2.3.4/33",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var list config.Networks
		if err := list.UnmarshalText([]byte(text)); err != nil {
			if line := err.Error(); line == "" || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%q is told in %q", text, line)
			}
			return
		}
		if len(list) != strings.Count(text, ",")+1 {
			t.Errorf("%q has %d ranges", text, len(list))
		}
		for _, prefix := range list {
			if !prefix.IsValid() || prefix != prefix.Masked() || prefix.Addr().Zone() != "" || prefix.Addr().Is4In6() {
				t.Errorf("%q holds %s", text, prefix)
			}
			if !list.Contains(prefix.Addr()) {
				t.Errorf("%q does not hold its own %s", text, prefix.Addr())
			}
			if a := prefix.Addr(); a.Is4() && !list.Contains(netip.AddrFrom16(a.As16())) {
				t.Errorf("%q does not hold %s as it comes over IPv6", text, a)
			}
		}
	})
}

// FuzzURLs: a NATS or Redis URL that is accepted shows nothing of its password,
// and one that is refused is not quoted.
func FuzzURLs(f *testing.F) {
	for _, seed := range []string{
		"nats://@a:4222,tls://b", "redis://user:@redis:6379/0", "redis-sentinel://:@a,b/m/1?sentinel_password=x", "rediss-cluster://u:@[::1]:7000", "redis://@@h", "nats://u:%@h", "redis://h?x=",
	} {
		f.Add(seed)
	}
	// Of characters that are in no word of ours.
	const password = "Zq7Zq7Zq7"
	f.Fuzz(func(t *testing.T, seed string) {
		text := strings.ReplaceAll(seed, "@", ":"+password+"@")
		if strings.Contains(seed, "q7") {
			return
		}
		var nats config.NATSURL
		if err := nats.UnmarshalText([]byte(text)); err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("%q: refused with %v", text, err)
		} else if err == nil && nats.Reveal() != text {
			t.Errorf("%q is kept as %q", text, nats.Reveal())
		}
		var redis config.RedisURL
		if err := redis.UnmarshalText([]byte(text)); err != nil {
			if strings.Contains(err.Error(), password) {
				t.Errorf("%q: refused with %v", text, err)
			}
			return
		}
		target := redis.Target()
		if len(target.Addrs) == 0 || target.DB < 0 || target.Mode == config.RedisSentinel && target.Master == "" {
			t.Errorf("%q: unfit for use: %+v", text, target)
		}
		if target.Password != "" && strings.Contains(string(target.Password), password) && strings.Contains(redis.String(), password) {
			t.Errorf("%q is shown as %s", text, redis)
		}
	})
}

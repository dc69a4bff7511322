package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseDuration reads a duration as time.ParseDuration does, and also days in
// front ("45d", "1d12h"): retention is planned in days. A day is 24 hours.
// Negative durations are refused, since no setting has a use for one, and those
// over fifty years, so that sums of a few cannot overflow.
func ParseDuration(s string) (time.Duration, error) {
	var total time.Duration
	n, rest, hasDays := strings.Cut(s, "d")
	if hasDays {
		days, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, errDuration
		}
		total = time.Duration(days) * day
	} else {
		rest = s
	}
	if rest != "" || !hasDays {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || d > longestDuration {
			return 0, errDuration
		}
		total += d
	}
	if total > longestDuration {
		return 0, errDuration
	}
	return total, nil
}

const longestDuration = 50 * 365 * day

var errDuration = errors.New(`is not a duration; write it like "250ms", "30s", "1h30m" or "45d"`)

// formatDuration writes a duration as ParseDuration reads it, whole days as
// days and without the zero units of time.Duration.String.
func formatDuration(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Bytes is a size in bytes, written "512MiB", "4GiB" or as a plain number.
type Bytes int64

var byteUnits = []struct {
	suffix string
	factor int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

// UnmarshalText reads a size.
func (b *Bytes) UnmarshalText(text []byte) error {
	digits, factor := string(text), int64(1)
	for _, unit := range byteUnits {
		if n, ok := strings.CutSuffix(digits, unit.suffix); ok {
			digits, factor = n, unit.factor
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return errors.New(`is not a size; write it like "512MiB" or "4GiB" (KiB, MiB, GiB, TiB, or plain bytes)`)
	}
	*b = Bytes(n * factor)
	return nil
}

// String writes the size with the largest unit that divides it.
func (b Bytes) String() string {
	for i := len(byteUnits) - 1; i >= 0; i-- {
		if unit := byteUnits[i]; b != 0 && int64(b)%unit.factor == 0 {
			return strconv.FormatInt(int64(b)/unit.factor, 10) + unit.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Networks is a list of address ranges: CIDRs, or single addresses, separated
// by commas.
type Networks []netip.Prefix

// UnmarshalText reads the list.
func (n *Networks) UnmarshalText(text []byte) error {
	var list Networks
	for part := range strings.SplitSeq(string(text), ",") {
		prefix, err := parseNetwork(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		list = append(list, prefix)
	}
	*n = list
	return nil
}

// Contains reports whether an address lies in one of the ranges. IPv4 inside
// IPv6 counts as IPv4, since that is how a dual-stack listener shows it.
func (n Networks) Contains(addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, prefix := range n {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// parseNetwork reads one CIDR or address. Host bits are refused: whoever
// wrote 10.1.2.3/8 meant either one address or the range, and only they know.
func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is not an address range; write it like 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7", s)
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, fmt.Errorf("%q has bits set behind the prefix length; write %s for the range or %s for the one address", s, masked, prefix.Addr())
	}
	return prefix, nil
}

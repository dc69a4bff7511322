package receiver

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/settlehook/settlehook/internal/config"
)

// sourceOf is the address a request comes from: the peer, unless that is a
// trusted proxy. Then it is the last address in X-Forwarded-For that is not a
// trusted proxy: what stands left of it was written by the sender. An entry
// that is no address ends the search at the proxy that wrote it down. The
// address is invalid where the peer has none (a Unix socket).
func sourceOf(r *http.Request, trusted config.Networks) netip.Addr {
	hop, ok := peerOf(r)
	if !ok {
		return netip.Addr{}
	}
	forwarded := r.Header["X-Forwarded-For"]
	for i := len(forwarded) - 1; i >= 0; i-- {
		for list, more := forwarded[i], true; more; {
			if !trusted.Contains(hop) {
				return hop
			}
			var last string
			list, last, more = cutLast(list)
			before, ok := parseHop(strings.TrimSpace(last))
			if !ok {
				return hop
			}
			hop = before
		}
	}
	return hop
}

// peerOf is the address at the other end of the connection, if it has one.
func peerOf(r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(peer.Addr()), true
}

// cutLast cuts a list at its last comma.
func cutLast(list string) (before, last string, more bool) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		return list[:i], list[i+1:], true
	}
	return "", list, false
}

// parseHop reads an entry of X-Forwarded-For: an address, or, as some proxies
// write it, one in brackets or with its port.
func parseHop(s string) (netip.Addr, bool) {
	if inside, ok := strings.CutPrefix(s, "["); ok {
		if inside, ok = strings.CutSuffix(inside, "]"); ok {
			addr, err := netip.ParseAddr(inside)
			return plain(addr), err == nil && addr.Is6()
		}
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return plain(addr), true
	}
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return plain(withPort.Addr()), true
	}
	return netip.Addr{}, false
}

// plain writes one address one way: IPv4 inside IPv6 as IPv4, no zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// sourceName is the address for people.
func sourceName(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unknown"
	}
	return addr.String()
}

// sourceKey is what a source is limited by: an IPv4 address, or an IPv6 /64,
// since whoever has one address of a /64 has all of them.
type sourceKey netip.Addr

func keyOf(addr netip.Addr) sourceKey {
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return sourceKey(network.Addr())
		}
	}
	return sourceKey(addr)
}

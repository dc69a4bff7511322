package config

import (
	"math"
	"strconv"
	"time"
)

// HTTP is the receiver's listener for callbacks, and its own limits.
type HTTP struct {
	// Address callbacks are received on.
	Addr string `env:"HTTP_ADDR" envDefault:":8080"`
	// Longest the request line and headers may take to arrive.
	ReadHeaderTimeout time.Duration `env:"HTTP_READ_HEADER_TIMEOUT" envDefault:"5s"`
	// Longest the whole request, body included, may take to arrive.
	ReadTimeout time.Duration `env:"HTTP_READ_TIMEOUT" envDefault:"10s"`
	// Longest from the end of the headers to the end of the answer. Must
	// exceed HTTP_READ_TIMEOUT + NATS_PUBLISH_TIMEOUT, or the answer to a
	// stored callback could be cut off.
	WriteTimeout time.Duration `env:"HTTP_WRITE_TIMEOUT" envDefault:"20s"`
	// Longest a kept-alive connection may stay idle.
	IdleTimeout time.Duration `env:"HTTP_IDLE_TIMEOUT" envDefault:"75s"`
	// Most connections at once; further ones wait to be accepted.
	MaxConnections int `env:"HTTP_MAX_CONNECTIONS" envDefault:"4096"`
	// Requests per second from one source address, counted before the
	// signature is verified; 0 for no limit. A gateway pushes everything from
	// a few addresses, so keep it well above its peak.
	SourceRate float64 `env:"HTTP_SOURCE_RATE" envDefault:"2000"`
	// Requests from one source that may come at once, above the rate.
	SourceBurst int `env:"HTTP_SOURCE_BURST" envDefault:"4000"`
	// Verified callbacks per second of one merchant; 0 for no limit. What is
	// over it gets 429, and the gateway gives up after eight pushes.
	MerchantRate float64 `env:"HTTP_MERCHANT_RATE" envDefault:"1000"`
	// Verified callbacks of one merchant that may come at once, above the
	// rate.
	MerchantBurst int `env:"HTTP_MERCHANT_BURST" envDefault:"2000"`
	// Proxies in front of the receiver, as CIDRs or addresses. Only a request
	// from one of them has its X-Forwarded-For believed (its last address
	// that is not a trusted proxy is the source). Empty: none is.
	TrustedProxies Networks `env:"HTTP_TRUSTED_PROXIES"`
}

func (h *HTTP) check(fs *faults) {
	address(fs, "HTTP_ADDR", h.Addr)
	positive(fs, "HTTP_READ_HEADER_TIMEOUT", h.ReadHeaderTimeout)
	positive(fs, "HTTP_READ_TIMEOUT", h.ReadTimeout)
	positive(fs, "HTTP_WRITE_TIMEOUT", h.WriteTimeout)
	positive(fs, "HTTP_IDLE_TIMEOUT", h.IdleTimeout)
	if h.ReadHeaderTimeout > h.ReadTimeout {
		fs.add(named("HTTP_READ_HEADER_TIMEOUT", formatDuration(h.ReadHeaderTimeout)),
			"exceeds HTTP_READ_TIMEOUT (%s), which covers the headers too; lower it", formatDuration(h.ReadTimeout))
	}
	fromOne(fs, "HTTP_MAX_CONNECTIONS", h.MaxConnections, 1_000_000)
	limit(fs, "HTTP_SOURCE_RATE", h.SourceRate, "HTTP_SOURCE_BURST", h.SourceBurst)
	limit(fs, "HTTP_MERCHANT_RATE", h.MerchantRate, "HTTP_MERCHANT_BURST", h.MerchantBurst)
}

// limit checks a token bucket. A rate of zero turns it off; a burst of zero
// with a rate would refuse everything.
func limit(fs *faults, rateName string, rate float64, burstName string, burst int) {
	if math.IsNaN(rate) || math.IsInf(rate, 0) || rate < 0 {
		fs.add(named(rateName, strconv.FormatFloat(rate, 'g', -1, 64)), "must be 0 (no limit) or a number of requests per second")
		return
	}
	if rate > 0 {
		fromOne(fs, burstName, burst, 1_000_000)
	}
}

// Quarantine limits what the receiver writes to QUARANTINE, the evidence of
// refused callbacks. Each class has a budget of its own, so that junk cannot
// crowd out the evidence of a wrong key; what is over a budget is still
// refused and counted, but not kept. How much is kept in all is set by
// QUARANTINE_MAX_PER_SUBJECT and QUARANTINE_MAX_BYTES.
type Quarantine struct {
	// Bodies per second kept of one merchant whose signature is wrong; 0 for
	// no limit.
	SignatureRate float64 `env:"QUARANTINE_SIGNATURE_RATE" envDefault:"50"`
	// Bodies with a wrong signature kept at once, above the rate.
	SignatureBurst int `env:"QUARANTINE_SIGNATURE_BURST" envDefault:"500"`
	// Malformed bodies per second kept, all merchants together; 0 for no
	// limit.
	MalformedRate float64 `env:"QUARANTINE_MALFORMED_RATE" envDefault:"5"`
	// Malformed bodies kept at once, above the rate.
	MalformedBurst int `env:"QUARANTINE_MALFORMED_BURST" envDefault:"100"`
	// Bodies per second kept that came for an unknown merchant or flow; 0 for
	// no limit.
	UnknownRate float64 `env:"QUARANTINE_UNKNOWN_RATE" envDefault:"5"`
	// Bodies for an unknown merchant or flow kept at once, above the rate.
	UnknownBurst int `env:"QUARANTINE_UNKNOWN_BURST" envDefault:"100"`
}

func (q *Quarantine) check(fs *faults) {
	limit(fs, "QUARANTINE_SIGNATURE_RATE", q.SignatureRate, "QUARANTINE_SIGNATURE_BURST", q.SignatureBurst)
	limit(fs, "QUARANTINE_MALFORMED_RATE", q.MalformedRate, "QUARANTINE_MALFORMED_BURST", q.MalformedBurst)
	limit(fs, "QUARANTINE_UNKNOWN_RATE", q.UnknownRate, "QUARANTINE_UNKNOWN_BURST", q.UnknownBurst)
}

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
	// How long a receiver that is told to stop goes on receiving, no longer
	// ready, so that nobody is refused: load balancers learn meanwhile that it
	// is leaving, and every answer closes its connection, so that whoever
	// pushes over it goes to another receiver. It takes as long with nothing
	// to do. 0: not at all; nor does settlehook up, which has no other receiver.
	Linger time.Duration `env:"HTTP_LINGER" envDefault:"5s"`
	// Most connections at once. With the bounds below it keeps the receiver
	// under 256 MiB, whatever it is sent. When all are taken, a further one
	// closes the connection that has been without a request in work for
	// longest.
	MaxConnections int `env:"HTTP_MAX_CONNECTIONS" envDefault:"2048"`
	// Most connections at once from one address (or IPv6 /64); further ones
	// are closed at once. Trusted proxies are free of it: they bring
	// everybody.
	MaxConnectionsPerSource int `env:"HTTP_MAX_CONNECTIONS_PER_SOURCE" envDefault:"1024"`
	// Most verified callbacks at once that wait to be stored. While there are
	// as many, a request is answered 503 before its body is read, and the
	// gateway pushes it again.
	MaxInFlight int `env:"HTTP_MAX_IN_FLIGHT" envDefault:"1024"`
	// Most bodies at once that are being read. When all places are taken, a
	// further request takes that of the body that has been arriving for
	// longest, which is answered 503: slow senders cannot keep others out.
	MaxReading int `env:"HTTP_MAX_READING" envDefault:"512"`
	// Most bodies at once that are being read from one source; further ones
	// are answered 429.
	MaxReadingPerSource int `env:"HTTP_MAX_READING_PER_SOURCE" envDefault:"256"`
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
	// that is not a trusted proxy is the source). Name the proxies and nothing
	// else: whatever else lives in these ranges can claim to be any source.
	// Empty: none is.
	TrustedProxies Networks `env:"HTTP_TRUSTED_PROXIES"`
	// Path of the certificate, with its chain, to serve TLS (1.2 or newer)
	// with. Goes with HTTP_TLS_KEY. It is read again when it changes. Empty:
	// plain HTTP, for a proxy in front that ends TLS.
	TLSCert string `env:"HTTP_TLS_CERT"`
	// Path of the certificate's key.
	TLSKey string `env:"HTTP_TLS_KEY"`
	// Path of the certificate authorities that clients must show a
	// certificate of (mutual TLS). Empty: clients need none.
	TLSClientCA string `env:"HTTP_TLS_CLIENT_CA"`
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
	h.checkRoom(fs)
	certificate(fs, "HTTP_TLS_CERT", h.TLSCert, "HTTP_TLS_KEY", h.TLSKey)
	authorities(fs, "HTTP_TLS_CLIENT_CA", h.TLSClientCA)
	if h.TLSClientCA != "" && h.TLSCert == "" {
		fs.add("HTTP_TLS_CERT", "not set, but HTTP_TLS_CLIENT_CA is: clients can show a certificate over TLS only; set it, or remove HTTP_TLS_CLIENT_CA")
	}
	limit(fs, "HTTP_SOURCE_RATE", h.SourceRate, "HTTP_SOURCE_BURST", h.SourceBurst)
	limit(fs, "HTTP_MERCHANT_RATE", h.MerchantRate, "HTTP_MERCHANT_BURST", h.MerchantBurst)
}

// checkRoom refuses bounds that don't nest: requests need connections, and one
// source must not be able to take every place.
func (h *HTTP) checkRoom(fs *faults) {
	fromOne(fs, "HTTP_MAX_CONNECTIONS", h.MaxConnections, 1_000_000)
	fromOne(fs, "HTTP_MAX_CONNECTIONS_PER_SOURCE", h.MaxConnectionsPerSource, 1_000_000)
	fromOne(fs, "HTTP_MAX_IN_FLIGHT", h.MaxInFlight, 1_000_000)
	fromOne(fs, "HTTP_MAX_READING", h.MaxReading, 1_000_000)
	fromOne(fs, "HTTP_MAX_READING_PER_SOURCE", h.MaxReadingPerSource, 1_000_000)
	if h.MaxReading+h.MaxInFlight >= h.MaxConnections {
		fs.add(named("HTTP_MAX_CONNECTIONS", strconv.Itoa(h.MaxConnections)),
			"must exceed HTTP_MAX_READING (%d) + HTTP_MAX_IN_FLIGHT (%d), or requests in work could leave no connection to close for a new one; raise it or lower the others",
			h.MaxReading, h.MaxInFlight)
	}
	if h.MaxReadingPerSource > h.MaxReading {
		fs.add(named("HTTP_MAX_READING_PER_SOURCE", strconv.Itoa(h.MaxReadingPerSource)),
			"exceeds HTTP_MAX_READING (%d), the places there are; lower it", h.MaxReading)
	}
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

package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// NewTransport returns the transport of a Client without an HTTPClient: tuned
// for many short queries in parallel to one host, so that each finds an open
// connection instead of paying a TLS handshake.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   5 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Answers are below a kilobyte, and the bound on them should mean the
		// bytes on the wire.
		DisableCompression: true,
	}
}

// ownClient copies the given client, if any, and forbids what must not happen
// with signed requests: being sent on to where a redirect points.
func ownClient(given *http.Client) *http.Client {
	own := &http.Client{}
	if given != nil {
		*own = *given
	}
	if own.Transport == nil {
		own.Transport = NewTransport()
	}
	own.Jar = nil
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return own
}

func statusError(endpoint string, status int) *TransportError {
	reason := fmt.Sprintf("HTTP status %d instead of 200", status)
	if status >= 300 && status < 400 {
		reason += "; redirects are not followed, set the address the gateway redirects to"
	}
	return &TransportError{Endpoint: endpoint, Status: status, Reason: reason}
}

// transportError names the cause in words of our own: errors of net/http may
// quote bytes that the server sent. notSent must be certain.
func transportError(endpoint string, timeout time.Duration, err error, notSent bool) *TransportError {
	var (
		netErr  net.Error
		dnsErr  *net.DNSError
		certErr *tls.CertificateVerificationError
	)
	reason := "the connection failed"
	switch {
	case errors.Is(err, context.Canceled):
		reason = "cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		reason = fmt.Sprintf("no complete answer in time (at most %s)", timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		reason = "connection refused"
	case errors.As(err, &dnsErr):
		reason = "the host name is not known"
	case errors.As(err, &certErr):
		reason = "the TLS certificate is not trusted"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		reason = "the connection was closed before the answer was complete"
	}
	return &TransportError{Endpoint: endpoint, Reason: reason, NotSent: notSent, err: err}
}

package sandbox_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/tlsfiles/tlsfilestest"
	"github.com/settlehook/settlehook/pkg/sign"
)

// TestAPIOverTLS: open to a network, the API speaks TLS and nothing else, and is
// reached over loopback from this machine; the admin port stays plain.
func TestAPIOverTLS(t *testing.T) {
	authority := tlsfilestest.NewAuthority(t)
	s, err := sandbox.New(sandbox.Config{
		Addr: "0.0.0.0:0", AdminAddr: "127.0.0.1:0", AllowPublic: true,
		TLS:       &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{authority.Pair(authority.Issue("sandbox"))}},
		Merchants: []sandbox.Merchant{{ID: "m1", Currency: "INR", Keys: []sign.Key{{ID: "k", Secret: "s3cr3t"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") || !strings.HasPrefix(s.AdminURL(), "http://127.0.0.1:") {
		t.Errorf("reached at %s, admin at %s", s.URL(), s.AdminURL())
	}
	text, err := os.ReadFile(authority.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	status := func(url string) int {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode
	}
	if got := status(s.URL() + "/order/query"); got != http.StatusOK {
		t.Errorf("over TLS: %d", got)
	}
	if got := status(strings.Replace(s.URL(), "https", "http", 1) + "/order/query"); got != http.StatusBadRequest {
		t.Errorf("in plain text: %d, want the TLS server's refusal", got)
	}
}

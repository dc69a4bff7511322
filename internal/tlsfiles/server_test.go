package tlsfiles_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/internal/tlsfiles"
	"github.com/settlehook/settlehook/internal/tlsfiles/tlsfilestest"
)

type fakeClock struct{ passed atomic.Int64 }

func (c *fakeClock) now() time.Time          { return time.Unix(1_700_000_000, c.passed.Load()) }
func (c *fakeClock) advance(d time.Duration) { c.passed.Add(int64(d)) }

// server is a TLS server that says hello.
type server struct {
	t     *testing.T
	addr  string
	clock fakeClock
	logs  *observer.ObservedLogs
}

func serve(t *testing.T, files tlsfiles.Files) *server {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	s := &server{t: t, logs: logs}
	conf, err := tlsfiles.Server(files, s.clock.now, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	ended := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "hello")
			_ = conn.Close()
		}
	}()
	return s
}

// hello connects, and returns the name in the server's certificate.
func (s *server) hello(conf *tls.Config) (string, error) {
	s.t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 30 * time.Second}, "tcp", s.addr, conf)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	text, err := io.ReadAll(conn)
	if err == nil && string(text) != "hello" {
		err = errors.New("no hello")
	}
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, err
}

func (s *server) wantName(conf *tls.Config, want string) {
	s.t.Helper()
	if got, err := s.hello(conf); got != want || err != nil {
		s.t.Errorf("served by %q, %v; want %q", got, err, want)
	}
}

// TestFilesAreFollowed: a new certificate counts within a second, without a
// restart, and a broken one does not count.
func TestFilesAreFollowed(t *testing.T) {
	authority := tlsfilestest.NewAuthority(t)
	cert, key := authority.Issue("first")
	s := serve(t, tlsfiles.Files{Cert: cert, Key: key})
	client := &tls.Config{RootCAs: authority.Pool()}
	s.wantName(client, "first")
	authority.IssueTo("second", cert, key)
	s.wantName(client, "first") // looked at not long ago
	s.clock.advance(time.Second)
	s.wantName(client, "second")

	if err := os.WriteFile(cert, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.clock.advance(time.Second)
		s.wantName(client, "second")
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Second)
	s.wantName(client, "second")
	if errs := s.logs.FilterLevelExact(zapcore.ErrorLevel).Len(); errs != 2 {
		t.Errorf("%d errors logged, want 2: one for each fault, not for each client", errs)
	}
	authority.IssueTo("third", cert, key)
	s.clock.advance(time.Second)
	s.wantName(client, "third")
}

// TestClientsMustShowACertificate of the authority, also of one that replaces
// it while the server runs.
func TestClientsMustShowACertificate(t *testing.T) {
	authority, strange := tlsfilestest.NewAuthority(t), tlsfilestest.NewAuthority(t)
	cert, key := authority.Issue("server")
	ca := filepath.Join(t.TempDir(), "clients.pem")
	copyFile(t, authority.CA, ca)
	s := serve(t, tlsfiles.Files{Cert: cert, Key: key, ClientCA: ca})
	ours := authority.Pair(authority.Issue("client"))
	theirs := strange.Pair(strange.Issue("client"))
	with := func(shown ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: authority.Pool(), Certificates: shown}
	}
	s.wantName(with(ours), "server")
	for name, conf := range map[string]*tls.Config{"none": with(), "a stranger's": with(theirs)} {
		if _, err := s.hello(conf); err == nil {
			t.Errorf("with %s certificate: served", name)
		}
	}
	copyFile(t, strange.CA, ca)
	s.clock.advance(time.Second)
	s.wantName(with(theirs), "server")
	if _, err := s.hello(with(ours)); err == nil {
		t.Error("served by an authority that was taken out")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOldTLSIsRefused: 1.2 is the least, for servers and clients.
func TestOldTLSIsRefused(t *testing.T) {
	authority := tlsfilestest.NewAuthority(t)
	cert, key := authority.Issue("server")
	s := serve(t, tlsfiles.Files{Cert: cert, Key: key})
	if _, err := s.hello(&tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is served")
	}
	s.wantName(&tls.Config{RootCAs: authority.Pool(), MaxVersion: tls.VersionTLS12}, "server")
	conf, err := tlsfiles.Client("X", "", "", "")
	if err != nil || conf.MinVersion != tls.VersionTLS12 || conf.InsecureSkipVerify {
		t.Errorf("client %+v, %v; want TLS 1.2 and a checked server", conf, err)
	}
}

func TestServerFaults(t *testing.T) {
	authority := tlsfilestest.NewAuthority(t)
	cert, key := authority.Issue("server")
	_, otherKey := authority.Issue("other")
	for name, c := range map[string]struct {
		files tlsfiles.Files
		want  string
	}{
		"absent":        {tlsfiles.Files{Cert: cert + "x", Key: key}, "read TLS file: open " + cert + "x: no such file or directory"},
		"other key":     {tlsfiles.Files{Cert: cert, Key: otherKey}, "certificate " + cert + " with key " + otherKey + ": tls: private key does not match public key"},
		"no authority":  {tlsfiles.Files{Cert: cert, Key: key, ClientCA: "/dev/null"}, "TLS file /dev/null holds no certificate; give a PEM file"},
		"no key at all": {tlsfiles.Files{Cert: cert}, ""},
	} {
		_, err := tlsfiles.Server(c.files, time.Now, zap.NewNop())
		if err == nil || c.want != "" && err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if conf, err := tlsfiles.Server(tlsfiles.Files{}, time.Now, zap.NewNop()); conf != nil || err != nil {
		t.Errorf("without files: %v, %v; want a plain server", conf, err)
	}
}

// TestClientShowsWhatIsOnDisk at the time it connects.
func TestClientShowsWhatIsOnDisk(t *testing.T) {
	authority := tlsfilestest.NewAuthority(t)
	cert, key := authority.Issue("first")
	conf, err := tlsfiles.Client("X", authority.CA, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second"} {
		authority.IssueTo(name, cert, key)
		pair, err := conf.GetClientCertificate(&tls.CertificateRequestInfo{})
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil || leaf.Subject.CommonName != name {
			t.Errorf("shows %v, %v; want %s", leaf, err, name)
		}
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := conf.GetClientCertificate(&tls.CertificateRequestInfo{}); err == nil || !strings.Contains(err.Error(), "read the client certificate") {
		t.Errorf("without its key: %v", err)
	}
}

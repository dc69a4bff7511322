package tlsfiles

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Files are the paths of a server's PEM files.
type Files struct {
	// Cert is the certificate with its chain, Key its key.
	Cert, Key string
	// ClientCA holds the authorities that clients must show a certificate of;
	// "": clients need none.
	ClientCA string
}

// recheck is how old what was read may be when a client connects.
const recheck = time.Second

// Server returns the configuration of a server that serves f, TLS 1.2 or newer,
// and follows the files: they are looked at when a client connects and the last
// look was a second ago. It is nil, for a plain server, where f names no
// certificate. Files that can't be used are an error now, and a logged one
// later.
func Server(f Files, clock func() time.Time, log *zap.Logger) (*tls.Config, error) {
	if f.Cert == "" {
		return nil, nil //nolint:nilnil // no files, no TLS
	}
	s := &source{files: f, clock: clock, log: log}
	if err := s.load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current(), nil },
	}, nil
}

// source is what the files say now.
type source struct {
	files Files
	clock func() time.Time
	log   *zap.Logger

	mu     sync.Mutex
	looked time.Time
	text   [][]byte // of the files, as they are in force
	failed string   // the error last logged
	conf   *tls.Config
}

func (s *source) current() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.clock(); now.Sub(s.looked) >= recheck {
		if err := s.load(); err != nil {
			s.complain(err)
		}
	}
	return s.conf
}

// complain logs an error once, not with every client.
func (s *source) complain(err error) {
	if s.failed != err.Error() {
		s.failed = err.Error()
		s.log.Error("TLS files are refused; those before stay in force", zap.Error(err))
	}
}

// load reads the files and makes them count if they are good and new.
func (s *source) load() error {
	s.looked = s.clock()
	text, err := s.read()
	if err != nil {
		return err
	}
	if same(text, s.text) {
		s.failed = ""
		return nil
	}
	conf, err := s.build(text)
	if err != nil {
		return err
	}
	if s.conf != nil {
		s.log.Info("TLS files read again", zap.String("cert", s.files.Cert))
	}
	s.conf, s.text, s.failed = conf, text, ""
	return nil
}

func (s *source) read() ([][]byte, error) {
	paths := []string{s.files.Cert, s.files.Key}
	if s.files.ClientCA != "" {
		paths = append(paths, s.files.ClientCA)
	}
	var text [][]byte
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read TLS file: %w", err)
		}
		text = append(text, b)
	}
	return text, nil
}

func same(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (s *source) build(text [][]byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(text[0], text[1])
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", s.files.Cert, s.files.Key, err)
	}
	conf := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"},
	}
	if len(text) > 2 {
		conf.ClientCAs = x509.NewCertPool()
		if !conf.ClientCAs.AppendCertsFromPEM(text[2]) {
			return nil, errors.New("TLS file " + s.files.ClientCA + " holds no certificate; give a PEM file")
		}
		conf.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return conf, nil
}

package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Client returns the configuration of a client, TLS 1.2 or newer. The server's
// certificate is checked with the authorities in ca, or the system's where ca
// is "". cert and key, if set, are shown to a server that asks for them, as they
// are on disk when it does. name stands before the path in errors.
func Client(name, ca, cert, key string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if cert != "" {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			if err != nil {
				return nil, fmt.Errorf("read the client certificate: %w", err)
			}
			return &pair, nil
		}
	}
	if ca == "" {
		return conf, nil
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(text) {
		return nil, errors.New(name + " holds no certificate; give a PEM file")
	}
	return conf, nil
}

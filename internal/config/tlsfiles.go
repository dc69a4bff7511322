package config

import (
	"crypto/tls"
	"crypto/x509"
	"os"
)

// certificate checks a certificate and its key: both or neither, readable, and
// made for each other. Whoever serves or shows them reads them again.
func certificate(fs *faults, certName, cert, keyName, key string) {
	switch {
	case cert == "" && key == "":
		return
	case key == "":
		fs.add(keyName, "not set, but %s is; set both or neither", certName)
		return
	case cert == "":
		fs.add(certName, "not set, but %s is; set both or neither", keyName)
		return
	}
	before := len(fs.list)
	readable(fs, certName, cert)
	readable(fs, keyName, key)
	if len(fs.list) > before {
		return
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		fs.add(named(certName, cert), "is no certificate with the key in %s (%v); give PEM files that belong together", keyName, err)
	}
}

// authorities checks a file of certificate authorities, if one is set.
func authorities(fs *faults, name, path string) {
	if path == "" {
		return
	}
	text, err := os.ReadFile(path)
	switch {
	case err != nil:
		fs.add(named(name, path), "cannot be read (%s); mount the file or correct the path", reason(err))
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		fs.add(named(name, path), "holds no certificate; give a PEM file")
	}
}

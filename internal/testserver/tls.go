package testserver

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TLS are the PEM files of a server that speaks TLS only, with clients that
// show a certificate of CA.
type TLS struct{ CA, Cert, Key string }

// RedisTLS starts a redis-server as Redis does, with mutual TLS.
func RedisTLS(t testing.TB, files TLS) *Process {
	t.Helper()
	binary, addr, dir := Binary(t, "redis-server"), FreeAddr(t), t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	return newProcess(t, addr, func() *exec.Cmd {
		return exec.Command(binary, "--bind", host, "--port", "0", "--tls-port", port, "--dir", dir, "--save", "", "--appendonly", "no",
			"--tls-ca-cert-file", files.CA, "--tls-cert-file", files.Cert, "--tls-key-file", files.Key, "--tls-auth-clients", "yes")
	})
}

// NATSTLS starts a nats-server as NATSProcess does, with mutual TLS.
func NATSTLS(t testing.TB, files TLS) *Process {
	t.Helper()
	binary, addr, dir := Binary(t, "nats-server"), FreeAddr(t), t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(dir, "nats.conf")
	text := "jetstream {store_dir: '" + dir + "'}\n" +
		"tls {ca_file: '" + files.CA + "', cert_file: '" + files.Cert + "', key_file: '" + files.Key + "', verify: true, timeout: 30}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return newProcess(t, addr, func() *exec.Cmd { return exec.Command(binary, "-a", host, "-p", port, "-c", conf) })
}

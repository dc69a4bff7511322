package testserver

import (
	"net"
	"os/exec"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// NATSProcess starts a nats-server with JetStream on files, which survive a
// restart of the process.
func NATSProcess(t testing.TB) *Process {
	t.Helper()
	binary, addr, dir := Binary(t, "nats-server"), FreeAddr(t), t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	p := newProcess(t, addr, func() *exec.Cmd {
		return exec.Command(binary, "-a", host, "-p", port, "-js", "-sd", dir)
	})
	HoldToContract(t, p.address)
	return p
}

// NATS starts a server in this process, on a loopback port, with JetStream on
// files of the test.
func NATS(t testing.TB) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatalf("start NATS: %v", err)
	}
	s.Start()
	if !s.ReadyForConnections(readyTimeout) {
		t.Fatalf("NATS is not ready after %s", readyTimeout)
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	HoldToContract(t, func() string {
		if !s.Running() {
			return ""
		}
		return s.ClientURL()
	})
	return s
}

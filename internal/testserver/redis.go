package testserver

import (
	"net"
	"os/exec"
	"testing"
)

// Redis starts a redis-server without persistence: what it forgets must not
// matter.
func Redis(t testing.TB) *Process {
	t.Helper()
	binary, addr, dir := Binary(t, "redis-server"), FreeAddr(t), t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	return newProcess(t, addr, func() *exec.Cmd {
		return exec.Command(binary, "--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no")
	})
}

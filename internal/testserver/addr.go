package testserver

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// Ports are given out below the range from which the system takes those of
// outgoing connections (32768 and up on Linux): one of that range could be taken
// between the test's look and the server's start. Each test process begins
// somewhere else.
const (
	firstPort = 15_000
	ports     = 15_000
)

var nextPort atomic.Uint32

func init() { nextPort.Store(uint32(os.Getpid()) * 211 % ports) }

// FreeAddr returns a loopback address that nothing listens on.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range ports {
		port := firstPort + int(nextPort.Add(1)%ports)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue // somebody has it
		}
		defer func() { _ = l.Close() }()
		return l.Addr().String()
	}
	t.Fatal("no free port on loopback")
	return ""
}

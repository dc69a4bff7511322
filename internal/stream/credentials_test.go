package stream

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
)

// guardedServer runs in the test, and asks one user for a password.
func guardedServer(t *testing.T, port int, password string) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, Username: "worker", Password: password, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server is not ready")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// TestPasswordFileIsFollowed changes the servers' password first and the mounted
// file a while later, as a rotated Secret does it: the connection comes back by
// itself, and was not closed for good meanwhile.
func TestPasswordFileIsFollowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := guardedServer(t, server.RANDOM_PORT, "old")
	addr := first.Addr().(*net.TCPAddr)
	write("old")
	c := config.NATS{User: "worker", PasswordFile: file, ConnectTimeout: patience}
	if err := c.URL.UnmarshalText([]byte("nats://" + addr.String())); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	refused, back := make(chan struct{}, 1000), make(chan struct{}, 1)
	nc, err := Connect(c, "test", zap.NewNop(), func(err error) { closed <- err },
		nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if strings.Contains(strings.ToLower(err.Error()), "authorization violation") {
				refused <- struct{}{}
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()

	first.Shutdown()
	first.WaitForShutdown()
	guardedServer(t, addr.Port, "new")
	wait := func(what string, happened <-chan struct{}) {
		t.Helper()
		select {
		case <-happened:
		case err := <-closed:
			t.Fatalf("waiting for %s: closed for good: %v", what, err)
		case <-time.After(patience):
			t.Fatalf("waited in vain for %s", what)
		}
	}
	for range 3 { // two in a row would end it otherwise
		wait("a refusal", refused)
	}
	write("new")
	wait("the connection", back)
}

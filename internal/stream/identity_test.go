package stream

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/testserver"
)

// TestIdentity: who acts is the servers' word.
func TestIdentity(t *testing.T) {
	account := server.NewAccount("finance")
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, Accounts: []*server.Account{account},
		Users: []*server.User{
			{Username: "alice", Password: "a"},
			{Username: "bob", Password: "b", Account: account},
			{Username: "mute", Password: "m", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{"payments.>"}}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS is not ready")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	open := testserver.NATS(t)
	for name, tt := range map[string]struct {
		url  string
		opts []nats.Option
		want string
	}{
		"without authentication": {open.ClientURL(), nil, Anonymous},
		"user":                   {s.ClientURL(), []nats.Option{nats.UserInfo("alice", "a")}, "alice"},
		"user of an account":     {s.ClientURL(), []nats.Option{nats.UserInfo("bob", "b")}, "bob@finance"},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := nats.Connect(tt.url, tt.opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if got, err := Identity(within(t), nc); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	t.Run("not allowed to ask", func(t *testing.T) {
		nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("mute", "m"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if got, err := Identity(ctx, nc); err == nil {
			t.Errorf("nobody answered, and this is %q", got)
		}
	})
}

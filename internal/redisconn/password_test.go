package redisconn_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/testserver"
)

// TestPasswordFileIsFollowed changes the password of a server, then the file:
// connections made afterwards use the new one.
func TestPasswordFileIsFollowed(t *testing.T) {
	server := testserver.Redis(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer func() { _ = admin.Close() }()
	ctx := t.Context()
	for _, rule := range []string{">old", ">new"} {
		if err := admin.Do(ctx, "ACL", "SETUSER", "worker", "on", "~*", "+@all", rule).Err(); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old\n")
	c := redisConfig(t, "redis://worker@"+server.Addr)
	c.PasswordFile = file
	client := open(t, c)
	ping(t, client)

	write("new\n")
	if err := admin.Do(ctx, "ACL", "SETUSER", "worker", "<old").Err(); err != nil {
		t.Fatal(err)
	}
	if err := admin.Do(ctx, "CLIENT", "KILL", "USER", "worker").Err(); err != nil {
		t.Fatal(err)
	}
	ping(t, client)

	write("")
	if err := admin.Do(ctx, "CLIENT", "KILL", "USER", "worker").Err(); err != nil {
		t.Fatal(err)
	}
	err := client.Ping(ctx).Err()
	if err == nil || !strings.Contains(err.Error(), "REDIS_PASSWORD_FILE") {
		t.Errorf("with an empty file: got %v, want the file's name", err)
	}
}

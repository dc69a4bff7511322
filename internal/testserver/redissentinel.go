package testserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sentinel is a master and a replica of Redis, watched by one sentinel.
type Sentinel struct {
	*Process
	Master, Replica *Process
}

// SentinelMaster is the name that the sentinel knows the master by.
const SentinelMaster = "payments"

// RedisSentinel starts a master, a replica and a sentinel that takes the
// replica when the master has been silent for a second. It returns once the
// sentinel could.
func RedisSentinel(t testing.TB) *Sentinel {
	t.Helper()
	s := &Sentinel{Master: Redis(t)}
	host, port, _ := net.SplitHostPort(s.Master.Addr)
	master := redis.NewClient(&redis.Options{Addr: s.Master.Addr})
	defer func() { _ = master.Close() }()
	must(t, master.ConfigSet(context.Background(), "repl-diskless-sync-delay", "0").Err()) // 5 s
	s.Replica = Redis(t)
	replica := redis.NewClient(&redis.Options{Addr: s.Replica.Addr})
	defer func() { _ = replica.Close() }()
	must(t, replica.ReplicaOf(context.Background(), host, port).Err())
	awaitInfo(t, replica, "master_link_status:up")

	binary, addr, dir := Binary(t, "redis-server"), FreeAddr(t), t.TempDir()
	sentinelHost, sentinelPort, _ := net.SplitHostPort(addr)
	conf := filepath.Join(dir, "sentinel.conf") // the sentinel rewrites it
	must(t, os.WriteFile(conf, fmt.Appendf(nil, `bind %[1]s
port %[2]s
dir "%[3]s"
sentinel monitor %[4]s %[5]s %[6]s 1
sentinel down-after-milliseconds %[4]s 1000
sentinel failover-timeout %[4]s 5000
`, sentinelHost, sentinelPort, dir, SentinelMaster, host, port), 0o600))
	s.Process = newProcess(t, addr, func() *exec.Cmd { return exec.Command(binary, conf, "--sentinel") })
	sentinel := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = sentinel.Close() }()
	awaitInfo(t, sentinel, "slaves=1")
	return s
}

// awaitInfo returns once INFO of a server holds text.
func awaitInfo(t testing.TB, c *redis.Client, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := c.Info(ctx).Result()
		must(t, err)
		if strings.Contains(info, text) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Redis does not say %s after %s:\n%s", text, readyTimeout, info)
		case <-tick.C:
		}
	}
}

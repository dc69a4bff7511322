package testserver

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisCluster starts a cluster of three redis-servers without replicas, each
// with a third of the slots, and returns once it takes commands.
func RedisCluster(t testing.TB) []*Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	thirds := [][2]int{{0, 5460}, {5461, 10922}, {10923, 16383}}
	nodes := make([]*Process, len(thirds))
	clients := make([]*redis.Client, len(thirds))
	buses := make([]string, len(thirds))
	for i, slots := range thirds {
		nodes[i], buses[i] = redisClusterNode(t)
		clients[i] = redis.NewClient(&redis.Options{Addr: nodes[i].Addr})
		defer func() { _ = clients[i].Close() }()
		// Epochs that differ spare the nodes settling that among themselves.
		must(t, clients[i].Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
		must(t, clients[i].ClusterAddSlotsRange(ctx, slots[0], slots[1]).Err())
	}
	host, port, _ := net.SplitHostPort(nodes[0].Addr)
	for _, c := range clients[1:] {
		must(t, c.Do(ctx, "CLUSTER", "MEET", host, port, buses[0]).Err())
	}
	for _, c := range clients {
		awaitCluster(ctx, t, c, len(clients))
	}
	return nodes
}

func redisClusterNode(t testing.TB) (node *Process, bus string) {
	t.Helper()
	binary, addr, dir := Binary(t, "redis-server"), FreeAddr(t), t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	// The default bus port, 10000 further up, need not be free, or exist.
	_, bus, _ = net.SplitHostPort(FreeAddr(t))
	return newProcess(t, addr, func() *exec.Cmd {
		return exec.Command(binary, "--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no",
			"--cluster-enabled", "yes", "--cluster-port", bus)
	}), bus
}

// awaitCluster returns once a node sees all the nodes, and all the slots served.
func awaitCluster(ctx context.Context, t testing.TB, c *redis.Client, size int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := c.ClusterInfo(ctx).Result()
		must(t, err)
		shards, err := c.ClusterShards(ctx).Result()
		must(t, err)
		if strings.Contains(info, "cluster_state:ok") && len(shards) == size {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the Redis cluster is not ready after %s:\n%s", readyTimeout, info)
		case <-tick.C:
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

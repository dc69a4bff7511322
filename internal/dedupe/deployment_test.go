package dedupe_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/dedupe/dedupetest"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/testserver"
)

// open connects as the worker does, from REDIS_URL, with time-outs for a busy
// machine.
func open(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	c := config.Redis{DialTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	if err := c.URL.UnmarshalText([]byte(url)); err != nil {
		t.Fatal(err)
	}
	client, err := redisconn.Open(c, func(bool) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestRedisClusterConforms needs a key and its attempts in one slot: a cluster
// refuses a script whose keys are in two.
func TestRedisClusterConforms(t *testing.T) {
	t.Parallel()
	var addrs []string
	for _, node := range testserver.RedisCluster(t) {
		addrs = append(addrs, node.Addr)
	}
	client := open(t, "redis-cluster://"+strings.Join(addrs, ","))
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		t.Fatalf("got a %T", client)
	}
	dedupetest.Suite(t, onRedis(client), func(t *testing.T, d time.Duration) {
		err := cluster.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error { return age(ctx, node, d) })
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("every node has its share", func(t *testing.T) {
		store := dedupe.NewRedis(client, "spread:", time.Hour)
		for i := range 60 {
			key := strconv.Itoa(i)
			if _, err := store.Claim(t.Context(), key, "a", time.Minute); err != nil {
				t.Fatal(err)
			}
			if err := store.Release(t.Context(), key, "b", dedupetest.Reason); err != nil {
				t.Fatal(err)
			}
		}
		err := cluster.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
			keys, err := node.Keys(ctx, "spread:*").Result()
			if len(keys) == 0 || len(keys)%2 != 0 {
				t.Errorf("%s holds %d keys; want claims, and with each its attempts", node, len(keys))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestRedisSentinelFailsOver: claims go to the master that the sentinel names,
// and to the next one when it is gone.
func TestRedisSentinelFailsOver(t *testing.T) {
	t.Parallel()
	sentinel := testserver.RedisSentinel(t)
	client := open(t, "redis-sentinel://"+sentinel.Addr+"/"+testserver.SentinelMaster)
	store := dedupe.NewRedis(client, "p:", time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	if c, err := store.Claim(ctx, "k", "a", time.Hour); err != nil || c.State != reconcile.ClaimOwned {
		t.Fatalf("before: got %+v, %v", c, err)
	}
	// What a failover keeps is what the replica had.
	if n, err := client.(*redis.Client).Wait(ctx, 1, 10*time.Second).Result(); err != nil || n != 1 {
		t.Fatalf("replicas that have the claim: %d, %v", n, err)
	}
	sentinel.Master.Kill()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := store.Claim(ctx, "k", "b", time.Hour)
		if err == nil {
			if c.State != reconcile.ClaimHeld {
				t.Errorf("after: got %+v, want held", c)
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no claim after the failover: %v\n%s", err, sentinel.Output())
		case <-tick.C:
		}
	}
}

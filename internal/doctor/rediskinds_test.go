package doctor

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/testserver"
)

// TestRedisKinds asks each server that holds keys, however Redis is set up.
func TestRedisKinds(t *testing.T) {
	redisconn.LogTo(zap.NewNop())
	sentinel, cluster := testserver.RedisSentinel(t), testserver.RedisCluster(t)
	for _, test := range []struct {
		url   string
		addrs []string
	}{
		{"redis://" + sentinel.Master.Addr, []string{sentinel.Master.Addr}},
		{"redis-sentinel://" + sentinel.Addr + "/" + testserver.SentinelMaster, []string{testserver.SentinelMaster}},
		{"redis-cluster://" + cluster[0].Addr, []string{cluster[0].Addr, cluster[1].Addr, cluster[2].Addr}},
	} {
		settings := config.Redis{DialTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
		if err := settings.URL.UnmarshalText([]byte(test.url)); err != nil {
			t.Fatal(err)
		}
		v := newVisit(t.Context(), Options{Settings: config.Doctor{Redis: settings}})
		client, err := v.redis.get(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", test.url, err)
		}
		nodes, err := nodesOf(t.Context(), client, settings.URL.Target().Master)
		if err != nil {
			t.Fatalf("%s: %v", test.url, err)
		}
		seen := map[string]bool{}
		for _, n := range nodes {
			seen[n.addr] = true
			if n.role != "master" || n.policy != "noeviction" || n.usedMemory == 0 || n.version == "" {
				t.Errorf("%s: got %+v", test.url, n)
			}
		}
		for _, addr := range test.addrs {
			if !seen[addr] {
				t.Errorf("%s: %s was not asked, but %v", test.url, addr, seen)
			}
		}
		if marks, err := doneMarks(t.Context(), client, "settlehook:"); err != nil || len(marks) > 0 {
			t.Errorf("%s: got %v, %v", test.url, marks, err)
		}
		v.close()
	}
	replica := config.Redis{DialTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	if err := replica.URL.UnmarshalText([]byte("redis://" + sentinel.Replica.Addr)); err != nil {
		t.Fatal(err)
	}
	found := Run(t.Context(), Options{Settings: config.Doctor{Redis: replica}, Checks: []string{checkRedis}})
	if len(found) != 1 || found[0].Status != Fail || found[0].Mend == "" {
		t.Errorf("a replica: got %+v", found)
	}
}

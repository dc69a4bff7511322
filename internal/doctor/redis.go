package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/redisconn"
)

// memoryHigh is when a Redis that evicts nothing is about to refuse writes.
const memoryHigh = 0.9

// redisServer looks at Redis, which saves queries and shares the rate. Without
// it nothing is lost, but gateways are asked more than they allow.
func redisServer(ctx context.Context, v *visit) ([]Finding, error) {
	client, err := v.redis.get(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := nodesOf(ctx, client, v.o.Settings.Redis.URL.Target().Master)
	if err != nil {
		return nil, fmt.Errorf("ask Redis how it is: %w", err)
	}
	var found []Finding
	for _, n := range nodes {
		found = append(found, n.findings()...)
	}
	shared, err := v.sharedPrefix(ctx, client)
	if err != nil {
		return nil, err
	}
	found = append(found, shared...)
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("%d %s of version %s, evicting nothing", len(nodes), plural(len(nodes), "server", "servers"), nodes[0].version)}, nil
}

func noRedis() Finding {
	f := skipped("set REDIS_URL as the workers have it", "REDIS_URL is not set")
	f.Check = checkRedis
	return f
}

// openRedis returns a client that was answered.
func (v *visit) openRedis(ctx context.Context) (redis.UniversalClient, error) {
	s := v.o.Settings.Redis
	if s.URL.IsZero() {
		return nil, &trouble{noRedis()}
	}
	client, err := redisconn.Open(s, func(bool) {})
	if err != nil {
		return nil, fmt.Errorf("open Redis: %w", err)
	}
	if err := client.Ping(ctx).Err(); err != nil {
		_ = client.Close()
		return nil, &trouble{redisTrouble(s, err)}
	}
	return client, nil
}

func redisTrouble(s config.Redis, err error) Finding {
	mend := "check that Redis runs at " + s.URL.String() + " and answers within REDIS_READ_TIMEOUT (" + s.ReadTimeout.String() + "), then REDIS_URL"
	if reply := redis.Error(nil); errors.As(err, &reply) {
		mend = "put the user and password into REDIS_URL: redis://user:password@host:6379/0"
	}
	f := fail(mend, "Redis at %s: %v", s.URL, err)
	f.Check = checkRedis
	return f
}

// node is a server of Redis as it describes itself.
type node struct {
	addr                     string // host:port, or the sentinels' name of the master
	version, role, policy    string
	usedMemory, memoryBudget int64
}

// nodesOf asks every server that holds keys. master is what sentinels call it;
// empty: there are none.
func nodesOf(ctx context.Context, client redis.UniversalClient, master string) ([]node, error) {
	switch c := client.(type) {
	case *redis.ClusterClient:
		var mu sync.Mutex
		var all []node
		err := c.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error {
			n, err := nodeOf(ctx, one, one.Options().Addr)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, n)
			return err
		})
		return all, err
	case *redis.Client:
		n, err := nodeOf(ctx, c, cmp.Or(master, c.Options().Addr))
		return []node{n}, err
	default:
		return nil, fmt.Errorf("a client of Redis of a kind that is not known: %T", client)
	}
}

func nodeOf(ctx context.Context, c *redis.Client, addr string) (node, error) {
	text, err := c.Info(ctx).Result()
	if err != nil {
		return node{}, err
	}
	n := node{addr: addr}
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "redis_version":
			n.version = value
		case "role":
			n.role = value
		case "maxmemory_policy":
			n.policy = value
		case "used_memory":
			n.usedMemory, _ = strconv.ParseInt(value, 10, 64)
		case "maxmemory":
			n.memoryBudget, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	return n, nil
}

func (n node) findings() []Finding {
	var found []Finding
	if n.role == "slave" {
		found = append(found, fail("name the master in REDIS_URL, or the sentinels (redis-sentinel://…), which know it",
			"Redis %s is a replica: it takes no claims", n.addr))
	}
	if older(n.version, "7.0.0") {
		found = append(found, warn("update it to 7 or newer", "Redis %s is of version %s", n.addr, n.version))
	}
	full := n.memoryBudget > 0 && float64(n.usedMemory) >= memoryHigh*float64(n.memoryBudget)
	switch {
	case n.policy != "noeviction" && n.memoryBudget > 0:
		found = append(found, fail(n.keepAll(), "Redis %s evicts keys when memory is short (%s): claims and the query rate would be forgotten, and a gateway asked more than it allows", n.addr, n.policy))
	case n.policy != "noeviction":
		found = append(found, warn(n.keepAll(), "Redis %s would evict keys (%s) if it had a maxmemory", n.addr, n.policy))
	case full:
		found = append(found, warn("redis-cli "+n.cli()+" CONFIG SET maxmemory BYTES, with more than now",
			"Redis %s uses %.0f %% of its maxmemory (%s): it refuses claims when it is full", n.addr,
			100*float64(n.usedMemory)/float64(n.memoryBudget), config.Bytes(n.memoryBudget)))
	}
	return found
}

func (n node) keepAll() string {
	return "redis-cli " + n.cli() + " CONFIG SET maxmemory-policy noeviction, and the same in redis.conf"
}

func (n node) cli() string {
	host, port, err := net.SplitHostPort(n.addr)
	if err != nil {
		return "-h HOST" // redis-cli -p 26379 SENTINEL GET-MASTER-ADDR-BY-NAME tells it
	}
	return "-h " + host + " -p " + port
}

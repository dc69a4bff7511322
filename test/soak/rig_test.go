package soak

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/orders"
)

const installation = "soak"

// sweeping is whether the workers sweep, and so whether every registered order
// must end in its place, told of or not.
const sweeping = true

// The sweep's turns come when the gateway has pushed for the last time, and the
// look-back's soon.
const (
	sweepTiers    = 2
	sweepDelays   = "36s,40s"
	sweepLookBack = "15s"
)

// rig is one installation with everything that can go wrong with it. Whatever
// may end the test is called from the test's own goroutine.
type rig struct {
	t         *testing.T
	nats      testserver.NATSServers
	redis     []*testserver.Process
	proxy     *testserver.Toxiproxy // nil in a cluster: its clients learn the servers' own addresses
	ways      []*testserver.Way
	receiver  *testserver.Process
	workers   []*testserver.Process
	http      string // the receiver's
	merchants *config.Merchants
	js        jetstream.JetStream // may read everything
	nc        *nats.Conn
	book      *orders.Book
	flush     *redis.Client    // of the first Redis
	said      map[durable]bool // consumers that did not know of a message, for the log
}

// plan says what kind of installation a rig is.
type plan struct {
	workers int
	cluster bool
	// redisURL and redis are of Sentinel or Cluster; empty: one server alone.
	redisURL string
	redis    []*testserver.Process
	// gateways are what the merchants file says, with the address of each
	// gateway still to be put in its place.
	merchants string
	gateways  map[string]string // by the word that stands for it
	env       []string
}

// patience bounds every wait on a busy machine; no run is meant to need it.
const patience = 3 * time.Minute

func newRig(t *testing.T, p plan) *rig {
	t.Helper()
	r := &rig{t: t, redis: p.redis, said: map[durable]bool{}}
	natsURL := func(role, _ string) string { return r.nats.URL(role) }
	if p.cluster {
		r.nats = testserver.NATSCluster(t)
	} else {
		r.nats = testserver.NATSWithRoles(t)
		r.proxy = testserver.StartToxiproxy(t)
		natsURL = func(role, program string) string {
			return r.nats.URLBy(role, r.way("nats-"+program, r.nats[0].Addr))
		}
	}
	if p.redisURL == "" {
		r.redis = []*testserver.Process{testserver.Redis(t)}
		addr := r.redis[0].Addr
		if r.proxy != nil {
			addr = r.way("redis", addr).Addr
		}
		p.redisURL = "redis://" + addr + "/0"
	}
	r.flush = redis.NewClient(&redis.Options{Addr: r.redis[0].Addr})
	t.Cleanup(func() { _ = r.flush.Close() })
	for word, addr := range p.gateways {
		if r.proxy != nil {
			addr = r.way("gateway-"+word, addr).Addr
		}
		p.merchants = strings.ReplaceAll(p.merchants, "<"+word+">", "http://"+addr)
	}
	env := r.environment(p)
	r.setUp(env)
	r.http = testserver.FreeAddr(t)
	r.receiver = r.program("receiver", "receiver", env, natsURL, "HTTP_ADDR="+r.http)
	for i := range p.workers {
		r.workers = append(r.workers, r.program("worker", "worker-"+strconv.Itoa(i), env, natsURL))
	}
	return r
}

func (r *rig) way(name, upstream string) *testserver.Way {
	w := r.proxy.Way(name, upstream)
	r.ways = append(r.ways, w)
	return w
}

// environment is what all programs have in common.
func (r *rig) environment(p plan) map[string]string {
	file := filepath.Join(r.t.TempDir(), "merchants.yaml")
	if err := os.WriteFile(file, []byte("merchants:\n"+p.merchants), 0o600); err != nil {
		r.t.Fatal(err)
	}
	roles := string(config.RoleCallbacks)
	if sweeping {
		roles += "," + string(config.RoleSweep)
	}
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME"),
		"INSTALLATION": installation, "REDIS_URL": p.redisURL, "MERCHANTS_FILE": file, "STREAM_REPLICAS": "1", "LOG_LEVEL": "warn",
		"RETRY_MIN": "20ms", "RETRY_MAX": "200ms", "BREAKER_OPEN": "300ms", "ATTEMPTS": "5",
		"HTTP_LINGER": "0s", "HTTP_MERCHANT_RATE": "0", "HTTP_SOURCE_RATE": "0", "WORKER_ROLES": roles, "MAX_WORKERS": strconv.Itoa(max(p.workers, 1)),
		// A crashed worker's claims and deliveries come back soon.
		"ACK_WAIT": "4s", "CLAIM_LEASE": "4s", "QUERY_TIMEOUT": "1s", "RATE_WAIT_MAX": "1s", "NATS_PUBLISH_TIMEOUT": "1500ms",
		"SWEEP_DELAYS": sweepDelays, "SWEEP_LOOK_BACK": sweepLookBack, "SWEEP_SHARE": "1",
		"TOPOLOGY_CHECK_INTERVAL": "5s", "NATS_CONNECT_TIMEOUT": "2s",
	}
	if p.cluster {
		env["STREAM_REPLICAS"] = "3"
		// A fifth of a second would keep servers busy that are to elect a leader.
		env["RETRY_MAX"] = "2s"
	}
	for _, pair := range p.env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

// program starts one of the programs in its role at NATS.
func (r *rig) program(role, name string, env map[string]string, natsURL func(role, program string) string, more ...string) *testserver.Process {
	r.t.Helper()
	admin := testserver.FreeAddr(r.t)
	list := append([]string{}, more...)
	list = append(list, "ADMIN_ADDR="+admin, "NATS_URL="+natsURL(role, name), "NATS_INBOX_PREFIX="+testserver.InboxPrefix(role))
	for key, value := range env {
		list = append(list, key+"="+value)
	}
	return testserver.Program(r.t, filepath.Join(binaries, role), admin, list, natsRefuses)
}

// natsRefuses stands in what a program says when it may not do something at
// NATS.
const natsRefuses = "ermissions violation"

// setUp makes the streams, as 'settlehook setup' does in its role.
func (r *rig) setUp(env map[string]string) {
	r.t.Helper()
	env = maps.Clone(env)
	env["NATS_URL"], env["NATS_INBOX_PREFIX"] = r.nats.URL("setup"), testserver.InboxPrefix("setup")
	cfg, err := config.LoadSetup(env)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.merchants, err = config.LoadMerchants(cfg.Merchants.Path); err != nil {
		r.t.Fatal(err)
	}
	_, js := r.connect("setup")
	r.await("the streams are set up", func() bool {
		err = app.Setup(r.t.Context(), js, cfg.Topology, cfg.Sweep, r.merchants)
		return err == nil // a new cluster has no leader for a moment
	}, func() string { return fmt.Sprint(err) })
	if err := stream.Verify(r.t.Context(), js, cfg.Topology); err != nil {
		r.t.Fatal(err)
	}
	r.nc, r.js = r.connect("operator")
	_, js = r.connect("order-service")
	r.book = orders.NewBook(js, 2*time.Second)
}

// connect opens a connection in a role, as our programs do, until the test ends.
func (r *rig) connect(role string) (*nats.Conn, jetstream.JetStream) {
	r.t.Helper()
	var url config.NATSURL
	if err := url.UnmarshalText([]byte(r.nats.URL(role))); err != nil {
		r.t.Fatal(err)
	}
	nc, js, err := app.Connect(config.NATS{
		URL: url, InboxPrefix: testserver.InboxPrefix(role), ConnectTimeout: 5 * time.Second, PublishTimeout: 5 * time.Second,
	}, "soak "+role, zap.NewNop(), func(error) {})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc, js
}

// await waits until something holds.
func (r *rig) await(what string, holds func() bool, say ...func() string) {
	r.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			for _, s := range say {
				r.t.Log(s())
			}
			r.dump()
			r.t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// waitFor waits until something holds for as long as something else moves on.
func (r *rig) waitFor(what string, moves func(was float64) (now float64, moved bool), holds func() bool) {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	at, since := -1.0, time.Now()
	for !holds() {
		<-tick.C
		r.healthy()
		if now, moved := moves(at); moved {
			at, since = now, time.Now()
		}
		if time.Since(since) > patience {
			r.dump()
			r.t.Fatalf("not for %s: %s", patience, what)
		}
	}
}

// dump prints what the programs said last.
func (r *rig) dump() {
	for _, p := range r.programs() {
		var lines []string
		for line := range strings.Lines(p.Output()) {
			if !strings.Contains(line, `"callback refused"`) { // thousands, while NATS is away
				lines = append(lines, line)
			}
		}
		r.t.Logf("%s said:\n%s", p.Name, strings.Join(lines[max(0, len(lines)-50):], ""))
	}
}

func (r *rig) programs() []*testserver.Process {
	var all []*testserver.Process
	if r.receiver != nil {
		all = append(all, r.receiver)
	}
	return append(all, r.workers...)
}

// healthy: no program ended by itself.
func (r *rig) healthy() {
	r.t.Helper()
	for _, p := range r.programs() {
		if err := p.Died(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// permitted: NATS refused nothing that a program does.
func (r *rig) permitted() {
	r.t.Helper()
	for _, p := range r.programs() {
		for _, line := range p.Seen() {
			r.t.Errorf("%s may not do what it does at NATS: %s", p.Name, line)
		}
	}
}

package doctor_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/doctor"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/tlsfiles/tlsfilestest"
	"github.com/settlehook/settlehook/internal/up"
)

// site is an installation: servers as processes, our programs and a gateway in
// the test, each with the role of deploy/nats.
type site struct {
	t         *testing.T
	nats      testserver.NATSServers
	redis     *testserver.Process
	gateway   *sandbox.Server
	authority *tlsfilestest.Authority
	env       map[string]string   // the doctor's
	js        jetstream.JetStream // of an administrator, who may do everything
}

// plan is how a site departs from the usual one.
type plan struct {
	async   bool // NATS syncs writes later
	cluster bool
	deny    string            // a subject that the operator may not ask on
	env     map[string]string // of every program
	unset   bool              // nothing is set up, and nothing runs
}

// newSite starts an installation that nothing is wrong with, but for its plan.
// As with KEDA no worker decides callbacks while there are none.
func newSite(t *testing.T, p plan) *site {
	t.Helper()
	redisconn.LogTo(zap.NewNop())
	s := &site{t: t, redis: testserver.Redis(t), authority: tlsfilestest.NewAuthority(t)}
	s.startNATS(p)
	merchants, gatewayAddr := filepath.Join(t.TempDir(), "merchants.yaml"), testserver.FreeAddr(t)
	receiver := testserver.FreeAddr(t)
	s.env = map[string]string{
		"INSTALLATION": "test", "MERCHANTS_FILE": merchants, "STREAM_REPLICAS": "1",
		"NATS_URL": s.nats.URL("operator"), "NATS_INBOX_PREFIX": testserver.InboxPrefix("operator"),
		"NATS_MONITOR_URLS": s.monitors(), "REDIS_URL": "redis://" + s.redis.Addr + "/0", "PUBLIC_URL": "https://" + receiver,
		// A busy machine is not a broken one.
		"REDIS_DIAL_TIMEOUT": "5s", "REDIS_READ_TIMEOUT": "5s", "REDIS_WRITE_TIMEOUT": "5s",
	}
	maps.Copy(s.env, p.env)
	s.writeMerchants(gatewayAddr, "right")
	s.startGateway(gatewayAddr)
	if !p.unset {
		s.setUp()
		s.startReceiver(receiver)
		s.startWorker("sweep")
	}
	return s
}

func (s *site) startNATS(p plan) {
	s.t.Helper()
	if p.cluster {
		s.nats = testserver.NATSCluster(s.t)
		return
	}
	text := testserver.Permissions(s.t)
	if p.deny != "" {
		before, operator, _ := strings.Cut(text, "user: operator")
		text = before + "user: operator" + strings.Replace(operator, `"`+p.deny+`"`, "", 1)
	}
	// An administrator, beside the roles, for what tests break.
	text = strings.Replace(text, "users: [", "users: [\n{ user: admin, password: admin }", 1)
	s.nats = testserver.NATSAlone(s.t, testserver.NATSConfig{Name: "nats-0", SyncAlways: !p.async, More: text})
}

func (s *site) monitors() string {
	var urls []string
	for _, p := range s.nats {
		urls = append(urls, "http://"+p.Monitor)
	}
	return strings.Join(urls, ",")
}

// as is the environment of a program with a role.
func (s *site) as(role string, more ...string) map[string]string {
	env := maps.Clone(s.env)
	env["NATS_URL"], env["NATS_INBOX_PREFIX"] = s.nats.URL(role), testserver.InboxPrefix(role)
	env["ADMIN_ADDR"] = "127.0.0.1:0"
	for _, pair := range more {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

// writeMerchants writes the file with a key that the gateway knows, or not.
func (s *site) writeMerchants(gateway, key string) {
	s.t.Helper()
	text := fmt.Sprintf(`merchants:
  - {id: m1001, account: "8801", currency: INR, region: india, gateway: "http://%s", rate: 1000, keys: [{id: "2026-11", secret: %s-key}]}
`, gateway, key)
	must(s.t, os.WriteFile(s.env["MERCHANTS_FILE"], []byte(text), 0o600))
}

func (s *site) merchants() *config.Merchants {
	s.t.Helper()
	all, err := config.LoadMerchants(s.env["MERCHANTS_FILE"])
	must(s.t, err)
	return all
}

func (s *site) startGateway(addr string) {
	s.t.Helper()
	var err error
	s.gateway, err = sandbox.New(sandbox.Config{Addr: addr, AdminAddr: "127.0.0.1:0", Merchants: up.SandboxMerchants(s.merchants()), Seed: 1, Run: "doctor"})
	must(s.t, err)
	must(s.t, s.gateway.Start())
	s.t.Cleanup(func() { _ = s.gateway.Close() })
}

// setUp does what 'settlehook setup' does, as its role.
func (s *site) setUp() {
	s.t.Helper()
	cfg, err := config.LoadSetup(s.as("setup"))
	must(s.t, err)
	nc, js, err := app.Connect(cfg.NATS, "setup", zap.NewNop(), func(error) {})
	must(s.t, err)
	defer nc.Close()
	must(s.t, app.Setup(s.t.Context(), js, cfg.Topology, cfg.Sweep, s.merchants()))
}

func (s *site) startReceiver(addr string) {
	s.t.Helper()
	cert, key := s.authority.Issue("receiver")
	cfg, err := config.LoadReceiver(s.as("receiver", "HTTP_ADDR="+addr, "HTTP_LINGER=0s", "HTTP_TLS_CERT="+cert, "HTTP_TLS_KEY="+key))
	must(s.t, err)
	r, err := app.NewReceiver(s.t.Context(), cfg, app.Options{Logger: zap.NewNop()})
	must(s.t, err)
	s.run(r.Run)
}

// serverTLS is what a server on loopback needs.
func (s *site) serverTLS() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{s.authority.Pair(s.authority.Issue("proxy"))}, MinVersion: tls.VersionTLS12}
}

func (s *site) startWorker(roles string) {
	s.t.Helper()
	cfg, err := config.LoadWorker(s.as("worker", "WORKER_ROLES="+roles))
	must(s.t, err)
	w, err := app.NewWorker(s.t.Context(), cfg, app.Options{Logger: zap.NewNop()})
	must(s.t, err)
	s.run(w.Run)
	_, js := s.connect("operator", testserver.InboxPrefix("operator"))
	await(s.t, "a worker that sweeps", func() bool {
		c, err := js.Consumer(s.t.Context(), "ORDERS", "sweep-1-m1001")
		return err == nil && c.CachedInfo().NumWaiting > 0
	})
}

// run runs a program until the test ends. What it returns is not looked at:
// tests break the streams under it.
func (s *site) run(program func(context.Context) error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = program(ctx) }()
	s.t.Cleanup(func() { stop(); <-ended })
}

// connect connects a user of the servers.
func (s *site) connect(user, inbox string) (*nats.Conn, jetstream.JetStream) {
	s.t.Helper()
	url := s.nats.URL(user)
	if user == "admin" {
		url = "nats://admin:admin@" + s.nats[0].Addr
	}
	nc, err := nats.Connect(url, nats.CustomInboxPrefix(inbox))
	must(s.t, err)
	s.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(s.t, err)
	return nc, js
}

// admin may do everything.
func (s *site) admin() jetstream.JetStream {
	s.t.Helper()
	if s.js == nil {
		_, s.js = s.connect("admin", "_INBOX")
	}
	return s.js
}

func (s *site) redisClient() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.redis.Addr})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// examine runs the doctor; change departs from how it is usually run.
func (s *site) examine(change func(*doctor.Options)) []doctor.Finding {
	s.t.Helper()
	cfg, contradictions, err := config.LoadDoctor(s.env)
	must(s.t, err)
	o := doctor.Options{Settings: cfg, Contradictions: contradictions, Roots: s.authority.Pool()}
	if change != nil {
		change(&o)
	}
	return doctor.Run(s.t.Context(), o)
}

// problems are what somebody has to do something about.
func problems(found []doctor.Finding) []doctor.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f doctor.Finding) bool {
		return f.Status == doctor.OK || f.Status == doctor.Skipped
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience bounds every wait on a busy machine; no test is meant to need it.
const patience = 2 * time.Minute

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

package monitoring_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/orders"
)

const (
	installationName = "monitoring"
	merchantID       = "m1001"
)

// installation is the programs as deploy/k8s runs them, on a cluster of NATS
// with its roles, with one merchant whose gateway is a sandbox.
type installation struct {
	t         *testing.T
	nats      testserver.NATSServers
	redis     *testserver.Process
	gateway   *sandbox.Server
	merchants *config.Merchants
	orders    jetstream.JetStream
	http      string // the receiver's
	targets   []target
}

func startInstallation(t *testing.T) *installation {
	t.Helper()
	binaries := build(t)
	i := &installation{t: t, nats: testserver.NATSCluster(t), redis: testserver.Redis(t), http: testserver.FreeAddr(t)}
	gateway := testserver.FreeAddr(t)
	env := i.environment(gateway)
	i.setUp(env)
	i.startGateway(gateway)
	for _, one := range []struct{ component, program, roles string }{
		{"receiver", "receiver", ""}, {"worker", "worker", "callbacks"}, {"sweeper", "worker", "sweep"},
	} {
		admin := testserver.FreeAddr(t)
		list := []string{
			"ADMIN_ADDR=" + admin, "HTTP_ADDR=" + i.http, "WORKER_ROLES=" + one.roles,
			"NATS_URL=" + i.nats.URL(one.program), "NATS_INBOX_PREFIX=" + testserver.InboxPrefix(one.program),
		}
		for name, value := range env {
			list = append(list, name+"="+value)
		}
		testserver.Program(t, filepath.Join(binaries, one.program), admin, list)
		i.targets = append(i.targets, target{one.component, admin})
	}
	if err := i.gateway.SetNotifyBase("http://" + i.http); err != nil {
		t.Fatal(err)
	}
	return i
}

func build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", dir+string(filepath.Separator), "./cmd/receiver", "./cmd/worker")
	cmd.Dir = testserver.Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return dir
}

// environment is what all programs have in common.
func (i *installation) environment(gateway string) map[string]string {
	file := filepath.Join(i.t.TempDir(), "merchants.yaml")
	write(i.t, file, []byte(`merchants:
  - id: `+merchantID+`
    account: "8801"
    currency: INR
    region: india
    timezone: Asia/Kolkata
    payFee: added
    gateway: http://`+gateway+`
    rate: 1000
    balanceMinimum: "10000.00"
    keys: [{id: "2026-05", secret: "secret-of-the-merchant"}]
`))
	monitors := make([]string, len(i.nats))
	for n, server := range i.nats {
		monitors[n] = "http://" + server.Monitor
	}
	return map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME"),
		"INSTALLATION": installationName, "MERCHANTS_FILE": file, "STREAM_REPLICAS": "3", "LOG_LEVEL": "warn",
		"REDIS_URL": "redis://" + i.redis.Addr + "/0", "NATS_MONITOR_URLS": strings.Join(monitors, ","),
		"SURVEY_INTERVAL": "1s", "BALANCE_INTERVAL": "1s", "TOPOLOGY_CHECK_INTERVAL": "1s",
		"RETRY_MIN": "50ms", "RETRY_MAX": "1s", "ATTEMPTS": "3", "HTTP_SOURCE_RATE": "0",
		"SWEEP_DELAYS": "2s,4s", "SWEEP_LOOK_BACK": "4s", "SWEEP_SHARE": "1",
	}
}

// setUp makes the streams, as 'settlehook setup' does in its role.
func (i *installation) setUp(env map[string]string) {
	i.t.Helper()
	env = maps.Clone(env)
	env["NATS_URL"], env["NATS_INBOX_PREFIX"] = i.nats.URL("setup"), testserver.InboxPrefix("setup")
	cfg, err := config.LoadSetup(env)
	if err != nil {
		i.t.Fatal(err)
	}
	if i.merchants, err = config.LoadMerchants(cfg.Merchants.Path); err != nil {
		i.t.Fatal(err)
	}
	js := i.connect("setup")
	await(i.t, "the streams are set up", func() error { // a new cluster has no leader for a moment
		return app.Setup(i.t.Context(), js, cfg.Topology, cfg.Sweep, i.merchants)
	})
	i.orders = i.connect("order-service")
}

// connect opens a connection in a role, as our programs do, until the test ends.
func (i *installation) connect(role string) jetstream.JetStream {
	i.t.Helper()
	var url config.NATSURL
	if err := url.UnmarshalText([]byte(i.nats.URL(role))); err != nil {
		i.t.Fatal(err)
	}
	nc, js, err := app.Connect(config.NATS{
		URL: url, InboxPrefix: testserver.InboxPrefix(role), ConnectTimeout: 5 * time.Second, PublishTimeout: 5 * time.Second,
	}, "monitoring "+role, zap.NewNop(), func(error) {})
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(nc.Close)
	return js
}

// startGateway starts a sandbox whose time passes a thousand times faster, and
// that does every mischief, so that there is something to count.
func (i *installation) startGateway(addr string) {
	i.t.Helper()
	mischief := sandbox.Hostile()
	delete(mischief, sandbox.CallHanging) // costs time and counts like others
	mischief[sandbox.PushNone] = 0.2      // for the sweep
	var err error
	i.gateway, err = sandbox.New(sandbox.Config{
		Addr: addr, AdminAddr: "127.0.0.1:0", Merchants: up.SandboxMerchants(i.merchants),
		TimeScale: 1000, Seed: 7, Run: merchantID, Mischief: mischief,
	})
	if err != nil {
		i.t.Fatal(err)
	}
	if err := i.gateway.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = i.gateway.Close() })
}

// traffic has orders made, paid and pushed, and somebody send junk.
func (i *installation) traffic(total int) {
	i.t.Helper()
	m, _ := i.merchants.Get(merchantID)
	s, err := up.NewShop(up.Shop{
		Gateway: i.gateway, Merchants: []*config.Merchant{m}, Notify: "http://" + i.http, Installation: installationName,
		Orders: orders.NewBook(i.orders, 5*time.Second), Timeout: 2 * time.Second, Seed: 7, Run: merchantID, Log: zap.NewNop(),
	})
	if err != nil {
		i.t.Fatal(err)
	}
	if _, err := s.Run(i.t.Context(), shop.Traffic{Total: total, Rate: 100, Creators: 8}); err != nil {
		i.t.Errorf("order service: %v", err)
	}
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	if err := i.gateway.WaitIdle(ctx); err != nil {
		i.t.Errorf("gateway: %v", err)
	}
	for path, body := range map[string]string{
		"/callbacks/collect/nobody":        `{}`,
		"/callbacks/collect/" + merchantID: `{"orderId":"X1","amount":1.00,"status":1,"sign":"` + strings.Repeat("0", 32) + `"}`,
		"/callbacks/pay/" + merchantID:     `{`,
	} {
		res, err := http.Post("http://"+i.http+path, "application/json", strings.NewReader(body))
		if err != nil {
			i.t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode < http.StatusBadRequest {
			i.t.Error(fmt.Errorf("junk to %s was answered %d", path, res.StatusCode))
		}
	}
}

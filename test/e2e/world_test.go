package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

// The merchants of every test. Each has a gateway of its own, so that one can
// be dead while the other is not.
const (
	alice = "alice"
	bob   = "bob"
)

const installation = "e2e"

// world is one installation: servers and programs as processes, gateways in
// the test.
type world struct {
	t         *testing.T
	nats      *testserver.Process
	redis     *testserver.Process
	receiver  *program
	workers   []*program
	gateways  map[string]*sandbox.Server // by merchant
	merchants *config.Merchants
	env       map[string]string
	js        jetstream.JetStream
	nc        *nats.Conn
}

// timeScale makes the 32 minutes of the push schedule two seconds.
const timeScale = 1000

// patience bounds every wait on a busy machine; no test is meant to need it.
const patience = 2 * time.Minute

// newWorld starts everything but the workers. extra are environment variables
// for the programs.
func newWorld(t *testing.T, workers int, extra ...string) *world {
	t.Helper()
	return newWorldAt(t, timeScale, nil, workers, extra...)
}

// newWorldAt is newWorld with gateways whose time passes scale times faster, and
// that do this mischief.
func newWorldAt(t *testing.T, scale float64, mischief sandbox.Rates, workers int, extra ...string) *world {
	t.Helper()
	w := &world{t: t, nats: testserver.NATSProcess(t), redis: testserver.Redis(t), gateways: map[string]*sandbox.Server{}}
	addrs := map[string]string{alice: testserver.FreeAddr(t), bob: testserver.FreeAddr(t)}
	file := writeMerchants(t, addrs)
	w.env = environment(w, file, extra)
	w.setUp(file)
	for id, addr := range addrs {
		w.gateways[id] = w.startGateway(id, addr, scale, mischief)
	}
	w.receiver = startProgram(t, "receiver", w.env)
	for _, g := range w.gateways {
		if err := g.SetNotifyBase("http://" + w.receiver.http); err != nil {
			t.Fatal(err)
		}
	}
	for range workers {
		w.workers = append(w.workers, startProgram(t, "worker", w.env))
	}
	return w
}

func environment(w *world, merchantsFile string, extra []string) map[string]string {
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME"),
		"INSTALLATION": installation, "NATS_URL": "nats://" + w.nats.Addr, "REDIS_URL": "redis://" + w.redis.Addr + "/0",
		"MERCHANTS_FILE": merchantsFile, "STREAM_REPLICAS": "1", "LOG_LEVEL": "info",
		"RETRY_MIN": "20ms", "RETRY_MAX": "200ms", "BREAKER_OPEN": "300ms", "ATTEMPTS": "5",
		"HTTP_LINGER": "0s", "HTTP_MERCHANT_RATE": "0", "HTTP_SOURCE_RATE": "0",
		// A crashed worker's claims and deliveries come back soon.
		"ACK_WAIT": "4s", "CLAIM_LEASE": "4s", "QUERY_TIMEOUT": "1s", "RATE_WAIT_MAX": "1s", "NATS_PUBLISH_TIMEOUT": "1500ms",
	}
	for _, pair := range extra {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

func writeMerchants(t *testing.T, gateways map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("merchants:\n")
	for id, region := range map[string]string{
		alice: "currency: INR\n    region: india\n    timezone: Asia/Kolkata\n    payFee: added",
		bob:   "currency: BRL\n    region: brazil\n    timezone: America/Sao_Paulo\n    payFee: included",
	} {
		fmt.Fprintf(&b, `  - id: %s
    account: "88-%[1]s"
    %[3]s
    gateway: http://%[2]s
    rate: 10000
    keys: [{id: "old", secret: "old-%[1]s"}, {id: "now", secret: "now-%[1]s"}]
`, id, gateways[id], region)
	}
	path := filepath.Join(t.TempDir(), "merchants.yaml")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// setUp makes the streams, as `settlehook setup` does, and connects the test.
func (w *world) setUp(merchantsFile string) {
	w.t.Helper()
	cfg, err := config.LoadSetup(w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.merchants, err = config.LoadMerchants(merchantsFile); err != nil {
		w.t.Fatal(err)
	}
	if w.nc, err = stream.Connect(cfg.NATS, "e2e", zap.NewNop(), func(error) {}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.nc.Close)
	if w.js, err = jetstream.New(w.nc); err != nil {
		w.t.Fatal(err)
	}
	if err := app.Setup(w.t.Context(), w.js, cfg.Topology, cfg.Sweep, w.merchants); err != nil {
		w.t.Fatal(err)
	}
}

// startGateway starts a merchant's gateway, whose order service submits every
// order first.
func (w *world) startGateway(merchant, addr string, scale float64, mischief sandbox.Rates) *sandbox.Server {
	w.t.Helper()
	book := orders.NewBook(w.js, 5*time.Second)
	var mine []sandbox.Merchant
	for _, m := range up.SandboxMerchants(w.merchants) {
		if m.ID == merchant {
			mine = append(mine, m)
		}
	}
	s, err := sandbox.New(sandbox.Config{
		Addr: addr, AdminAddr: "127.0.0.1:0", Merchants: mine, TimeScale: scale, Seed: 7, Run: merchant, Mischief: mischief, MaxOrders: 1_000_000,
		OnCreate: func(ctx context.Context, o sandbox.Order) error { return up.Announce(ctx, book, installation, o) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	return s
}

// post posts a body to the receiver as the gateway would.
func (w *world) post(flow, merchant, contentType string, body []byte) (status int, answer string) {
	w.t.Helper()
	res, err := http.Post("http://"+w.receiver.http+"/callbacks/"+flow+"/"+merchant, contentType, bytes.NewReader(body))
	if err != nil {
		w.t.Fatalf("post: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("read the answer: %v", err)
	}
	return res.StatusCode, string(b)
}

// await waits until something holds.
func (w *world) await(what string, holds func() bool) {
	w.t.Helper()
	await(w.t, what, holds, w.dump)
}

// dump prints what the programs said last.
func (w *world) dump() {
	for _, p := range append([]*program{w.receiver}, w.workers...) {
		if p != nil {
			w.t.Logf("%s said:\n%s", p.name, p.tail())
		}
	}
}

func await(t *testing.T, what string, holds func() bool, failed func()) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			failed()
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// count is how many messages a stream holds.
func (w *world) count(name string) uint64 {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), name)
	if err != nil {
		w.t.Fatalf("read %s: %v", name, err)
	}
	return s.CachedInfo().State.Msgs
}

// drained reports whether nothing of a merchant's callbacks is left to do.
func (w *world) drained(merchant string) bool {
	c, err := w.js.Consumer(w.t.Context(), stream.Callbacks, stream.ReconcilerName(merchant))
	if err != nil {
		return false
	}
	info := c.CachedInfo()
	return info.NumPending == 0 && info.NumAckPending == 0
}

// swept reports whether every order of a merchant has had all its turns, in so
// many tiers and in the look-back.
func (w *world) swept(merchant string, tiers int) bool {
	durables := map[string]string{"lookback-" + merchant: stream.Payments}
	for i := range tiers {
		durables[fmt.Sprintf("sweep-%d-%s", i+1, merchant)] = stream.Orders
	}
	for durable, name := range durables {
		c, err := w.js.Consumer(w.t.Context(), name, durable)
		if err != nil {
			return false
		}
		if info := c.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
			return false
		}
	}
	return true
}

// read returns every message of a stream.
func (w *world) read(name string) []jetstream.Msg {
	w.t.Helper()
	want := int(w.count(name))
	if want == 0 {
		return nil
	}
	c, err := w.js.OrderedConsumer(w.t.Context(), name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		w.t.Fatal(err)
	}
	it, err := c.Messages()
	if err != nil {
		w.t.Fatal(err)
	}
	defer it.Stop()
	var all []jetstream.Msg
	for len(all) < want {
		m, err := it.Next(jetstream.NextMaxWait(30 * time.Second))
		if err != nil {
			w.t.Fatalf("read %s: %v", name, err)
		}
		all = append(all, m)
	}
	return all
}

// ledger is what PAYMENTS holds, by merchant and order.
type ledger map[string][]events.Event

func (w *world) ledger() ledger {
	w.t.Helper()
	l := ledger{}
	for _, m := range w.read(stream.Payments) {
		e, err := events.Decode(m.Data())
		if err != nil {
			w.t.Fatalf("%s: %v", m.Subject(), err)
		}
		if e.NATSSubject() != m.Subject() {
			w.t.Fatalf("event %s is on subject %s", e.ID, m.Subject())
		}
		l.add(e)
	}
	return l
}

func (l ledger) add(e events.Event) {
	p := e.Data.Common()
	key := p.Merchant + "/" + p.OrderID
	l[key] = append(l[key], e)
}

// of returns one order's events, in their order.
func (l ledger) of(merchant, order string) []events.Event { return l[merchant+"/"+order] }

// holds asserts one order's events: outcomes, and reviews and resolutions with
// their reason.
func (l ledger) holds(t *testing.T, merchant, order string, want ...string) {
	t.Helper()
	var got []string
	for _, e := range l.of(merchant, order) {
		text := string(e.Outcome())
		if !e.Outcome().Final() {
			text += " " + e.Data.Common().Reason
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the ledger has %q, want %q", order, got, want)
	}
}

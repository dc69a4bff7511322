//go:build k8s

package k8s

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
	"github.com/settlehook/settlehook/test/ledgercheck"
)

const installationName = "k8s"

// Two merchants, so that one trigger alone can't be right. The rate keeps work
// waiting for long enough to be seen by KEDA.
const (
	merchantRate  = 15 // order queries a second
	ordersApiece  = 450
	merchantsFile = `merchants:
  - id: m1001
    currency: INR
    region: india
    timezone: Asia/Kolkata
    payFee: added
    gateway: http://%[1]s
    rate: %[2]d
    keys: [{id: now, secret: k3y-1001}]
  - id: m1002
    currency: BRL
    region: brazil
    timezone: America/Sao_Paulo
    payFee: added
    gateway: http://%[1]s
    rate: %[2]d
    keys: [{id: now, secret: k3y-1002}]
`
)

// installation is everything around the workers, as processes: NATS with its
// monitoring port, Redis, the receiver; and the gateway in the test.
type installation struct {
	t         testing.TB
	monitor   string // of NATS, host:port
	file      string // of merchants
	env       []string
	merchants *config.Merchants
	js        jetstream.JetStream
	gateway   *sandbox.Server
	receiver  *process
}

// newInstallation starts one without workers, whose streams `settlehook setup`
// has made. env is for all of our programs.
func newInstallation(t testing.TB, env ...string) *installation {
	t.Helper()
	i := &installation{t: t, file: filepath.Join(t.TempDir(), "merchants.yaml")}
	gateway := testserver.FreeAddr(t)
	writeFile(t, i.file, fmt.Appendf(nil, merchantsFile, gateway, merchantRate))
	var err error
	if i.merchants, err = config.LoadMerchants(i.file); err != nil {
		t.Fatal(err)
	}
	natsURL := i.startNATS()
	i.env = append([]string{
		"HOME=" + t.TempDir(), "INSTALLATION=" + installationName, "MERCHANTS_FILE=" + i.file, "NATS_URL=" + natsURL,
		"REDIS_URL=redis://" + testserver.Redis(t).Addr + "/0", "STREAM_REPLICAS=1",
		"HTTP_MERCHANT_RATE=0", "HTTP_SOURCE_RATE=0",
		"WORKER_IN_FLIGHT=8", // for more workers than one at a small rate
	}, env...)
	i.settlehook("setup")
	i.connect(natsURL)
	i.startGateway(gateway)
	i.startReceiver()
	return i
}

func (i *installation) startNATS() (url string) {
	i.t.Helper()
	addr, dir := testserver.FreeAddr(i.t), i.t.TempDir()
	i.monitor = testserver.FreeAddr(i.t)
	host, port, _ := net.SplitHostPort(addr)
	_, monitorPort, _ := net.SplitHostPort(i.monitor)
	start(i.t, exec.Command(testserver.Binary(i.t, "nats-server"), "-a", host, "-p", port, "-m", monitorPort, "-js", "-sd", dir),
		answers(http.DefaultClient, "http://"+i.monitor+"/healthz"))
	return "nats://" + addr
}

// settlehook runs a command of settlehook, and returns what it prints.
func (i *installation) settlehook(args ...string) string {
	i.t.Helper()
	cmd := exec.Command(filepath.Join(programs, "settlehook"), args...)
	cmd.Env = i.env
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		i.t.Fatalf("settlehook %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

func (i *installation) connect(url string) {
	i.t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(conn.Close)
	if i.js, err = jetstream.New(conn); err != nil {
		i.t.Fatal(err)
	}
}

// startGateway starts the gateway, whose order service registers every order.
func (i *installation) startGateway(addr string) {
	i.t.Helper()
	book := orders.NewBook(i.js, 10*time.Second)
	s, err := sandbox.New(sandbox.Config{
		Addr: addr, AdminAddr: "127.0.0.1:0", Merchants: up.SandboxMerchants(i.merchants), TimeScale: 1000, Seed: 7, Run: "k8s",
		OnCreate: func(ctx context.Context, o sandbox.Order) error { return up.Announce(ctx, book, installationName, o) },
	})
	if err != nil {
		i.t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = s.Close() })
	i.gateway = s
}

func (i *installation) startReceiver() {
	i.t.Helper()
	addr := testserver.FreeAddr(i.t)
	i.receiver = i.program("receiver", "HTTP_ADDR="+addr)
	if err := i.gateway.SetNotifyBase("http://" + addr); err != nil {
		i.t.Fatal(err)
	}
}

// program starts one of our programs, and returns once it is ready.
func (i *installation) program(name string, env ...string) *process {
	i.t.Helper()
	admin := testserver.FreeAddr(i.t)
	cmd := exec.Command(filepath.Join(programs, name))
	cmd.Env = append(append(append([]string(nil), i.env...), "ADMIN_ADDR="+admin, "PATH="+os.Getenv("PATH")), env...)
	return start(i.t, cmd, answers(http.DefaultClient, "http://"+admin+"/readyz"))
}

// push makes orders of every merchant succeed, and waits until the receiver has
// taken the callbacks of all.
func (i *installation) push() {
	i.t.Helper()
	for _, m := range i.merchants.All() {
		for n := range ordersApiece {
			i.settle(m.ID, fmt.Sprintf("%s-%04d", m.ID, n))
		}
	}
	i.awaitAccepted()
}

// settle makes an order of a merchant succeed, which the gateway then pushes.
func (i *installation) settle(merchant, id string) {
	i.t.Helper()
	if _, err := i.gateway.CreateOrder(i.t.Context(), sandbox.NewOrder{
		Merchant: merchant, Flow: sandbox.Collect, OrderID: id, Amount: decimal.MustNew(1000, 0),
	}); err != nil {
		i.t.Fatal(err)
	}
	if _, err := i.gateway.Apply(merchant, id, sandbox.Change{Action: sandbox.Settle}); err != nil {
		i.t.Fatal(err)
	}
}

// awaitAccepted waits until the receiver has taken the callback of every order.
func (i *installation) awaitAccepted() {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	if err := i.gateway.WaitIdle(ctx); err != nil {
		i.t.Fatal(err)
	}
	for _, r := range i.gateway.Books() {
		if !r.Accepted {
			i.t.Fatalf("the receiver did not take the callback of %s: %+v", r.OrderID, r.Pushes)
		}
	}
}

// waiting is how many callbacks are not through yet.
func (i *installation) waiting() (n int) {
	i.t.Helper()
	for _, m := range i.merchants.All() {
		c, err := i.js.Consumer(i.t.Context(), stream.Callbacks, stream.ReconcilerName(m.ID))
		if err != nil {
			i.t.Fatal(err)
		}
		info := c.CachedInfo()
		n += int(info.NumPending) + info.NumAckPending
	}
	return n
}

// audit holds the ledger to the gateway's books: every order told, once, with
// its amount, and nothing else.
func (i *installation) audit() {
	i.t.Helper()
	ledger := i.ledger()
	books := i.gateway.Books()
	if want := ordersApiece * len(i.merchants.All()); len(books) != want || len(ledger) != want {
		i.t.Errorf("%d orders in the gateway's books and %d in the ledger, want %d", len(books), len(ledger), want)
	}
	for _, r := range books {
		chain := ledger[r.Merchant+"/"+r.OrderID]
		if len(chain) != 1 {
			i.t.Errorf("%s has %d events", r.OrderID, len(chain))
		}
		_, faults := ledgercheck.FromSandbox(r, events.PayFeeAdded).Check(chain, false)
		for _, fault := range faults {
			i.t.Error(fault.Text)
		}
	}
}

// ledger is every event of PAYMENTS, by merchant and order.
func (i *installation) ledger() map[string][]events.Event {
	i.t.Helper()
	s, err := i.js.Stream(i.t.Context(), stream.Payments)
	if err != nil {
		i.t.Fatal(err)
	}
	c, err := i.js.OrderedConsumer(i.t.Context(), stream.Payments, jetstream.OrderedConsumerConfig{})
	if err != nil {
		i.t.Fatal(err)
	}
	all := map[string][]events.Event{}
	for range s.CachedInfo().State.Msgs {
		m, err := c.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			i.t.Fatal(err)
		}
		if err := contracttest.Event(m.Data()); err != nil {
			i.t.Errorf("%s breaks the contract: %v", m.Subject(), err)
		}
		e, err := events.Decode(m.Data())
		if err != nil {
			i.t.Fatal(err)
		}
		p := e.Data.Common()
		all[p.Merchant+"/"+p.OrderID] = append(all[p.Merchant+"/"+p.OrderID], e)
	}
	return all
}

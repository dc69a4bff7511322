package stream

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// accepted is a callback as the receiver stores it.
func accepted(t testing.TB, merchant, orderID string) Accepted {
	t.Helper()
	body := fmt.Sprintf(`{"orderId":%q,"platOrderId":"P1","amount":1000.00,"status":1,"reverse":false,"fee":0,"remark":"no","sign":"%s"}`,
		orderID, strings.Repeat("0", 32))
	params, err := sign.Parse("application/json", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	cb, err := callback.FromParams(params)
	if err != nil {
		t.Fatal(err)
	}
	return Accepted{
		Flow: events.FlowCollect, Merchant: merchant, Callback: cb, Body: []byte(body),
		ContentType: "application/json", ReceivedAt: reconciletest.Start, KeyID: "k1", Source: "192.0.2.1",
	}
}

// store stores n callbacks of a merchant.
func (b *bench) store(t testing.TB, merchant string, n int) {
	t.Helper()
	log := NewCallbackLog(b.js)
	for i := range n {
		if _, err := log.Store(within(t), accepted(t, merchant, fmt.Sprintf("A%d", i))); err != nil {
			t.Fatal(err)
		}
	}
}

// info is what the server knows of a merchant's durable.
func (b *bench) info(t testing.TB, merchant string) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := b.js.Consumer(within(t), Callbacks, ReconcilerName(merchant))
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

// settled waits until the server has heard what became of everything.
func (b *bench) settled(t testing.TB, merchant string) {
	t.Helper()
	eventually(t, "every callback of "+merchant+" is acknowledged", func() bool {
		i := b.info(t, merchant)
		return i.NumPending == 0 && i.NumAckPending == 0
	})
}

// processorFunc is a processor.
type processorFunc func(context.Context, reconcile.Delivery) reconcile.Result

func (f processorFunc) Process(ctx context.Context, d reconcile.Delivery) reconcile.Result {
	return f(ctx, d)
}

var (
	acknowledge = reconcile.Result{Disposition: reconcile.Acknowledge}
	park        = reconcile.Result{Disposition: reconcile.Park, Cause: "expired"}
)

// acks acknowledges everything.
func acks(context.Context, reconcile.Delivery) reconcile.Result { return acknowledge }

// processed is what an observer heard.
type processed struct {
	reconcile.Delivery
	reconcile.Result
}

// observations hears of every delivery.
type observations chan processed

func (o observations) Processed(_ context.Context, d reconcile.Delivery, res reconcile.Result, _ time.Duration) {
	o <- processed{d, res}
}

func (o observations) next(t testing.TB) processed {
	t.Helper()
	return receive(t, o, "a delivery")
}

// receive waits for what must come.
func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case v := <-c:
		return v
	case <-timeout.C:
		t.Fatalf("%s did not come within %s", what, patience)
		panic("unreachable")
	}
}

// gate is a gate that the test opens and shuts. Each call of Wait is announced
// in asked, and answered from answers.
type gate struct {
	asked   chan struct{}
	answers chan bool // probe

	mu   sync.Mutex
	shut chan struct{}
}

func newGate() *gate {
	return &gate{asked: make(chan struct{}, 100), answers: make(chan bool, 100), shut: make(chan struct{})}
}

// opened is a gate that is open until it is shut.
func opened() *gate {
	g := newGate()
	g.open(false)
	return g
}

func (g *gate) Wait(ctx context.Context) (probe bool, err error) {
	g.asked <- struct{}{}
	select {
	case probe := <-g.answers:
		return probe, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (g *gate) Shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.shut)
}

func (g *gate) open(probe bool) {
	g.mu.Lock()
	g.shut = make(chan struct{})
	g.mu.Unlock()
	g.answers <- probe
}

// running is a consumer at work.
type running struct {
	seen       observations
	logs       *observer.ObservedLogs
	warned     chan string
	stopIntake context.CancelFunc
	stopWork   context.CancelFunc
	ended      chan struct{}
}

// run starts a merchant's consumer, and ends it with the test.
func (b *bench) run(t testing.TB, merchant string, inFlight int, p processorFunc, g Gate) *running {
	t.Helper()
	core, logs := observer.New(zap.WarnLevel)
	intake, stopIntake := context.WithCancel(context.Background())
	work, stopWork := context.WithCancel(context.Background())
	r := &running{
		seen: make(observations, 1000), logs: logs, warned: make(chan string, 1000),
		stopIntake: stopIntake, stopWork: stopWork, ended: make(chan struct{}),
	}
	log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error { r.warned <- e.Message; return nil }))
	c := NewConsumer(ConsumerConfig{
		Merchant: reconcile.Merchant{ID: merchant}, Durable: Reconciler(merchant, 10, cmp.Or(b.ackWait, 30*time.Second)),
		InFlight: inFlight, Timeout: patience,
	}, b.js, p, g, r.seen, log)
	go func() {
		defer close(r.ended)
		c.Run(intake, work)
	}()
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop ends intake, then work, and waits for the end.
func (r *running) stop(t testing.TB) {
	t.Helper()
	r.stopIntake()
	r.stopWork()
	r.await(t)
}

// await waits until Run has returned.
func (r *running) await(t testing.TB) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-r.ended:
	case <-timeout.C:
		t.Fatalf("the consumer has not ended within %s", patience)
	}
}

package orderapi

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/govalues/decimal"
	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// The bounds of the outage.
const (
	outageWorkers  = 4
	outageInFlight = 8
	outageRate     = 0.4 // queries a second of each merchant
	pushEvery      = 45 * time.Second
	pushFor        = 45 * time.Minute
	downFrom       = 5 * time.Minute
	downFor        = 30 * time.Minute
	breakerPause   = 15 * time.Second
	decidedWithin  = 60 * time.Second
	rounding       = time.Microsecond // Redis counts in whole ones
)

// TestOneOutage: one merchant's order API is down for half an hour, in each of
// the ways it can be. The others' callbacks are decided within a minute; nobody's
// gateway is asked more often than its rate allows, by four workers together,
// neither while it is down nor when it comes back; and then nothing is missing.
func TestOneOutage(t *testing.T) {
	for _, withRedis := range []bool{true, false} {
		for _, ails := range []string{"hangs", "refuses connections", "answers 500"} {
			t.Run(fmt.Sprintf("%s, redis %v", ails, withRedis), func(t *testing.T) {
				var mini *miniredis.Miniredis
				if withRedis {
					mini = frozen(t)
				}
				synctest.Test(t, func(t *testing.T) { newOutage(t, ails, mini).run() })
			})
		}
	}
}

// outage is a world of four workers and four merchants.
type outage struct {
	t      *testing.T
	ails   string
	alone  bool // without Redis
	begun  time.Time
	claims *dedupe.Memory
	ledger *reconciletest.Ledger
	orders *reconciletest.Orders
	queues map[string]chan *pushed

	mu      sync.Mutex
	asked   map[string][]asking
	decided map[string]int // callbacks
	late    []string
}

// asking is one query that reached a gateway.
type asking struct {
	at     time.Time
	worker int
}

// pushed is a callback in the stream.
type pushed struct{ d reconcile.Delivery }

var outageMerchants = []string{"dead", "fine1", "fine2", "fine3"}

func newOutage(t *testing.T, ails string, mini *miniredis.Miniredis) *outage {
	o := &outage{
		t: t, ails: ails, alone: mini == nil, begun: time.Now(), claims: dedupe.NewMemory(time.Now, reconciletest.DoneTTL),
		ledger: reconciletest.NewPlainLedger(), orders: reconciletest.NewOrders(), queues: map[string]chan *pushed{},
		asked: map[string][]asking{}, decided: map[string]int{},
	}
	for _, m := range outageMerchants {
		o.queues[m] = make(chan *pushed, 10_000)
	}
	for worker := range outageWorkers {
		c := closedClient(t)
		if mini != nil {
			c = o.client(mini)
		}
		o.worker(worker, c)
	}
	return o
}

// client is a worker's Redis, whose clock is the bubble's.
func (o *outage) client(mini *miniredis.Miniredis) *redis.Client {
	c := client(o.t, mini.Addr())
	c.AddHook(clockHook{mini})
	return c
}

type clockHook struct{ mini *miniredis.Miniredis }

func (clockHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h clockHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.mini.SetTime(time.Now())
		return next(ctx, cmd)
	}
}

func (clockHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// worker starts one process: for each merchant a gateway, and who pulls its
// callbacks, as the stream's consumer does.
func (o *outage) worker(index int, c *redis.Client) {
	for _, m := range outageMerchants {
		cfg := Config{Timeout: timeout, RateWait: 5 * time.Second, Failures: 5, Pause: breakerPause}
		rate := NewRate(c, "p:", m, outageRate, outageWorkers, cfg.RateWait)
		g := NewGateway(cfg, &ailing{o, m, index}, rate, &observed{})
		p := reconcile.NewProcessor(reconcile.Config{
			Installation: reconciletest.Installation, Lease: reconciletest.Lease, Attempts: 8,
			RetryMin: time.Second, RetryMax: time.Minute, ParkAfter: 72 * time.Hour,
		}, reconcile.Ports{
			Claims: dedupe.NewGuard(o.claims, ignoring{}), Gateway: g, Ledger: o.ledger, Orders: o.orders, Trail: ignoring{},
		}, time.Now, &seeded{
			name: fmt.Sprintf("%s%d", m, index), rng: rand.New(rand.NewPCG(uint64(index), 0)),
		})
		go o.consume(g, p, o.queues[m])
	}
}

// consume pulls as internal/stream does: one callback to try a gateway that was
// left alone, and several at once otherwise.
func (o *outage) consume(g *Gateway, p *reconcile.Processor, queue chan *pushed) {
	for o.t.Context().Err() == nil {
		probe, err := g.Wait(o.t.Context())
		if err != nil {
			return
		}
		if probe {
			select {
			case one := <-queue:
				o.process(p, queue, one)
			case <-o.t.Context().Done():
			}
			continue
		}
		var pulling sync.WaitGroup
		shut := g.Shut()
		for range outageInFlight {
			pulling.Go(func() {
				for {
					select {
					case <-shut:
						return
					case <-o.t.Context().Done():
						return
					case one := <-queue:
						o.process(p, queue, one)
					}
				}
			})
		}
		pulling.Wait()
	}
}

func (o *outage) process(p *reconcile.Processor, queue chan *pushed, one *pushed) {
	one.d.Deliveries++
	res := p.Process(o.t.Context(), one.d)
	switch {
	case o.t.Context().Err() != nil:
	case res.Disposition == reconcile.Redeliver:
		time.AfterFunc(res.After, func() { queue <- one })
	case res.Disposition == reconcile.Park:
		o.t.Errorf("%s is parked: %v", one.d.Order.OrderID, res.Err)
	default:
		o.mu.Lock()
		defer o.mu.Unlock()
		o.decided[one.d.Order.Merchant]++
		if took := time.Since(one.d.ReceivedAt); took > decidedWithin && one.d.Order.Merchant != "dead" {
			o.late = append(o.late, fmt.Sprintf("%s %s took %s", one.d.Order.Merchant, one.d.Order.OrderID, took))
		}
	}
}

// ailing is a merchant's gateway as one worker reaches it.
type ailing struct {
	*outage
	merchant string
	worker   int
}

func (a *ailing) QueryOrder(ctx context.Context, orderID string) (gateway.Order, error) {
	a.mu.Lock()
	a.asked[a.merchant] = append(a.asked[a.merchant], asking{time.Now(), a.worker})
	a.mu.Unlock()
	since := time.Since(a.begun)
	if a.merchant == "dead" && since >= downFrom && since < downFrom+downFor {
		switch a.ails {
		case "hangs":
			<-ctx.Done()
			return gateway.Order{}, &gateway.TransportError{Reason: "timed out"}
		case "answers 500":
			return gateway.Order{}, &gateway.AnomalyError{}
		default:
			return gateway.Order{}, &gateway.TransportError{Reason: "connection refused"}
		}
	}
	if err := sleep(ctx, latency); err != nil {
		return gateway.Order{}, fmt.Errorf("query: %w", err)
	}
	return gateway.Order{
		OrderID: orderID, PlatOrderID: reconciletest.PlatOrderID, Status: gateway.StatusSuccess,
		Amount: decimal.MustParse("1000"), AmountKnown: true,
	}, nil
}

type ignoring struct{}

func (ignoring) StoreFailed(string, error) {}
func (ignoring) Record(reconcile.Look)     {}

// seeded is a processor's randomness.
type seeded struct {
	mu   sync.Mutex
	name string
	n    int
	rng  *rand.Rand
}

func (s *seeded) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return fmt.Sprintf("%s.%d", s.name, s.n)
}

func (s *seeded) Float64() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64()
}

// run pushes, waits until the backlog must be gone, and looks at what happened.
func (o *outage) run() {
	n := 0
	for ; time.Since(o.begun) < pushFor; n++ {
		for _, m := range outageMerchants {
			d := reconciletest.Push(events.Order{Flow: events.FlowCollect, Merchant: m, OrderID: fmt.Sprint("A", n)}, callback.Success, "1000", time.Now())
			d.Merchant.ID, d.StreamSequence = m, uint64(n+1)
			o.queues[m] <- &pushed{d: d}
		}
		pass(pushEvery)
	}
	// The backlog goes at the rate, less what comes meanwhile.
	pass(time.Duration(float64(n)/outageRate)*time.Second + 5*time.Minute)

	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range outageMerchants {
		if o.decided[m] != n {
			o.t.Errorf("%s: %d of %d callbacks are decided", m, o.decided[m], n)
		}
		o.keepsRate(m)
	}
	if len(o.late) > 0 {
		o.t.Errorf("%d callbacks of other merchants took more than %s, such as %s", len(o.late), decidedWithin, o.late[0])
	}
	if told := len(o.ledger.Entries()); told != n*len(outageMerchants) {
		o.t.Errorf("%d events about %d orders", told, n*len(outageMerchants))
	}
	o.calm()
}

// keepsRate: sharing through Redis, all workers' questions are an interval apart;
// alone, each worker's own are as far apart as its share says.
func (o *outage) keepsRate(merchant string) {
	last := map[int]time.Time{}
	interval := time.Duration(float64(time.Second) / outageRate)
	all := o.asked[merchant]
	slices.SortStableFunc(all, func(a, b asking) int { return a.at.Compare(b.at) })
	for _, q := range all {
		row, apart := 0, interval
		if o.alone {
			row, apart = q.worker, interval*outageWorkers
		}
		if before, seen := last[row]; seen && q.at.Sub(before) < apart-rounding {
			o.t.Errorf("%s is asked again after %s, at %s; want %s between", merchant, q.at.Sub(before), q.at.Sub(o.begun), apart)
			return
		}
		last[row] = q.at
	}
}

// calm: a gateway from which nothing comes is tried once in a while by each
// worker. One that answers 500 is there, and is asked at its rate.
func (o *outage) calm() {
	tries := 0
	for _, q := range o.asked["dead"] {
		if since := q.at.Sub(o.begun); since >= downFrom && since < downFrom+downFor {
			tries++
		}
	}
	most := outageWorkers * (5 + outageInFlight + int(downFor/breakerPause))
	if o.ails == "answers 500" {
		most = int(outageRate*downFor.Seconds()) + outageWorkers
	}
	o.t.Logf("the gateway that was down was asked %d times meanwhile", tries)
	if tries > most || tries == 0 {
		o.t.Errorf("the gateway that was down was asked %d times, want at most %d", tries, most)
	}
}

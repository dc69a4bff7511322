package soak

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// loadGateway is a gateway that is nothing but exact books, pushes and queries:
// lean enough to leave the machine to what is tested. It follows the gateway
// page: repeats until success, out of order, late success, reversals, second
// payments, amounts in dialects.
type loadGateway struct {
	addr      string
	merchants []*loadMerchant
	byAccount map[string]*loadMerchant
	notify    string // the receiver
	client    *http.Client
	// lateRepeats: some accepted pushes come again when the stream has forgotten
	// that it knows them.
	lateRepeats bool

	mode     atomic.Int32 // of the query
	rollLock sync.Mutex
	random   *rand.Rand

	work    chan func()
	pending atomic.Int64  // pushes and changes to come
	slots   chan struct{} // orders that nobody has asked about in a final state
	closing chan struct{}
	// draining: the load ends, and nobody waits minutes for late repeats.
	draining atomic.Bool

	orders, pushes, taken, queries, lost atomic.Int64
	service                              service
}

// loadMerchant is a merchant with its part of the books.
type loadMerchant struct {
	id, account string
	secret      sign.Secret

	mu     sync.Mutex
	orders map[string]*order
}

const (
	loadMerchants = 6
	loadPushers   = 48
	// loadOpen is how many orders wait to be asked about at most: the load goes
	// as fast as the workers.
	loadOpen = 1000
)

// newLoadGateway listens; it pushes once it has a receiver.
func newLoadGateway(t testing.TB, seed uint64, addr string) *loadGateway {
	t.Helper()
	g := &loadGateway{
		addr: addr, byAccount: map[string]*loadMerchant{}, random: rand.New(rand.NewPCG(seed, 1)),
		work: make(chan func(), 1<<16), closing: make(chan struct{}), slots: make(chan struct{}, loadOpen),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadPushers, DisableCompression: true}, Timeout: 5 * time.Second},
	}
	for i := range loadMerchants {
		id := fmt.Sprintf("load%d", i)
		m := &loadMerchant{id: id, account: "77-" + id, secret: sign.Secret("now-" + id), orders: map[string]*order{}}
		g.merchants = append(g.merchants, m)
		g.byAccount[m.account] = m
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /order/query", g.query)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	var pushers sync.WaitGroup
	pushers.Go(func() { _ = server.Serve(l) })
	for range loadPushers {
		pushers.Go(func() {
			for {
				select {
				case f := <-g.work:
					f()
				case <-g.closing:
					return
				}
			}
		})
	}
	t.Cleanup(func() {
		g.draining.Store(true)
		close(g.closing)
		_ = server.Close()
		pushers.Wait()
		g.client.CloseIdleConnections()
	})
	return g
}

func (g *loadGateway) roll(n int) int {
	g.rollLock.Lock()
	defer g.rollLock.Unlock()
	return g.random.IntN(n)
}

// later makes a push after a while. It counts as pending until it is done.
func (g *loadGateway) later(d time.Duration, push func()) {
	g.pending.Add(1)
	g.after(d, func() {
		push()
		g.pending.Add(-1)
	})
}

// after makes a push that nobody waits for.
func (g *loadGateway) after(d time.Duration, push func()) {
	time.AfterFunc(d, func() {
		select {
		case g.work <- push:
		case <-g.closing:
		}
	})
}

// changeLater changes an order after a while, however much there is to push.
func (g *loadGateway) changeLater(d time.Duration, o *order) {
	g.pending.Add(1)
	time.AfterFunc(d, func() {
		g.change(o)
		g.pending.Add(-1)
	})
}

// draw makes an order that is not in the books yet.
func (g *loadGateway) draw() *order {
	n := g.orders.Add(1)
	o := &order{
		m: g.merchants[g.roll(len(g.merchants))], flow: events.FlowCollect,
		id: "L" + strconv.FormatInt(n, 10), plat: "P" + strconv.FormatInt(n, 10), utr: fmt.Sprintf("%012d", n),
		submitted: cents(1_000 + g.roll(5_000_000)), registered: g.roll(100) >= 3,
	}
	if g.roll(100) < 40 {
		o.flow = events.FlowPay
	}
	g.fate(o)
	return o
}

// enter takes an order into the books, and lets it begin its life.
func (g *loadGateway) enter(o *order) {
	o.states = []state{{shown: o.submitted}}
	o.m.mu.Lock()
	o.m.orders[o.id] = o
	o.m.mu.Unlock()
	g.changeLater(time.Duration(g.roll(200))*time.Millisecond, o)
}

// change moves an order on to its next state, and begins to push it.
func (g *loadGateway) change(o *order) {
	o.m.mu.Lock()
	s, n := o.plan[len(o.states)-1], len(o.states)
	o.states, o.since, o.told = append(o.states, s), time.Now(), false
	if g.roll(100) < 3 {
		o.lag = 1
	}
	before := o.states[n-1]
	o.m.mu.Unlock()
	if n > 1 && g.roll(100) < 30 { // the state before, out of order
		g.later(time.Duration(g.roll(2000))*time.Millisecond, func() { g.push(o, before) })
	}
	g.series(o, n, 0)
}

// series pushes the n-th state until it is answered success.
func (g *loadGateway) series(o *order, n, attempt int) {
	wait := pushOffsets[attempt]
	if attempt > 0 {
		wait -= pushOffsets[attempt-1]
	}
	g.later(wait, func() {
		o.m.mu.Lock()
		s, past := o.states[n], len(o.states)-1 != n
		o.m.mu.Unlock()
		switch {
		case past:
		case s.silent:
			g.leave(o)
		case g.push(o, s):
			g.accepted(o, n, s)
		case attempt+1 < len(pushOffsets):
			g.series(o, n, attempt+1)
		default:
			g.lost.Add(1)
			g.leave(o)
		}
	})
}

// accepted plans what follows a push that was taken: repeats, and the order's
// next state.
func (g *loadGateway) accepted(o *order, n int, s state) {
	o.m.mu.Lock()
	if len(o.states)-1 == n {
		o.told = true
	}
	more := len(o.plan) > n
	o.m.mu.Unlock()
	if more {
		g.changeLater(2*time.Second+time.Duration(g.roll(6000))*time.Millisecond, o)
	}
	repeats := g.roll(100)
	if repeats < 70 {
		g.later(time.Duration(g.roll(300))*time.Millisecond, func() { g.push(o, s) })
	}
	if repeats < 30 {
		g.later(time.Duration(g.roll(5000))*time.Millisecond, func() { g.push(o, s) })
	}
	if g.lateRepeats && repeats%10 == 0 {
		g.after(125*time.Second+time.Duration(g.roll(60_000))*time.Millisecond, func() {
			if !g.draining.Load() {
				g.push(o, s)
			}
		})
	}
	if n == 1 && s.name == "settled" && o.registered && o.flow == events.FlowCollect && g.roll(200) == 0 {
		g.payAgain(o)
	}
}

// payAgain makes the order that a second payment becomes.
func (g *loadGateway) payAgain(o *order) {
	twin := &order{
		over: true, m: o.m, flow: o.flow, id: o.id + "_1", plat: o.plat + "x", utr: o.utr,
		submitted: o.submitted, paid: o.paid, second: true, plan: o.plan[:1:1],
	}
	g.orders.Add(1)
	g.enter(twin)
}

// push sends one callback and reports whether it was answered success.
func (g *loadGateway) push(o *order, s state) bool {
	contentType, body := g.body(o, s)
	g.pushes.Add(1)
	ok := g.post(g.notify+"/callbacks/"+string(o.flow)+"/"+o.m.id, contentType, body)
	if ok {
		g.taken.Add(1)
		g.service.works(time.Now())
		o.m.mu.Lock()
		defer o.m.mu.Unlock()
		for i := range o.states {
			if o.states[i] == s {
				o.taken |= 1 << i
			}
		}
	}
	return ok
}

// leave: nobody waits for an order any more.
func (g *loadGateway) leave(o *order) {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	o.leave(g)
}

func (o *order) leave(g *loadGateway) {
	if !o.over {
		o.over = true
		<-g.slots
	}
}

func form(fields sign.Params) []byte {
	values := url.Values{}
	for _, f := range fields {
		values.Set(f.Name, f.Value)
	}
	return []byte(values.Encode())
}

func readAll(r io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(r, 1<<10))
	return string(b)
}

package simulation

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/pkg/events"
)

// play is one history on the stage. It runs in a synctest bubble, whose clock is
// the servers'. One goroutine gives the turns, and whatever runs has been given
// one: so nothing here needs a lock but the list of those who wait for a turn.
type play struct {
	h     history
	rng   *rand.Rand
	begun time.Time
	tiers []sweep.Tier
	bent  variant // what a test of the tests has broken; zero for none

	agenda  agenda
	current *task // whoever runs now, or has been given the last turn
	steps   int
	breaks  map[int]reconciletest.Fault

	mu      sync.Mutex
	waiting []turn
	ended   []*task

	workers  []*worker
	operator *worker // the tool of those who resolve reviews
	claims   *dedupe.Memory
	ledger   reconcile.Ledger
	orders   *reconciletest.Orders
	books    [2]*books
	messages []*message
	recent   map[string]time.Time // the window in which CALLBACKS drops repeats
	told     []told
	standing map[events.Order]*announced
	trace    []string
	tracing  bool

	deliveries, crashes, lostAcks, conflicts, parked int
}

// told is an event that the ledger stored.
type told struct {
	reconcile.Entry
	at   time.Time
	step int
	by   *task
}

// announced is a registration, in steps.
type announced struct {
	registration
	stored    int
	withdrawn int // 0: not
}

// mostDeliveries is far beyond what any history needs to come to its end: a turn of
// 72 hours alone has 289, a look-back 97.
const mostDeliveries = 5000

// ackWait and the other bounds are the defaults of the settings.
const (
	ackWait    = reconciletest.AckWait
	duplicates = 2 * time.Minute
	lookBack   = 24 * time.Hour
	parkRetry  = 10 * time.Second
)

var delays = []time.Duration{45 * time.Minute, 6 * time.Hour, 72 * time.Hour}

// perform plays a history to its end.
func perform(t *testing.T, h history, bent variant, tracing bool) (p *play) {
	synctest.Test(t, func(*testing.T) {
		p = stage(h, bent)
		p.tracing = tracing
		p.run()
	})
	return p
}

func stage(h history, bent variant) *play {
	p := &play{
		h: h, bent: bent, begun: time.Now(), rng: rand.New(rand.NewPCG(h.Seed, 0)),
		tiers: sweep.Plan(delays[len(delays)-h.Tiers:], lookBack), breaks: map[int]reconciletest.Fault{},
		ledger: reconciletest.NewPlainLedger(), orders: reconciletest.NewOrders(),
		recent: map[string]time.Time{}, standing: map[events.Order]*announced{},
	}
	p.claims = dedupe.NewMemory(time.Now, reconciletest.DoneTTL)
	for _, b := range h.Breaks {
		p.breaks[b.Nth] = b.Fault
	}
	for i := range p.books {
		p.books[i] = &books{play: p, merchant: i, orders: map[string]*order{}, answers: map[string][]answered{}}
	}
	for i := range h.Workers {
		p.workers = append(p.workers, p.newWorker(i))
	}
	p.operator = p.newWorker(len(p.workers))
	for _, one := range h.People {
		p.at(one.At, func() { p.judge(one, tries) })
	}
	for _, u := range h.Upsets {
		p.upsetAt(u)
	}
	for i := range h.Orders {
		p.life(&h.Orders[i])
	}
	return p
}

func (p *play) since() time.Duration { return time.Since(p.begun) }

func (p *play) note(format string, args ...any) {
	if p.tracing {
		p.trace = append(p.trace, fmt.Sprintf("%-12s %4d ", p.since(), p.steps)+fmt.Sprintf(format, args...))
	}
}

// life puts on the agenda what is told about an order.
func (p *play) life(o *order) {
	p.books[o.Merchant].orders[o.ID] = o
	for _, push := range o.Pushes {
		p.at(push.At, func() { p.arrive(o, push) })
	}
	if r := o.Registered; r != nil {
		p.at(r.At, func() { p.register(o, *r) })
	}
}

func (p *play) register(o *order, r registration) {
	name := o.name()
	name.Flow = r.Flow
	e := reconciletest.Submission(name, r.Amount)
	if fresh, err := p.orders.Submit(context.Background(), e); err != nil || !fresh {
		panic(fmt.Sprint("the registration is refused: ", err)) // each order is announced once
	}
	a := &announced{registration: r, stored: p.steps}
	p.standing[o.name()] = a
	p.note("%s registered: %s %s", o.ID, r.Flow, r.Amount)
	for _, tier := range p.tiers {
		if tier.Stage != reconcile.StageLookBack && !p.bent.noTiers {
			p.publish(&message{merchant: o.Merchant, tier: &tier, turn: sweep.Message{Order: name, Stored: time.Now()}})
		}
	}
	if r.Withdrawn > 0 {
		p.at(r.Withdrawn, func() {
			if err := p.orders.Withdraw(context.Background(), reconciletest.Withdrawal(name, r.Amount)); err != nil {
				panic(err)
			}
			a.withdrawn = p.steps + 1
			p.note("%s withdrawn", o.ID)
		})
	}
}

func (p *play) upsetAt(u upset) {
	switch u.Kind {
	case redisFlushed:
		p.at(u.At, func() { p.note("redis flushed"); p.claims.Flush() })
	case processKilled:
		p.at(u.At, func() { p.workers[u.Who%len(p.workers)].crash() })
	}
}

// event is something on the agenda.
type event struct {
	at   time.Time
	rank uint64 // of what is due at once
	do   func()
}

type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].rank < a[j].rank
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(e any)   { *a = append(*a, e.(event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func (p *play) at(since time.Duration, do func()) { p.on(p.begun.Add(since), do) }

// on puts something on the agenda. Ranks keep what is due at once apart: in
// turn, or as the seed has it.
func (p *play) on(at time.Time, do func()) {
	rank := uint64(len(p.agenda)) + uint64(p.steps+p.deliveries)<<16
	if p.h.Seed != 0 {
		rank = p.rng.Uint64()
	}
	heap.Push(&p.agenda, event{at, rank, do})
}

// turn is a step that waits for its turn.
type turn struct {
	task *task
	step reconciletest.Step
	open chan struct{}
}

// run gives turns until nothing is left to do.
func (p *play) run() {
	for {
		synctest.Wait() // everything waits for its turn, or has ended
		p.collect()
		if len(p.agenda) == 0 {
			return
		}
		next := heap.Pop(&p.agenda).(event)
		if wait := time.Until(next.at); wait > 0 {
			<-time.After(wait)
		}
		next.do()
	}
}

// collect puts those who wait on the agenda, in an order of their own: in which
// order they came is up to the scheduler of goroutines.
func (p *play) collect() {
	p.mu.Lock()
	waiting, ended := p.waiting, p.ended
	p.waiting, p.ended = nil, nil
	p.mu.Unlock()
	slices.SortFunc(ended, func(a, b *task) int { return a.id - b.id })
	for _, t := range ended {
		p.settle(t)
	}
	slices.SortFunc(waiting, func(a, b turn) int { return strings.Compare(string(a.step), string(b.step)) })
	for _, w := range waiting {
		p.on(time.Now().Add(p.latency()), func() {
			p.current = w.task
			close(w.open)
		})
	}
}

// latency is how long a step takes.
func (p *play) latency() time.Duration {
	if p.h.Seed == 0 {
		return 0
	}
	switch n := p.rng.IntN(100); {
	case n < 50:
		return 0
	case n < 98 || !p.h.Stalls:
		return time.Duration(n) * 5 * time.Millisecond
	default:
		return time.Duration(5+p.rng.IntN(40)) * time.Second
	}
}

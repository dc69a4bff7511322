package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/pkg/events"
)

// worker is a process: a processor for each merchant, and a clock.
type worker struct {
	*play
	index, incarnation, tokens int
	processors                 [2]*reconcile.Processor
	resolvers                  [2]*reconcile.Resolver
}

func (p *play) newWorker(index int) *worker {
	w := &worker{play: p, index: index}
	w.start()
	return w
}

func (w *worker) start() {
	for i, b := range w.books {
		ports := reconciletest.Ports{
			Store: w.claims, Observer: w, Gateway: b, Ledger: w.ledger, Orders: w.orders,
			Callbacks: stored{w.play}, Trail: w, Clock: w.now,
		}
		if w.bent.ports != nil {
			ports = w.bent.ports(w.play, ports)
		}
		ports.Ledger = witness{w.play, ports.Ledger}
		w.resolvers[i] = ports.Resolver(w.hook)
		w.processors[i] = ports.Start(reconcile.Config{
			Installation: reconciletest.Installation, Lease: reconciletest.Lease, Attempts: w.h.Attempts,
			RetryMin: time.Second, RetryMax: w.h.RetryMax, ParkAfter: w.h.ParkAfter,
		}, w, w.hook)
	}
}

// crash ends the process, with all that it has in hand, and starts it anew.
func (w *worker) crash() {
	w.note("worker %d crashes", w.index)
	w.crashes++
	w.incarnation++
	w.start()
}

// now is the worker's own clock.
func (w *worker) now() time.Time {
	now := time.Now()
	for _, u := range w.h.Upsets {
		if since := now.Sub(w.begun); u.Kind == clockJump && u.Who%len(w.workers) == w.index && u.At <= since && since < u.At+40*u.For {
			now = now.Add(u.By)
		}
	}
	return now
}

// Token and Float64 implement reconcile.Random.
func (w *worker) Token() string {
	w.tokens++
	return fmt.Sprintf("%d.%d", w.index, w.tokens)
}

func (w *worker) Float64() float64 { return w.rng.Float64() }

// StoreFailed implements dedupe.Observer.
func (*worker) StoreFailed(string, error) {}

// Record implements reconcile.Trail.
func (*worker) Record(reconcile.Look) {}

// witness sees what the ledger stores, whatever the worker hears of it, and gives
// each outcome its look-back.
type witness struct {
	*play
	reconcile.Ledger
}

func (w witness) Append(ctx context.Context, e events.Event, expected uint64) (uint64, error) {
	sequence, err := w.Ledger.Append(ctx, e, expected)
	if err != nil {
		w.note("  refused %s: %v", e.ID, err)
		return sequence, err
	}
	by := w.current
	w.told = append(w.told, told{reconcile.Entry{Sequence: sequence, Event: e}, time.Now(), w.steps, by})
	w.note("  stored %d: %s %s", sequence, e.ID, e.Data.Common().Amount)
	switch e.Outcome() {
	case events.OutcomeSettled, events.OutcomeFailed, events.OutcomeExpired:
		if !w.bent.noLookBack {
			tier := w.tiers[len(w.tiers)-1]
			w.publish(&message{merchant: by.message.merchant, tier: &tier, turn: sweep.Message{
				Order: e.Data.Common().Order(), Stored: time.Now(), Sequence: sequence,
			}})
		}
	}
	return sequence, nil
}

// stored are the callbacks as CALLBACKS holds them.
type stored struct{ *play }

// Newest implements reconcile.Callbacks.
func (s stored) Newest(_ context.Context, name events.Order, since time.Time, counts func(callback.Callback) bool) (*reconcile.Heard, error) {
	for _, m := range slices.Backward(s.messages) {
		if d := m.callback; m.push.Flow != "" && d.Order == name && !d.ReceivedAt.Before(since) && counts(d.Callback) {
			return &reconcile.Heard{Callback: d.Callback, ReceivedAt: d.ReceivedAt, StreamSequence: d.StreamSequence}, nil
		}
	}
	return nil, nil
}

// message is a message of a durable: a callback, or an order's turn in a tier.
type message struct {
	merchant   int
	tier       *sweep.Tier // nil: a callback
	push       push
	resolves   *resolves // a person's decision
	turn       sweep.Message
	callback   reconcile.Delivery
	deliveries uint64
	scheduled  int // the delivery that counts
	arrived    int // step
	acked      bool
	parked     bool
	begun      time.Time // of the delivery that was acknowledged
	result     reconcile.Result
}

// arrive stores a push as CALLBACKS does, unless it came a moment ago.
func (p *play) arrive(o *order, push push) {
	name := o.name()
	name.Flow = push.Flow
	d := reconcile.Delivery{
		Merchant: p.merchant(o.Merchant), Order: name, ReceivedAt: time.Now(),
		Callback: callback.Callback{
			OrderID: o.ID, PlatOrderID: push.Said.Plat, Status: push.Said.Status, Reverse: push.Said.Reverse,
			Amount: decimals[push.Said.Amount], Fee: decimals["0"], FeeKnown: true,
		},
	}
	id := d.Callback.MessageID(string(name.Flow), name.Merchant)
	if last, seen := p.recent[id]; seen && time.Since(last) < duplicates {
		p.note("%s pushed %v: dropped as a repeat", o.ID, push.Said)
		return
	}
	p.recent[id] = time.Now()
	d.StreamSequence = uint64(len(p.messages) + 1)
	p.note("%s pushed %v as %d", o.ID, push.Said, d.StreamSequence)
	p.publish(&message{merchant: o.Merchant, push: push, callback: d})
}

func (p *play) merchant(i int) reconcile.Merchant {
	m := reconciletest.Merchant()
	terms := p.h.Merchants[i]
	m.ID, m.TrustSignedReverse = merchantIDs[i], terms.Trust
	m.RequireSubmitted = map[events.Flow]bool{events.FlowCollect: terms.RequireCollect, events.FlowPay: terms.RequirePay}
	return m
}

func (p *play) publish(m *message) {
	m.arrived = p.steps
	p.messages = append(p.messages, m)
	p.deliver(m, 0)
}

// deliver brings a message after a while, unless something else becomes of it.
func (p *play) deliver(m *message, after time.Duration) {
	m.scheduled++
	this := m.scheduled
	p.on(time.Now().Add(after), func() {
		if m.acked || m.scheduled != this || p.deliveries >= mostDeliveries {
			return
		}
		p.deliveries++
		m.deliveries++
		w := p.workers[p.rng.IntN(len(p.workers))]
		t := &task{worker: w, incarnation: w.incarnation, message: m, id: p.deliveries, started: p.steps, begun: time.Now()}
		p.deliver(m, ackWait)
		p.current = t
		go t.run(m.deliveries)
	})
}

// task is a delivery in a worker's hands.
type task struct {
	worker      *worker
	incarnation int
	message     *message
	id          int
	started     int // step
	begun       time.Time
	asked       time.Time // by the worker's clock
	result      reconcile.Result
	failed      error // to resolve a review
	acked       bool
}

// stepAck is the last: the server hears what became of the message.
const stepAck reconciletest.Step = "ack"

func (t *task) run(deliveries uint64) {
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(reconciletest.Crash); !ours {
				panic(r)
			}
		}
		p := t.worker.play
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = append(p.ended, t)
	}()
	if t.worker.bent.ackFirst {
		t.message.acked = true
	}
	t.asked = t.worker.now()
	t.result = t.work(deliveries)
	switch t.worker.hook(stepAck) {
	case reconciletest.None, reconciletest.Applied, reconciletest.CrashAfter:
		t.acked = true
	}
}

func (t *task) work(deliveries uint64) reconcile.Result {
	m, processor := t.message, t.worker.processors[t.message.merchant]
	if m.resolves != nil {
		_, t.failed = t.worker.resolvers[m.merchant].Resolve(context.Background(), m.resolves.what)
		return reconcile.Result{}
	}
	if m.tier == nil {
		d := m.callback
		d.Deliveries = deliveries
		return processor.Process(context.Background(), d)
	}
	turn := m.turn
	turn.Deliveries = deliveries
	tier := *m.tier
	if t.worker.bent.tier != nil {
		tier = t.worker.bent.tier(tier)
	}
	_, res := tier.Handle(context.Background(), processor, t.worker.merchant(m.merchant), turn, t.asked)
	return res
}

// settle plays the server's part when a delivery has ended.
func (p *play) settle(t *task) {
	m, res := t.message, t.result
	if m.resolves != nil {
		p.judged(t)
		return
	}
	p.conflicts += res.Conflicts
	if m.tier == nil || res.Cause != sweep.CauseNotDue {
		p.note("worker %d: delivery %d of %s: %s %q %s %s %v", t.worker.index, m.deliveries, m, res.Disposition, res.Cause, res.Decision.Verdict, res.Decision.Reason, res.Err)
	}
	switch {
	case !t.acked:
		p.lostAcks++
	case m.acked:
	case res.Disposition == reconcile.Redeliver:
		p.deliver(m, max(res.After, time.Millisecond))
		return
	default:
		m.acked, m.begun, m.result = true, t.begun, res
	}
	if res.Disposition == reconcile.Park && (t.acked || p.rng.IntN(2) == 0) {
		m.parked = true // PARKED has it, even where the acknowledgement got lost
		p.parked++
	}
}

func (m *message) String() string {
	if m.tier == nil {
		return fmt.Sprintf("callback %d", m.callback.StreamSequence)
	}
	return fmt.Sprintf("%s in tier %s", m.turn.Order.OrderID, m.tier.Name)
}

// reads are steps that a processor may make beside its query, in a goroutine
// that nothing can recover: a crash fails them, and strikes at the next step.
var reads = []reconciletest.Step{reconciletest.StepLast, reconciletest.StepOpenReviews, reconciletest.StepSubmitted}

// hook makes every step of a worker wait for its turn, and go wrong as the
// history has it.
func (w *worker) hook(step reconciletest.Step) reconciletest.Fault {
	t, open := w.current, make(chan struct{})
	w.mu.Lock()
	w.waiting = append(w.waiting, turn{t, step, open})
	w.mu.Unlock()
	<-open
	w.steps++
	fault := w.fault(step)
	if fault == reconciletest.None && t.incarnation != w.incarnation {
		fault = reconciletest.CrashBefore
	} else if fault >= reconciletest.CrashBefore && t.incarnation == w.incarnation {
		w.crash()
	}
	if fault >= reconciletest.CrashBefore && slices.Contains(reads, step) {
		fault = reconciletest.Unapplied
	}
	if fault != reconciletest.None {
		w.note("  %s %s", step, fault)
	}
	return fault
}

func (w *worker) fault(step reconciletest.Step) reconciletest.Fault {
	switch step {
	case reconciletest.StepClaim, reconciletest.StepDone, reconciletest.StepRelease, reconciletest.StepForget:
		if w.shared(redisDown) {
			return reconciletest.Unapplied
		}
	case reconciletest.StepAppend, reconciletest.StepLast, reconciletest.StepOpenReviews, reconciletest.StepSubmitted, reconciletest.StepNewest:
		if w.shared(ledgerDown) {
			return reconciletest.Unapplied
		}
	}
	return w.breaks[w.steps]
}

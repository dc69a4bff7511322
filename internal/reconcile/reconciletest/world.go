package reconciletest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/reconcile"
)

// The bounds of the workers of a world.
const (
	Lease   = 25 * time.Second
	AckWait = 30 * time.Second // after a crash the callback comes again
	DoneTTL = 72 * time.Hour
)

// Config is what a world's workers run with unless a test says otherwise.
func Config() reconcile.Config {
	return reconcile.Config{
		Installation: Installation, Lease: Lease, Attempts: 3,
		RetryMin: time.Second, RetryMax: time.Minute, ParkAfter: 72 * time.Hour,
	}
}

// World is the outside of the workers.
type World struct {
	Clock     *Clock
	Claims    *dedupe.Memory
	Gateway   *Gateway
	Ledger    *Ledger
	Orders    *Orders
	Callbacks *Callbacks
	Trail     *Trail

	storeFailures atomic.Int64
}

// NewWorld returns an empty world at [Start].
func NewWorld() *World {
	clock := NewClock()
	return &World{
		Clock: clock, Claims: dedupe.NewMemory(clock.Now, DoneTTL),
		Gateway: NewGateway(), Ledger: NewLedger(), Orders: NewOrders(),
		Callbacks: NewCallbacks(clock.Now), Trail: NewTrail(),
	}
}

// StoreFailed implements dedupe.Observer.
func (w *World) StoreFailed(string, error) { w.storeFailures.Add(1) }

// StoreFailures is how often the claim store failed.
func (w *World) StoreFailures() int { return int(w.storeFailures.Load()) }

// Worker is one process: a processor with what it remembers by itself.
type Worker struct {
	world     *World
	start     func() *reconcile.Processor
	processor *reconcile.Processor
}

// Worker starts a process. Its name makes its claims' tokens unique.
func (w *World) Worker(name string, seed uint64, cfg reconcile.Config, hook Hook) *Worker {
	random := newRandom(name, seed) // goes on over restarts: tokens stay unique
	ports := Ports{
		Store: w.Claims, Observer: w, Gateway: w.Gateway, Ledger: w.Ledger, Orders: w.Orders,
		Callbacks: w.Callbacks, Trail: w.Trail, Clock: w.Clock.Now,
	}
	worker := &Worker{world: w, start: func() *reconcile.Processor { return ports.Start(cfg, random, hook) }}
	worker.processor = worker.start()
	return worker
}

// Deliver takes one delivery to its end, or to the crash of the process, which
// is started anew then and remembers nothing. What is delivered for the first
// time has just been stored.
func (w *Worker) Deliver(ctx context.Context, d reconcile.Delivery) (reconcile.Result, *Crash) {
	if d.Deliveries <= 1 {
		w.world.Callbacks.Keep(d.Order, reconcile.Heard{Callback: d.Callback, ReceivedAt: d.ReceivedAt, StreamSequence: d.StreamSequence})
	}
	return w.survive(func() reconcile.Result { return w.processor.Process(ctx, d) })
}

// Sweep takes one turn of an order in the sweep to its end, or to the crash of
// the process, as Deliver does.
// Unless the turn says what time it is by the servers' clock, the world's is right.
func (w *Worker) Sweep(ctx context.Context, due reconcile.Due) (reconcile.Result, *Crash) {
	if due.Now.IsZero() {
		due.Now = w.world.Clock.Now()
	}
	return w.survive(func() reconcile.Result { return w.processor.Sweep(ctx, due) })
}

func (w *Worker) survive(work func() reconcile.Result) (res reconcile.Result, crash *Crash) {
	defer func() {
		if r := recover(); r != nil {
			c, ours := r.(Crash)
			if !ours {
				panic(r)
			}
			res, crash, w.processor = reconcile.Result{}, &c, w.start()
		}
	}()
	return work(), nil
}

// Finish plays the stream's part: it delivers until the callback is
// acknowledged or parked, at most n times, and moves the clock as long as each
// redelivery takes. It returns what came of every delivery; a crash leaves the
// zero Result.
func (w *Worker) Finish(ctx context.Context, d reconcile.Delivery, n int) []reconcile.Result {
	return w.repeat(n, func() (reconcile.Result, *Crash) {
		d.Deliveries++
		return w.Deliver(ctx, d)
	})
}

// FinishSweep is Finish for a turn in the sweep.
func (w *Worker) FinishSweep(ctx context.Context, due reconcile.Due, n int) []reconcile.Result {
	return w.repeat(n, func() (reconcile.Result, *Crash) {
		due.Deliveries++
		return w.Sweep(ctx, due)
	})
}

func (w *Worker) repeat(n int, turn func() (reconcile.Result, *Crash)) []reconcile.Result {
	var results []reconcile.Result
	for range n {
		res, crash := turn()
		results = append(results, res)
		switch {
		case crash != nil:
			w.world.Clock.Advance(AckWait)
		case res.Disposition != reconcile.Redeliver:
			return results
		default:
			w.world.Clock.Advance(res.After)
		}
	}
	return results
}

package app

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/stream"
)

// Worker reconciles callbacks and sweeps, as its roles say: it asks the gateway
// and tells downstream.
type Worker struct {
	*program
	cfg       config.Worker
	link      *link
	merchants *config.MerchantsSource
	metrics   *workerMetrics
	fleet     *fleet
}

// NewWorker wires a worker and connects it. It refuses to start on streams that
// break a guarantee. Redis need not be there.
func NewWorker(ctx context.Context, cfg config.Worker, o Options) (*Worker, error) {
	p, err := newProgram("worker", cfg.Admin.Addr, o)
	if err != nil {
		return nil, err
	}
	w := &Worker{program: p, cfg: cfg}
	if err := w.wire(ctx, o); err != nil {
		return nil, p.abandon(err)
	}
	return w, nil
}

func (w *Worker) wire(ctx context.Context, o Options) (err error) {
	if err := w.trace(w.cfg.Tracing, "worker", w.cfg.General.Installation); err != nil {
		return err
	}
	if w.merchants, err = config.NewMerchantsSource(w.cfg.Merchants.Path,
		config.SourceOptions{Logger: w.log, Poll: w.cfg.Merchants.Poll}); err != nil {
		return err
	}
	if w.link, err = connect(w.cfg.NATS, "worker", o); err != nil {
		return err
	}
	w.stopper.onStop("close NATS", time.Second, w.link.close)
	w.stopper.onStop("flush acknowledgements", 2*time.Second, w.link.flush)
	if err := verifyTopology(ctx, w.link.js, w.cfg.Topology); err != nil {
		return err
	}
	client, err := redisconn.Open(w.cfg.Redis, w.redisChanged)
	if err != nil {
		return err
	}
	w.stopper.onStop("close Redis", time.Second, func(context.Context) error { return client.Close() })
	if w.fleet, err = w.newFleet(ctx, client, o); err != nil {
		return err
	}
	w.parts = append(
		w.parts,
		w.merchants.Run,
		func(ctx context.Context) error {
			return watchTopology(ctx, w.link.js, w.cfg.Topology, w.log)
		},
		w.watchCopies,
		w.link.wait,
	)
	if w.cfg.Reconcile.Roles.Has(config.RoleSweep) {
		nights, err := w.newMidnights(ctx)
		if err != nil {
			return err
		}
		w.parts = append(w.parts, w.watchFullness, w.survey, w.watchBalances, nights.run)
	}
	return nil
}

// redisChanged says aloud what costs no event, but queries: an operator who
// misspelt REDIS_URL would not notice otherwise.
func (w *Worker) redisChanged(available bool) {
	unavailable := 1.0
	if available {
		unavailable = 0
	}
	if w.metrics != nil { // Redis is opened first
		w.metrics.noRedis.Set(unavailable)
	}
	if available {
		w.log.Info("redis answers again")
		return
	}
	w.log.Warn("redis does not answer; going on without it: repeated pushes cost an order query each, and each worker takes its share of the rate",
		zap.Stringer("redis", w.cfg.Redis.URL))
}

func (w *Worker) newFleet(ctx context.Context, client redis.UniversalClient, o Options) (*fleet, error) {
	ledger, err := stream.OpenLedger(ctx, w.link.js, w.cfg.NATS.PublishTimeout)
	if err != nil {
		return nil, err
	}
	orders, err := stream.OpenOrders(ctx, w.link.js, w.cfg.NATS.PublishTimeout)
	if err != nil {
		return nil, err
	}
	callbacks, err := stream.OpenCallbacks(ctx, w.link.js, w.cfg.NATS.PublishTimeout)
	if err != nil {
		return nil, err
	}
	server, err := stream.NewServerClock(ctx, w.link.js, o.clock())
	if err != nil {
		return nil, err
	}
	w.metrics = newWorkerMetrics(w.admin.registry, w.log)
	w.metrics.watchMerchants(w.merchants)
	return newFleet(fleetDeps{
		cfg: w.cfg, js: w.link.js, redis: client, ledger: ledger, orders: orders, callbacks: callbacks,
		trail:   stream.NewTrailLog(w.link.nc, w.metrics.trailFailed),
		metrics: w.metrics, log: w.log, clock: o.clock(), server: server, tracer: w.tracer,
	}), nil
}

// Run works until ctx ends, and then finishes what it has in hand: the step
// "drain" waits for it, and "cut off" ends what is left when its time is over.
func (w *Worker) Run(ctx context.Context) error {
	intake, stopIntake := context.WithCancel(context.WithoutCancel(ctx))
	work, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	drained := make(chan struct{})
	await := func(ctx context.Context) error {
		select {
		case <-drained:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// What was cut off gives its claim back and puts its callback back, so it
	// still needs the connections for a moment.
	w.stopper.onStop("cut off", time.Second, func(ctx context.Context) error {
		cutOff()
		return await(ctx)
	})
	w.stopper.onStop("drain", drainBound(w.cfg.General.ShutdownTimeout), func(ctx context.Context) error {
		err := await(ctx)
		if err != nil {
			w.log.Warn("callbacks in hand are cut off; they come again")
		}
		return err
	})
	w.stopper.onStop("stop intake", time.Second, func(context.Context) error { stopIntake(); return nil })
	w.part(func(context.Context) error {
		defer close(drained)
		w.fleet.run(intake, work, w.merchants)
		return nil
	})
	w.log.Info("worker started", zap.Int("merchants", w.merchants.Current().Len()), zap.Any("roles", w.cfg.Reconcile.Roles))
	return w.run(ctx, w.cfg.General.ShutdownTimeout)
}

package app

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/tracing"
	"github.com/settlehook/settlehook/pkg/events"
)

// fleet runs what each configured merchant needs, and follows the merchants
// file: a merchant that is new, changed or gone touches no other.
type fleet struct {
	fleetDeps
	claims  reconcile.Claims
	members map[string]*member
	served  map[string]bool      // merchants this worker has served
	absent  map[string]time.Time // merchants that are gone, since
}

type fleetDeps struct {
	cfg       config.Worker
	js        jetstream.JetStream
	redis     redis.UniversalClient
	ledger    reconcile.Ledger
	orders    reconcile.Orders
	callbacks reconcile.Callbacks
	trail     reconcile.Trail
	metrics   *workerMetrics
	log       *zap.Logger
	clock     func() time.Time
	server    *stream.ServerClock // when turns of the sweep come
	tracer    *tracing.Tracer
}

// member is what runs for one merchant.
type member struct {
	id       string
	merchant *config.Merchant // nil: parks the callbacks of a merchant that is gone
	durable  jetstream.ConsumerConfig
	stop     context.CancelFunc
	done     chan struct{}
}

func newFleet(d fleetDeps) *fleet {
	store := dedupe.NewRedis(d.redis, d.cfg.Redis.KeyPrefix, d.cfg.Reconcile.DoneTTL)
	return &fleet{
		fleetDeps: d, claims: dedupe.NewGuard(store, d.metrics),
		members: map[string]*member{}, served: map[string]bool{}, absent: map[string]time.Time{},
	}
}

// run keeps the members in step with the merchants until intake ends, and
// returns once all have finished what they had in hand.
func (f *fleet) run(intake, work context.Context, merchants *config.MerchantsSource) {
	changed, cancel := merchants.Subscribe()
	defer cancel()
	tick := time.NewTicker(f.cfg.Topology.CheckInterval)
	defer tick.Stop()
	for intake.Err() == nil {
		f.follow(intake, work, merchants.Current())
		f.watchClock(intake)
		_, stale := merchants.Stale()
		f.watchDurables(intake, work, merchants.Current(), stale != nil)
		select {
		case <-intake.Done():
		case <-changed:
		case <-tick.C:
		}
	}
	for _, m := range f.members {
		<-m.done
	}
}

// follow starts, restarts and stops members. A changed merchant's old consumer
// finishes before its new one starts; changed ones do so side by side.
func (f *fleet) follow(intake, work context.Context, now *config.Merchants) {
	var leaving sync.WaitGroup
	for id, m := range f.members {
		current, configured := now.Get(id)
		if m.merchant == nil && !configured || configured && m.merchant != nil && reflect.DeepEqual(current, m.merchant) {
			continue
		}
		m.stop()
		leaving.Go(func() { <-m.done; f.metrics.forget(id) })
		delete(f.members, id)
	}
	leaving.Wait()
	for _, merchant := range now.All() {
		delete(f.absent, merchant.ID)
		if _, running := f.members[merchant.ID]; running {
			continue
		}
		runners, release, err := f.runners(merchant)
		if err != nil {
			f.log.Error("merchant can't be served", zap.String("merchant", merchant.ID), zap.Error(err))
			continue
		}
		f.served[merchant.ID] = true
		f.start(intake, work, &member{id: merchant.ID, merchant: merchant, durable: f.durable(merchant)}, release, runners...)
	}
}

func (f *fleet) start(intake, work context.Context, m *member, release func(), runners ...runner) {
	ctx, stop := context.WithCancel(intake)
	m.stop, m.done = stop, make(chan struct{})
	f.members[m.id] = m
	go func() {
		defer close(m.done)
		defer stop()
		defer release()
		var running sync.WaitGroup
		for _, r := range runners {
			running.Go(func() { r.Run(ctx, work) })
		}
		running.Wait()
	}()
	f.log.Info("merchant served", zap.String("merchant", m.id), zap.Bool("parking", m.merchant == nil))
}

// abandonGrace is how long a merchant may be gone before its callbacks are
// parked: a file that lacks it may be a slip that is mended at once.
const abandonGrace = 10 * time.Minute

// watchDurables looks at every merchant's durable as it stands on the server. A
// live update weakens a durable without a word, so a member whose durable
// breaks a guarantee is restarted, which refuses it until it is mended. And
// what is left of a merchant that is gone is parked.
func (f *fleet) watchDurables(intake, work context.Context, now *config.Merchants, stale bool) {
	if !f.cfg.Reconcile.Roles.Has(config.RoleCallbacks) {
		return // the sweep opens its own anew, again and again
	}
	durables, err := stream.Durables(intake, f.js)
	if err != nil {
		return // the consumers themselves say what is wrong
	}
	for _, d := range durables {
		m, running := f.members[d.Merchant()]
		if !running {
			_, configured := now.Get(d.Merchant())
			f.adopt(intake, work, d, !configured && !stale)
			continue
		}
		if err := d.Verify(m.durable); err != nil {
			f.log.Error("merchant stopped: its durable breaks a guarantee", zap.String("merchant", d.Merchant()), zap.Error(err))
			m.stop()
			<-m.done
			delete(f.members, d.Merchant())
		}
	}
}

// adopt parks the callbacks of a merchant that is gone: nobody can ask its
// gateway any more. That this worker's file lacks it is not enough, since the
// file may be an older one than another worker's: the set-up has marked the
// durable, or this worker has seen the merchant go.
func (f *fleet) adopt(intake, work context.Context, d stream.MerchantDurable, lacking bool) {
	id := d.Merchant()
	if !lacking || !d.Removed() && !f.served[id] {
		delete(f.absent, id)
		return
	}
	since, seen := f.absent[id]
	if !seen {
		f.absent[id] = f.clock()
		return
	}
	if f.clock().Sub(since) < abandonGrace {
		return
	}
	durable := stream.Reconciler(id, 1, f.cfg.Topology.AckWait)
	f.start(intake, work, &member{id: id, durable: durable}, func() {}, stream.NewConsumer(stream.ConsumerConfig{
		Merchant: reconcile.Merchant{ID: id}, Durable: durable, InFlight: 1, Timeout: f.cfg.NATS.PublishTimeout, Tracer: f.tracer,
	}, f.js, parking{}, openGate{}, f.metrics.merchant(events.UnknownToken), f.log))
}

// parking gives up on every callback at once.
type parking struct{}

func (parking) Process(context.Context, reconcile.Delivery) reconcile.Result {
	return reconcile.Result{Disposition: reconcile.Park, Cause: "merchant_removed"}
}

// openGate never shuts.
type openGate struct{}

func (openGate) Wait(ctx context.Context) (bool, error) { return false, ctx.Err() }
func (openGate) Shut() <-chan struct{}                  { return nil }

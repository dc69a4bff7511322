package app

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/orderapi"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// runner is one consumer of a merchant's.
type runner interface {
	// Run works until intake ends, and then finishes what it has in hand; work
	// bounds that.
	Run(intake, work context.Context)
}

// runners wires everything one merchant has of its own: gateway, breaker, rate,
// and a consumer for each durable of this worker's roles. release frees what it
// keeps, once all have ended.
func (f *fleet) runners(m *config.Merchant) (all []runner, release func(), err error) {
	client, err := gateway.NewClient(gateway.Config{
		BaseURL: m.Gateway, Account: m.Account, Keyring: m.Keyring,
		Timeout: f.cfg.Reconcile.QueryTimeout, NotFound: m.NotFound,
	})
	if err != nil {
		return nil, nil, err
	}
	r := f.cfg.Reconcile
	observer := f.metrics.merchant(m.ID)
	observer.configured(m.Currency, m.RatePerSecond())
	api := orderapi.NewGateway(orderapi.Config{
		Timeout: r.QueryTimeout, RateWait: r.RateWaitMax, Failures: r.BreakerFailures, Pause: r.BreakerOpen,
	}, client, f.rate(m.ID, m.RatePerSecond()).OnWait(observer.rateWaited), observer)
	if r.Roles.Has(config.RoleCallbacks) {
		all = append(all, stream.NewConsumer(stream.ConsumerConfig{
			Merchant: MerchantFacts(m), Durable: f.durable(m),
			InFlight: r.InFlight, Timeout: f.cfg.NATS.PublishTimeout, Tracer: f.tracer,
		}, f.js, f.processor(api), api, observer, f.log))
	}
	if r.Roles.Has(config.RoleSweep) {
		// No merchant's id has a colon, so this is no other merchant's rate.
		share := f.rate(m.ID+":sweep", m.RatePerSecond()*f.cfg.Sweep.Share)
		processor := f.processor(api.Sweep(share))
		for _, tier := range sweep.Plan(f.cfg.Sweep.Delays, f.cfg.Sweep.LookBack) {
			all = append(all, stream.NewSweepConsumer(stream.SweepConfig{
				Merchant: MerchantFacts(m), Tier: tier, Durable: stream.Sweeper(m.ID, tier, f.cfg.Topology.AckWait),
				Clock: f.server.Now, Verify: f.cfg.Topology.CheckInterval, Tracer: f.tracer,
			}, f.js, processor, observer, f.log))
		}
	}
	return all, client.CloseIdleConnections, nil
}

func (f *fleet) rate(key string, perSecond float64) *orderapi.Rate {
	r := f.cfg.Reconcile
	return orderapi.NewRate(f.redis, f.cfg.Redis.KeyPrefix, key, perSecond, r.MaxWorkers, r.RateWaitMax)
}

func (f *fleet) processor(g reconcile.Gateway) *reconcile.Processor {
	r := f.cfg.Reconcile
	return reconcile.NewProcessor(reconcile.Config{
		Installation: f.cfg.General.Installation, Lease: r.ClaimLease, Attempts: r.Attempts,
		RetryMin: r.RetryMin, RetryMax: r.RetryMax, ParkAfter: r.ParkAfter,
	}, reconcile.Ports{
		Claims: f.tracer.Claims(f.claims), Gateway: f.tracer.Gateway(g), Ledger: f.ledger, Orders: f.orders, Callbacks: f.callbacks, Trail: f.trail,
	}, f.clock, random{})
}

func (f *fleet) durable(m *config.Merchant) jetstream.ConsumerConfig {
	return stream.Reconciler(m.ID, m.RatePerSecond(), f.cfg.Topology.AckWait)
}

// MerchantFacts is what a decision needs to know about a merchant.
func MerchantFacts(m *config.Merchant) reconcile.Merchant {
	return reconcile.Merchant{
		ID: m.ID, Account: m.Account, Currency: m.Currency, Location: m.Location,
		RequireSubmitted: map[events.Flow]bool{
			events.FlowCollect: m.MatchCollect == config.MatchRequired,
			events.FlowPay:     m.MatchPay == config.MatchRequired,
		},
		TrustSignedReverse: m.Reverse == config.ReverseTrustSigned,
		PayFee:             m.PayFee,
	}
}

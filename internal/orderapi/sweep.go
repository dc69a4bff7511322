package orderapi

import (
	"context"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// SweepGateway asks the same gateway as [Gateway], after live callbacks: it has
// a share of the query rate, and takes a turn only while no callback waits for
// one. Breaker and gate are shared.
type SweepGateway struct {
	*Gateway
	share *Rate
}

var _ reconcile.Gateway = (*SweepGateway)(nil)

// Sweep returns the sweep's way of asking. share bounds it, beside the rate of
// all questions.
func (g *Gateway) Sweep(share *Rate) *SweepGateway { return &SweepGateway{Gateway: g, share: share} }

// Query implements reconcile.Gateway.
func (g *SweepGateway) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	if err := g.left(ctx); err != nil {
		return reconcile.Answer{}, err
	}
	if err := g.turn(ctx, g.share, g.cfg.RateWait); err != nil {
		return reconcile.Answer{}, err
	}
	// A turn that is free at once is one that no callback has asked for.
	if err := g.turn(ctx, g.rate, 0); err != nil {
		return reconcile.Answer{}, err
	}
	return g.permitted(ctx, orderID)
}

package reconciletest

import (
	"context"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Resolver is the operator's tool in a world, with a hook as a worker has.
func (w *World) Resolver(hook Hook) *reconcile.Resolver {
	return reconcile.NewResolver(Installation, hookedGateway{hook, w.Gateway}, hookedLedger{hook, w.Ledger}, hookedOrders{hook, w.Orders}, w.Clock.Now)
}

// Resolve resolves a review, or ends in the crash of the tool.
func Resolve(ctx context.Context, r *reconcile.Resolver, what reconcile.Resolution) (res reconcile.Resolved, crash *Crash, err error) {
	defer func() {
		if p := recover(); p != nil {
			c, ours := p.(Crash)
			if !ours {
				panic(p)
			}
			crash = &c
		}
	}()
	res, err = r.Resolve(ctx, what)
	return res, nil, err
}

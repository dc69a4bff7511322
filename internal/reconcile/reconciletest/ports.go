package reconciletest

import (
	"time"

	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/reconcile"
)

// Ports are what a processor leans on, before any fault.
type Ports struct {
	Store     dedupe.Store
	Observer  dedupe.Observer // of the store
	Gateway   reconcile.Gateway
	Ledger    reconcile.Ledger
	Orders    reconcile.Orders
	Callbacks reconcile.Callbacks
	Trail     reconcile.Trail
	Clock     func() time.Time
}

// Start returns a processor as a process starts with: it remembers nothing, and
// every call it makes is a step under hook.
func (p Ports) Start(cfg reconcile.Config, random reconcile.Random, hook Hook) *reconcile.Processor {
	return reconcile.NewProcessor(
		cfg,
		reconcile.Ports{
			Claims:    dedupe.NewGuard(hookedStore{hook, p.Store}, p.Observer),
			Gateway:   hookedGateway{hook, p.Gateway},
			Ledger:    hookedLedger{hook, p.Ledger},
			Orders:    hookedOrders{hook, p.Orders},
			Callbacks: hookedCallbacks{hook, p.Callbacks},
			Trail:     p.Trail,
		},
		p.Clock, random,
	)
}

// Resolver returns an operator's tool, with a hook as a processor has.
func (p Ports) Resolver(hook Hook) *reconcile.Resolver {
	return reconcile.NewResolver(Installation, hookedGateway{hook, p.Gateway}, hookedLedger{hook, p.Ledger}, hookedOrders{hook, p.Orders}, p.Clock)
}

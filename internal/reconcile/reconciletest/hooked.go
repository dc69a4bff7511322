package reconciletest

import (
	"context"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// hookedStore, hookedGateway, hookedLedger, hookedOrders and hookedCallbacks are one worker's
// view of the world: every call is a step under its hook.

type hookedStore struct {
	hook  Hook
	store dedupe.Store
}

func (h hookedStore) Claim(ctx context.Context, key, token string, lease time.Duration) (reconcile.Claim, error) {
	return take(h.hook, StepClaim, func() (reconcile.Claim, error) { return h.store.Claim(ctx, key, token, lease) })
}

func (h hookedStore) Done(ctx context.Context, key string, sequence uint64) error {
	return act(h.hook, StepDone, func() error { return h.store.Done(ctx, key, sequence) })
}

func (h hookedStore) Release(ctx context.Context, key, token string, spent reconcile.Reason) error {
	return act(h.hook, StepRelease, func() error { return h.store.Release(ctx, key, token, spent) })
}

func (h hookedStore) Forget(ctx context.Context, key string) error {
	return act(h.hook, StepForget, func() error { return h.store.Forget(ctx, key) })
}

type hookedGateway struct {
	hook    Hook
	gateway reconcile.Gateway
}

// Query wraps a fault as the contract of [reconcile.Gateway] asks.
func (h hookedGateway) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	a, err := take(h.hook, StepQuery, func() (reconcile.Answer, error) { return h.gateway.Query(ctx, orderID) })
	if _, ours := err.(*injected); ours {
		err = &reconcile.Unavailable{Cause: "transport", Err: err}
	}
	return a, err
}

type hookedLedger struct {
	hook   Hook
	ledger reconcile.Ledger
}

func (h hookedLedger) Append(ctx context.Context, e events.Event, expected uint64) (uint64, error) {
	return take(h.hook, StepAppend, func() (uint64, error) { return h.ledger.Append(ctx, e, expected) })
}

func (h hookedLedger) Last(ctx context.Context, merchant, orderID string) (*reconcile.Entry, error) {
	return take(h.hook, StepLast, func() (*reconcile.Entry, error) { return h.ledger.Last(ctx, merchant, orderID) })
}

func (h hookedLedger) OpenReviews(ctx context.Context, merchant, orderID string) ([]reconcile.Entry, error) {
	return take(h.hook, StepOpenReviews, func() ([]reconcile.Entry, error) { return h.ledger.OpenReviews(ctx, merchant, orderID) })
}

type hookedOrders struct {
	hook   Hook
	orders reconcile.Orders
}

func (h hookedOrders) Submitted(ctx context.Context, merchant, orderID string) (*reconcile.Submitted, error) {
	return take(h.hook, StepSubmitted, func() (*reconcile.Submitted, error) { return h.orders.Submitted(ctx, merchant, orderID) })
}

type hookedCallbacks struct {
	hook      Hook
	callbacks reconcile.Callbacks
}

func (h hookedCallbacks) Newest(ctx context.Context, order events.Order, since time.Time, counts func(callback.Callback) bool) (*reconcile.Heard, error) {
	return take(h.hook, StepNewest, func() (*reconcile.Heard, error) { return h.callbacks.Newest(ctx, order, since, counts) })
}

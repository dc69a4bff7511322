package reconciletest

import (
	"context"
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// Callbacks are stored callbacks in memory. They pass [CallbacksSuite] like the
// real ones.
type Callbacks struct {
	clock func() time.Time

	mu     sync.Mutex
	stored []pushed
}

type pushed struct {
	at    time.Time
	order events.Order
	heard reconcile.Heard
}

var _ reconcile.Callbacks = (*Callbacks)(nil)

// NewCallbacks returns no callbacks; the clock is the server's.
func NewCallbacks(clock func() time.Time) *Callbacks { return &Callbacks{clock: clock} }

// Keep stores a callback.
func (c *Callbacks) Keep(order events.Order, h reconcile.Heard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored = append(c.stored, pushed{c.clock(), order, h})
}

// Newest implements reconcile.Callbacks.
func (c *Callbacks) Newest(ctx context.Context, order events.Order, since time.Time, counts func(callback.Callback) bool) (*reconcile.Heard, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var newest *reconcile.Heard
	for _, p := range c.stored {
		if p.order != order || p.at.Before(since) || !counts(p.heard.Callback) {
			continue
		}
		if newest == nil || p.heard.StreamSequence >= newest.StreamSequence {
			newest = &p.heard
		}
	}
	return newest, nil
}

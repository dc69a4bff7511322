package dedupe

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Observer hears what the store did, for metrics and logs.
type Observer interface {
	// StoreFailed is called for every operation that the store failed.
	StoreFailed(operation string, err error)
}

// Guard makes a Store safe to lean on: every answer that the store can't give
// is ClaimUnguarded. Meanwhile attempts are counted in this process, so that
// looking again still comes to an end.
type Guard struct {
	store    Store
	observer Observer
	local    *localAttempts
}

// localAttemptsMax bounds the memory of the counts: about 100 bytes each.
const localAttemptsMax = 1 << 16

// NewGuard wraps store.
func NewGuard(store Store, observer Observer) *Guard {
	return &Guard{store: store, observer: observer, local: newLocalAttempts(localAttemptsMax)}
}

var _ reconcile.Claims = (*Guard)(nil)

// Claim implements reconcile.Claims.
func (g *Guard) Claim(ctx context.Context, key, token string, lease time.Duration) reconcile.Claim {
	c, err := g.store.Claim(ctx, key, token, lease)
	if !g.ok("claim", err) {
		c = reconcile.Claim{State: reconcile.ClaimUnguarded}
	}
	c.Attempts = g.local.atLeast(key, c.Attempts)
	return c
}

// Done implements reconcile.Claims.
func (g *Guard) Done(ctx context.Context, key string, sequence uint64) {
	g.ok("done", g.store.Done(ctx, key, sequence))
	g.local.drop(key)
}

// Release implements reconcile.Claims.
func (g *Guard) Release(ctx context.Context, key, token string, spent reconcile.Reason) {
	if !g.ok("release", g.store.Release(ctx, key, token, spent)) && spent != "" {
		g.local.add(key, spent)
	}
}

// Forget implements reconcile.Claims.
func (g *Guard) Forget(ctx context.Context, key string) {
	g.ok("forget", g.store.Forget(ctx, key))
}

func (g *Guard) ok(operation string, err error) bool {
	if err != nil {
		g.observer.StoreFailed(operation, err)
	}
	return err == nil
}

// localAttempts counts attempts while the store can't. When it is full it
// starts over: an attempt forgotten costs one query.
type localAttempts struct {
	mu    sync.Mutex
	limit int
	n     map[string]reconcile.Attempts
}

func newLocalAttempts(limit int) *localAttempts {
	return &localAttempts{limit: limit, n: map[string]reconcile.Attempts{}}
}

// atLeast returns, for each reason, the greater of what the store and this
// process have counted.
func (l *localAttempts) atLeast(key string, stored reconcile.Attempts) reconcile.Attempts {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.n[key]) == 0 {
		return stored
	}
	all := maps.Clone(l.n[key])
	for reason, n := range stored {
		all[reason] = max(all[reason], n)
	}
	return all
}

func (l *localAttempts) add(key string, reason reconcile.Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts, found := l.n[key]
	if !found {
		if len(l.n) >= l.limit {
			clear(l.n)
		}
		counts = reconcile.Attempts{}
		l.n[key] = counts
	}
	counts[reason]++
}

func (l *localAttempts) drop(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.n, key)
}

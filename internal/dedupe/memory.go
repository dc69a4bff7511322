package dedupe

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Memory keeps claims in this process: the store of tests and simulations.
// It passes the same conformance suite as Redis.
type Memory struct {
	clock   func() time.Time
	doneTTL time.Duration

	mu       sync.Mutex
	entries  map[string]entry
	attempts map[string]attempts
}

type entry struct {
	token    string // a claim's; empty for a done mark
	sequence uint64
	until    time.Time
}

type attempts struct {
	n     reconcile.Attempts
	until time.Time
}

// NewMemory returns an empty store whose leases run on clock.
func NewMemory(clock func() time.Time, doneTTL time.Duration) *Memory {
	return &Memory{clock: clock, doneTTL: doneTTL, entries: map[string]entry{}, attempts: map[string]attempts{}}
}

// Claim implements Store.
func (m *Memory) Claim(_ context.Context, key, token string, lease time.Duration) (reconcile.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	var spent reconcile.Attempts
	if a := m.attempts[key]; now.Before(a.until) {
		spent = maps.Clone(a.n)
	}
	e, found := m.entries[key]
	switch {
	case !found || !now.Before(e.until):
		m.entries[key] = entry{token: token, until: now.Add(lease)}
		return reconcile.Claim{State: reconcile.ClaimOwned, Attempts: spent}, nil
	case e.token == "":
		return reconcile.Claim{State: reconcile.ClaimDone, Sequence: e.sequence}, nil
	case e.token == token:
		return reconcile.Claim{State: reconcile.ClaimOwned, Attempts: spent}, nil
	default:
		return reconcile.Claim{State: reconcile.ClaimHeld, Attempts: spent}, nil
	}
}

// Done implements Store.
func (m *Memory) Done(_ context.Context, key string, sequence uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[key] = entry{sequence: sequence, until: m.clock().Add(m.doneTTL)}
	delete(m.attempts, key)
	return nil
}

// Release implements Store.
func (m *Memory) Release(_ context.Context, key, token string, spent reconcile.Reason) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	if spent != "" {
		a := m.attempts[key]
		if a.n == nil || !now.Before(a.until) {
			a.n = reconcile.Attempts{}
		}
		a.n[spent]++
		m.attempts[key] = attempts{n: a.n, until: now.Add(m.doneTTL)}
	}
	if e := m.entries[key]; e.token == token && token != "" {
		delete(m.entries, key)
	}
	return nil
}

// Forget implements Store.
func (m *Memory) Forget(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, found := m.entries[key]; found && e.token == "" {
		delete(m.entries, key)
	}
	return nil
}

// Flush forgets everything, as a Redis that was flushed.
func (m *Memory) Flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.entries)
	clear(m.attempts)
}

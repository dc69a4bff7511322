package reconciletest

import (
	"sync"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Trail keeps every look.
type Trail struct {
	mu    sync.Mutex
	looks []reconcile.Look
}

// NewTrail returns an empty trail.
func NewTrail() *Trail { return &Trail{} }

// Record implements reconcile.Trail.
func (t *Trail) Record(l reconcile.Look) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looks = append(t.looks, l)
}

// Looks are what was recorded, oldest first.
func (t *Trail) Looks() []reconcile.Look {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]reconcile.Look(nil), t.looks...)
}

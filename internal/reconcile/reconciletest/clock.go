package reconciletest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Start is the first moment of every world.
var Start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// Clock stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at [Start].
func NewClock() *Clock { return &Clock{now: Start} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// random is a seeded reconcile.Random; its tokens carry the worker's name.
type random struct {
	mu   sync.Mutex
	name string
	n    int
	rng  *rand.Rand
}

func newRandom(name string, seed uint64) *random {
	return &random{name: name, rng: rand.New(rand.NewPCG(seed, 0))}
}

func (r *random) Token() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return fmt.Sprintf("%s-%d", r.name, r.n)
}

func (r *random) Float64() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Float64()
}

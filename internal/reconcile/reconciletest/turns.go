package reconciletest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
)

// Turns lets what runs at once take its steps one at a time, in an order drawn
// from a seed: the same seed is the same interleaving. It works in a synctest
// bubble only.
type Turns struct {
	rng *rand.Rand

	mu      sync.Mutex
	waiting []turn
}

type turn struct {
	name string
	open chan struct{}
}

// NewTurns draws the order from seed.
func NewTurns(seed uint64) *Turns { return &Turns{rng: rand.New(rand.NewPCG(seed, 1))} }

// Hook makes each step of a worker wait for its turn.
func (t *Turns) Hook(name string) Hook {
	return func(s Step) Fault {
		t.Await(name + " " + string(s))
		return None
	}
}

// Await waits for a turn. Names that wait at once must differ.
func (t *Turns) Await(name string) {
	open := make(chan struct{})
	t.mu.Lock()
	t.waiting = append(t.waiting, turn{name, open})
	t.mu.Unlock()
	<-open
}

// Run runs all of work at once, and gives turns until every one has ended. It
// returns the names in the order of their turns.
func (t *Turns) Run(work ...func()) (order []string) {
	var running sync.WaitGroup
	for _, w := range work {
		running.Go(w)
	}
	for {
		synctest.Wait() // everything waits for its turn, or has ended
		next, some := t.draw()
		if !some {
			running.Wait()
			return order
		}
		order = append(order, next.name)
		close(next.open)
	}
}

func (t *Turns) draw() (turn, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		return turn{}, false
	}
	// In which order they came to wait is up to the scheduler of goroutines.
	slices.SortFunc(t.waiting, func(a, b turn) int { return cmp.Compare(a.name, b.name) })
	i := t.rng.IntN(len(t.waiting))
	next := t.waiting[i]
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return next, true
}

package orderapi

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	failures = 3
	pause    = 30 * time.Second
)

type states []string

func (s *states) changed(state string) { *s = append(*s, state) }

func (s *states) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, []string(*s)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func isShut(g *gate) bool {
	select {
	case <-g.Shut():
		return true
	default:
		return false
	}
}

// expectWait checks how long the gate keeps one waiting.
func expectWait(t *testing.T, g *gate, took time.Duration, probe bool) {
	t.Helper()
	begun := time.Now()
	got, err := g.Wait(t.Context())
	if err != nil || got != probe || time.Since(begun) != took {
		t.Fatalf("wait: probe %v after %s, %v; want %v after %s", got, time.Since(begun), err, probe, took)
	}
}

func (g *gate) failTimes(n int) {
	for range n {
		g.breaker.RecordFailure()
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &states{}
		g := newGate(failures, pause, seen.changed)
		expectWait(t, g, 0, false)
		open := g.Shut()
		g.failTimes(failures - 1)
		if isShut(g) {
			t.Fatal("shut before enough failed")
		}
		expectWait(t, g, 0, false)
		g.failTimes(1)
		select {
		case <-open:
		default:
			t.Fatal("who watched was not told")
		}
		seen.expect(t, "open")

		expectWait(t, g, pause, true)
		// Not before a question is put is it half-open.
		if !isShut(g) {
			t.Fatal("open again by waiting alone")
		}
		expectWait(t, g, 0, true)
		if !g.breaker.TryAcquirePermit() {
			t.Fatal("no permit to try")
		}
		if g.breaker.TryAcquirePermit() || !isShut(g) {
			t.Fatal("more than one may try")
		}
		g.breaker.RecordFailure()
		seen.expect(t, "open", "half-open", "open")
		expectWait(t, g, pause, true)

		if !g.breaker.TryAcquirePermit() {
			t.Fatal("no permit to try")
		}
		g.breaker.RecordSuccess()
		if isShut(g) {
			t.Fatal("shut although the gateway is back")
		}
		seen.expect(t, "open", "half-open", "open", "half-open", "closed")
		expectWait(t, g, 0, false)
		// It takes as many failures as at first.
		g.failTimes(failures - 1)
		if isShut(g) {
			t.Fatal("shut before enough failed again")
		}
		g.failTimes(1)
		if !isShut(g) {
			t.Fatal("not shut again")
		}
	})
}

func TestGateWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(failures, pause, func(string) {})
		ctx, cancel := context.WithTimeout(t.Context(), pause/2)
		defer cancel()
		g.failTimes(failures)
		begun := time.Now()
		if _, err := g.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != pause/2 {
			t.Errorf("got %v after %s", err, time.Since(begun))
		}
		pass(pause)
		if _, err := g.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a pause: got %v", err)
		}
		if _, err := newGate(failures, pause, func(string) {}).Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("never shut: got %v", err)
		}
	})
}

// TestGateFollows: however changes cross, the signal ends up with the breaker.
func TestGateFollows(t *testing.T) {
	for range 2000 {
		var last string // guarded by the gate
		g := newGate(1, 0, func(state string) { last = state })
		var asking sync.WaitGroup
		for i := range 8 {
			asking.Go(func() {
				for range 20 {
					if !g.breaker.TryAcquirePermit() {
						continue
					}
					if i%2 == 0 {
						g.breaker.RecordFailure()
					} else {
						g.breaker.RecordSuccess()
					}
				}
			})
		}
		asking.Wait()
		if g.breaker.IsClosed() == isShut(g) {
			t.Fatalf("the breaker is %s, and shut: %v", g.breaker.State(), isShut(g))
		}
		if last != "" && last != g.breaker.State().String() {
			t.Fatalf("the breaker is %s, and who watches was told %s", g.breaker.State(), last)
		}
	}
}

// pass lets time pass in a synctest bubble, where it costs none.
func pass(d time.Duration) { <-time.After(d) }

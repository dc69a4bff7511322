package orderapi

import (
	"context"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// gate is the circuit breaker of one merchant's gateway, with a signal for
// whoever pulls that merchant's callbacks.
type gate struct {
	breaker circuitbreaker.CircuitBreaker[any]

	mu   sync.Mutex
	shut chan struct{} // closed while the breaker is not closed
}

// newGate opens the breaker after failures in a row, for a pause.
func newGate(failures int, pause time.Duration, changed func(state string)) *gate {
	g := &gate{shut: make(chan struct{})}
	g.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(failures)).
		WithSuccessThreshold(1).
		WithDelay(pause).
		OnStateChanged(func(circuitbreaker.StateChangedEvent) { g.follow(changed) }).
		Build()
	return g
}

// follow brings the signal, and whoever watches, to the breaker's state. The
// breaker tells of its changes outside its lock, so that two may arrive the
// wrong way round: the state counts, as it is now, not as the event says.
func (g *gate) follow(changed func(state string)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	state := g.breaker.State()
	changed(state.String())
	isShut := false
	select {
	case <-g.shut:
		isShut = true
	default:
	}
	switch {
	case state == circuitbreaker.ClosedState && isShut:
		g.shut = make(chan struct{})
	case state != circuitbreaker.ClosedState && !isShut:
		close(g.shut)
	}
}

// Shut is closed while the gateway is not worth asking.
func (g *gate) Shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// Wait returns once the gateway is worth asking; probe: with one question.
func (g *gate) Wait(ctx context.Context) (probe bool, err error) {
	if g.breaker.IsClosed() {
		return false, ctx.Err()
	}
	return true, sleep(ctx, g.breaker.RemainingDelay())
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

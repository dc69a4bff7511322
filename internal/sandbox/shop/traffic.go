package shop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Traffic says how many orders are made, and how fast.
type Traffic struct {
	// Rate is orders per second; 0 is as fast as they are made.
	Rate float64
	// Total is how many orders to make; 0 is until the context ends.
	Total int
	// Creators is how many orders are created at once at most. Default 8.
	Creators int
}

// Report says what was made.
type Report struct {
	Created int
	// Refused orders were not created.
	Refused int
}

// Run makes orders of all merchants until Total are made or ctx ends, and
// returns then. The end of ctx is no failure; ErrNothingCreated is wrapped when
// one order after the other fails.
func (s *Shop) Run(ctx context.Context, t Traffic) (Report, error) {
	if t.Creators == 0 {
		t.Creators = 8
	}
	if min(t.Total, t.Creators) < 0 || t.Rate < 0 {
		return Report{}, errors.New("shop: rate, total and creators must not be negative")
	}
	plans := make(chan plan)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var created, refused, inARow atomic.Int64
	var creators sync.WaitGroup
	for range t.Creators {
		creators.Go(func() {
			for p := range plans {
				ok, err := s.create(ctx, p)
				switch {
				case ok:
					created.Add(1)
					inARow.Store(0)
				case ctx.Err() == nil:
					refused.Add(1)
					if inARow.Add(1) == maxInARow {
						stop(fmt.Errorf("%w; the last: %w", ErrNothingCreated, err))
					}
					s.log.Info("order not created", zap.String("merchant", p.m.ID), zap.String("order", p.orderID), zap.Error(err))
				}
			}
		})
	}
	s.hand(ctx, t, plans)
	close(plans)
	creators.Wait()
	report := Report{Created: int(created.Load()), Refused: int(refused.Load())}
	if cause := context.Cause(ctx); errors.Is(cause, ErrNothingCreated) {
		return report, cause
	}
	return report, nil
}

// ErrNothingCreated ends a traffic that comes to nothing.
var ErrNothingCreated = errors.New("shop: no order could be created any more")

// maxInARow is how many orders in a row are refused before the shop closes.
const maxInARow = 100

// hand hands out orders at the rate asked for.
func (s *Shop) hand(ctx context.Context, t Traffic, plans chan<- plan) {
	limit := rate.Inf
	if t.Rate > 0 {
		limit = rate.Limit(t.Rate)
	}
	// A hundredth of a second at once: timers are not finer than a millisecond.
	pace := rate.NewLimiter(limit, max(1, int(min(t.Rate, 1e6)/100)))
	for made := 1; t.Total == 0 || made <= t.Total; made++ {
		if pace.Wait(ctx) != nil {
			return // it only fails at the end of ctx
		}
		select {
		case plans <- s.draw(made):
		case <-ctx.Done():
			return
		}
	}
}

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/govalues/decimal"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Weights are how often each course is taken, in parts of their sum. A
// short-paid order is always a collection: nobody underpays a payout.
type Weights struct{ Settled, Failed, Reversed, ShortPaid int }

// DefaultWeights returns 78 % settled, 12 % failed, 5 % reversed and 5 %
// short-paid.
func DefaultWeights() Weights { return Weights{Settled: 78, Failed: 12, Reversed: 5, ShortPaid: 5} }

// Traffic says what the generator makes.
type Traffic struct {
	// Rate is orders per second of the clock (not scaled); 0 is as fast as they
	// are made.
	Rate float64
	// Total is how many orders to make; 0 is until the context ends.
	Total int
	// Weights of the courses; the zero value takes DefaultWeights.
	Weights Weights
	// Creators is how many orders are created at once at most, each with its
	// OnCreate call. Default 8.
	Creators int
}

// TrafficReport says what the generator made.
type TrafficReport struct {
	Created int
	// Refused orders were not created because OnCreate failed.
	Refused int
}

// RunTraffic makes orders of all merchants until Total are made or ctx ends,
// and returns then; their courses may still go on (see WaitIdle). Which orders
// it makes follows from the sandbox's seed and run alone. It fails with an
// error wrapping ErrInvalid or ErrBooksFull; the end of ctx is no failure.
func (s *Server) RunTraffic(ctx context.Context, t Traffic) (TrafficReport, error) {
	if t.Weights == (Weights{}) {
		t.Weights = DefaultWeights()
	}
	setDefault(&t.Creators, 8)
	w := t.Weights
	if min(w.Settled, w.Failed, w.Reversed, w.ShortPaid, t.Total, t.Creators) < 0 || t.Rate < 0 {
		return TrafficReport{}, invalid("traffic: rate, total, weights and creators must not be negative")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	plans := make(chan NewOrder)
	var created, refused atomic.Int64
	var creators sync.WaitGroup
	for range t.Creators {
		creators.Go(func() {
			for plan := range plans {
				switch err := s.createPlanned(ctx, plan, stop); {
				case err == nil:
					created.Add(1)
				case ctx.Err() == nil:
					refused.Add(1)
				}
			}
		})
	}
	err := s.plan(ctx, t, plans)
	close(plans)
	creators.Wait()
	report := TrafficReport{Created: int(created.Load()), Refused: int(refused.Load())}
	if cause := context.Cause(ctx); errors.Is(cause, ErrBooksFull) {
		err = cause
	}
	return report, err
}

func (s *Server) createPlanned(ctx context.Context, plan NewOrder, stop context.CancelCauseFunc) error {
	_, err := s.CreateOrder(ctx, plan)
	if errors.Is(err, ErrBooksFull) {
		stop(err)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("order not created", zap.String("order", plan.OrderID), zap.Error(err))
	}
	return err
}

// plan hands out orders at the rate asked for. One goroutine draws them all,
// so that the same seed and run always draw the same.
func (s *Server) plan(ctx context.Context, t Traffic, plans chan<- NewOrder) error {
	limit := rate.Inf
	if t.Rate > 0 {
		limit = rate.Limit(t.Rate)
	}
	// A hundredth of a second at once: timers are not finer than a millisecond.
	pace := rate.NewLimiter(limit, max(1, int(min(t.Rate, 1e6)/100)))
	merchants := s.merchantIDs()
	for made := 0; t.Total == 0 || made < t.Total; made++ {
		if pace.Wait(ctx) != nil {
			return nil //nolint:nilerr // it only fails at the end of ctx, which is no failure
		}
		plan, err := s.draw(merchants, t.Weights)
		if err != nil {
			return err
		}
		select {
		case plans <- plan:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// draw makes the next order. Each has a random stream of its own, named by its
// number, and so does not depend on what was drawn before.
func (s *Server) draw(merchants []string, w Weights) (NewOrder, error) {
	i := s.numbers.traffic.Add(1)
	random := s.numbers.stream(fmt.Sprintf("traffic/%d", i))
	m := s.merchants[merchants[random.IntN(len(merchants))]]
	plan := NewOrder{Merchant: m.ID, Flow: Collect, Amount: drawAmount(random, m.Currency)}
	plan.OrderID, plan.PlatOrderID = s.numbers.orderIDs(i)
	if random.IntN(100) < 40 {
		plan.Flow = Pay
	}
	after := between(random, time.Second, 20*time.Second)
	switch at := random.IntN(w.Settled + w.Failed + w.Reversed + w.ShortPaid); {
	case at < w.Settled:
		plan.Course = settledCourse(after)
	case at < w.Settled+w.Failed:
		plan.Course = failedCourse(after)
	case at < w.Settled+w.Failed+w.Reversed:
		plan.Course = reversedCourse(after, between(random, 30*time.Second, 3*time.Minute))
	default:
		paid, err := share(plan.Amount, decimal.MustNew(50+random.Int64N(50), 2), m.Currency)
		if err != nil {
			return NewOrder{}, err
		}
		plan.Flow, plan.Course = Collect, shortPaidCourse(after, paid)
	}
	return plan, nil
}

// drawAmount is 10.00 to 49,999.99, or 10,000 to 4,999,999 where the currency
// has no decimals.
func drawAmount(random *rand.Rand, currency string) decimal.Decimal {
	if scale := fractionDigits(currency); scale > 0 {
		return decimal.MustNew(1_000+random.Int64N(4_999_000), scale)
	}
	return decimal.MustNew(10_000+random.Int64N(4_990_000), 0)
}

func between(random *rand.Rand, least, most time.Duration) Duration {
	return Duration(least + time.Duration(random.Int64N(int64(most-least))))
}

package statement

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// Gateway is the order query of a merchant.
type Gateway interface {
	Query(ctx context.Context, orderID string) (reconcile.Answer, error)
}

// Asking is how the gateway is asked.
type Asking struct {
	Gateway   Gateway
	PerSecond float64 // at most
	Answers   *Answers
	Clock     func() time.Time
	// Seen is called after each order; it may be nil.
	Seen func()
}

const (
	asksAtOnce = 4 // answers that take long don't hold the rate up
	asksEach   = 3 // times, before an order is left unanswered
	asksPause  = 2 * time.Second
)

// ask asks about orders that are not answered yet, and hands over each answer. One
// at a time is handed over.
func (a Asking) ask(ctx context.Context, wanted []events.Order, said func(finance.Said)) error {
	answers := make(chan finance.Said)
	stopped := ctx
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(asksAtOnce)
	turns := rate.NewLimiter(rate.Limit(a.PerSecond), 1)
	done := make(chan error, 1)
	go func() {
		defer close(answers)
		for _, o := range wanted {
			if ctx.Err() != nil {
				break
			}
			asking.Go(func() error {
				s, err := a.one(ctx, turns, o)
				if err == nil {
					answers <- s
				}
				return err
			})
		}
		done <- asking.Wait()
	}()
	for s := range answers {
		said(s)
		if a.Seen != nil {
			a.Seen()
		}
	}
	if err := <-done; err != nil {
		return err
	}
	return stopped.Err()
}

// one asks about one order, again where no answer comes. What was answered once is
// not asked again, but for what was open.
func (a Asking) one(ctx context.Context, turns *rate.Limiter, o events.Order) (finance.Said, error) {
	if s, there := a.Answers.get(o); there {
		return s, nil
	}
	said := finance.Said{Flow: o.Flow, OrderID: o.OrderID, State: finance.Unasked}
	for n := range asksEach {
		if n > 0 {
			if err := pause(ctx, asksPause); err != nil {
				return said, err
			}
		}
		if err := turns.Wait(ctx); err != nil {
			return said, err
		}
		answer, err := a.Gateway.Query(ctx, o.OrderID)
		if err == nil && !answer.OtherOrder && !answer.Unreadable {
			said.State, said.Amount, said.Fee = stateOf(answer), answer.Amount, answer.Fee
			if err := a.Answers.keep(said, a.Clock()); err != nil {
				return said, fmt.Errorf("keep the answer: %w", err)
			}
			return said, nil
		}
	}
	return said, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func stateOf(a reconcile.Answer) finance.State {
	switch {
	case !a.Found:
		return finance.Unknown
	case a.Status == callback.Success:
		return finance.Paid
	case a.Status == callback.Failed:
		return finance.Failed
	default:
		return finance.Open
	}
}

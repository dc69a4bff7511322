package reconcile

import (
	"context"
	"fmt"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// The sweep was told nothing, but the gateway may have been telling all the
// while: a callback may wait for its turn, be looked at again, be parked, or lie
// in a review. Whatever the sweep tells, it tells with the newest of them in the
// case; left out, an amount that callback and query disagree about would settle,
// and a payout whose signed success meets a lagging query would be paid again.

// hear brings in the newest callback that CALLBACKS has of the order. It is
// looked for only where something is about to be told: nearly every turn ends
// without. Callbacks wait for ParkAfter at most, so there is an end to how far
// back it looks; from before the registration only reviews speak.
func (w *work) hear(ctx context.Context, c *caseFile) error {
	h, err := w.callbacks.Newest(ctx, c.Order, w.due.Stored.Add(-w.cfg.ParkAfter), c.news)
	if err != nil {
		return fmt.Errorf("read the order's callbacks: %w", err)
	}
	c.heard = true
	if h != nil {
		c.bring(*h)
	}
	return nil
}

// news: the callback says something final, and something else than downstream has
// heard. The pushes behind the last event, which repeat it, do not, and hide none
// that does.
func (c Case) news(cb callback.Callback) bool {
	if !cb.Final() {
		return false
	}
	switch c.Last.outcome() {
	case events.OutcomeSettled:
		return cb.Reverse || cb.Status != callback.Success
	case events.OutcomeReversed:
		return !cb.Reverse
	case events.OutcomeFailed:
		return cb.Reverse || cb.Status != callback.Failed
	default:
		return true
	}
}

// recallCallback brings in the callback of the newest open review, which a person
// has not judged yet.
func (c *caseFile) recallCallback() {
	for _, r := range c.reviews {
		p := r.payment()
		said := p.Evidence.Callback
		if p.Flow != c.Order.Flow || said == nil {
			continue // it says nothing about this order
		}
		h := Heard{ReceivedAt: p.Evidence.ReceivedAt, StreamSequence: p.Evidence.StreamSequence, Callback: callback.Callback{
			OrderID: c.Order.OrderID, PlatOrderID: said.PlatOrderID, Status: callback.Status(said.Status),
			Reverse: said.Reverse, Remark: said.Remark,
		}}
		h.Callback.Amount, _ = said.Amount.Decimal()
		h.Callback.Fee, h.Callback.FeeKnown = said.Fee.Decimal()
		if h.Callback.Final() {
			c.bring(h)
		}
	}
}

// bring takes a callback into the case, unless it knows a newer one.
func (c *caseFile) bring(h Heard) {
	if c.Callback == nil || h.StreamSequence >= c.StreamSequence {
		c.Callback, c.ReceivedAt, c.StreamSequence = &h.Callback, h.ReceivedAt, h.StreamSequence
	}
}

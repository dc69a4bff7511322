package sweep

import (
	"context"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// Processor looks at an order whose turn has come.
type Processor interface {
	Sweep(ctx context.Context, due reconcile.Due) reconcile.Result
}

// Message is a registration of an order, or an outcome, as its stream
// brings it.
type Message struct {
	Order      events.Order
	Stored     time.Time // by the server's clock
	Sequence   uint64    // in its stream
	Deliveries uint64    // 1 for the first
}

// Causes of results that come before any look.
const (
	CauseNotDue    = "not_due"   // back to the server until it is
	CauseOvertaken = "overtaken" // left to the next tier, whose turn has come too
)

// longestNap bounds how long a message stays at the server at once. A delay that
// was given is not taken back: with a wrong clock, or before a setting was
// changed, it would hold for as long as it said.
const longestNap = 15 * time.Minute

// Handle takes a message to the processor if its turn has come.
func (t Tier) Handle(ctx context.Context, p Processor, m reconcile.Merchant, msg Message, now time.Time) (reconcile.Due, reconcile.Result) {
	due := reconcile.Due{
		Merchant: m, Order: msg.Order, Stage: t.Stage, Tier: t.Name,
		Stored: msg.Stored, Since: t.due(msg.Stored), Now: now, Sequence: msg.Sequence, Deliveries: msg.Deliveries,
	}
	switch wait := due.Since.Sub(now); {
	case wait > 0:
		return due, reconcile.Result{Disposition: reconcile.Redeliver, Cause: CauseNotDue, After: min(wait, longestNap)}
	case t.overtaken(msg.Stored, now):
		return due, reconcile.Result{Disposition: reconcile.Acknowledge, Cause: CauseOvertaken}
	default:
		return due, p.Sweep(ctx, due)
	}
}

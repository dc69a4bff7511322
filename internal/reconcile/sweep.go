package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// Due is an order whose turn in the sweep has come.
type Due struct {
	Merchant Merchant
	Order    events.Order
	Stage    Stage  // StageTier, StageLastTier or StageLookBack
	Tier     string // names the turn in claims, metrics and the trail
	// Stored is when the server stored the registration, or the outcome that is
	// looked back at.
	Stored time.Time
	// Since is when the turn came. A last tier or look-back that gets no answer
	// goes on for ParkAfter from there.
	Since time.Time
	// Now is the time by the clock that Stored and Since are of.
	Now time.Time
	// Sequence is, in StageLookBack, the event's in PAYMENTS.
	Sequence   uint64
	Deliveries uint64 // 1 for the first
}

// Sweep looks at an order that is due, in the steps of [Processor.Process]. It
// asks only where it can change anything: where downstream has heard no
// outcome, or heard one a while ago that is still the last. The result is Acknowledge or
// Redeliver, never Park: an order stays in ORDERS whatever happens.
func (p *Processor) Sweep(ctx context.Context, due Due) Result {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Lease)
	defer cancel()

	w := &work{Processor: p, token: p.random.Token(), d: Delivery{
		Merchant: due.Merchant, Order: due.Order, Stage: due.Stage, Tier: due.Tier,
		ReceivedAt: due.Since, Deliveries: due.Deliveries,
	}, due: due}
	w.key = w.d.ClaimKey()
	if due.Stage == StageLookBack {
		// Each outcome has a look-back of its own. Under one key the mark of the
		// one that told an outcome would answer for the look-back at that outcome.
		w.key += "/" + strconv.FormatUint(due.Sequence, 10)
	}
	if ask, err := w.standing(ctx, due.Sequence); err != nil {
		w.fail(err)
		return w.res
	} else if !ask || !w.claim(ctx) {
		return w.res
	}
	err := w.lookAndTell(ctx)
	if w.unanswered(err) {
		err = w.giveUp(ctx)
	}
	w.finish(ctx, err)
	return w.res
}

// standing reads what stands in our own streams, and reports whether the
// gateway has to be asked.
func (w *work) standing(ctx context.Context, sequence uint64) (ask bool, err error) {
	merchant, orderID := w.d.Order.Merchant, w.d.Order.OrderID
	if w.last, err = w.ledger.Last(ctx, merchant, orderID); err != nil {
		return false, fmt.Errorf("read the order's last event: %w", err)
	}
	w.res.Disposition = Acknowledge
	if w.d.Stage == StageLookBack {
		if w.last.sequence() == sequence {
			return true, nil
		}
		// It may have been superseded by this look-back, which did not live to
		// answer the reviews that stood in for the new outcome.
		w.res.Cause = "superseded"
		if w.last == nil {
			return false, nil // the ledger is another one than when it was told
		}
		return false, w.closeReviews(ctx, *w.last)
	}
	submitted, err := w.orders.Submitted(ctx, merchant, orderID)
	switch {
	case err != nil:
		return false, fmt.Errorf("read the submitted order: %w", err)
	case submitted == nil:
		w.res.Cause = "withdrawn"
		return false, nil
	case w.last == nil:
		return true, nil
	default:
		w.res.Cause = "told"
		return false, w.compare(ctx, submitted)
	}
}

// compare holds the registration against the outcome that was told, which may
// have come first. What the gateway said then is in the event: it is not asked.
func (w *work) compare(ctx context.Context, submitted *Submitted) error {
	c := w.open()
	c.Submitted, c.Answer = submitted, answerBehind(w.last.payment())
	w.res.Decision = Decide(c.Case)
	refused, err := w.tell(ctx, c)
	if err == nil && refused != nil {
		err = fmt.Errorf("compare the registration: %w", ErrConflict)
	}
	return err
}

// answerBehind is the answer on which an event rests.
func answerBehind(p events.Payment) Answer {
	a := Answer{
		Found: true, PlatOrderID: p.PlatOrderID, Status: callback.Failed,
		Amount: p.Amount, Fee: p.Fee, UTR: p.UTR, Sandbox: !p.LiveMode, At: p.Evidence.ConfirmedAt,
	}
	if p.Outcome == events.OutcomeSettled {
		a.Status = callback.Success
	}
	return a
}

// unanswered: the last look, and the gateway has been silent for as long as the
// sweep asks.
func (w *work) unanswered(err error) bool {
	return w.d.Stage == StageLastTier && silent(err) && w.askedEnough()
}

// silent: the gateway was asked, and said nothing about the order.
func silent(err error) bool {
	var unavailable *Unavailable
	return errors.As(err, &unavailable) && !unavailable.NotAsked && unavailable.Cause != CauseRate && !cutOff(err)
}

// askedEnough: the turn came long ago, and the question was asked often enough.
// Deliveries don't tell how often: most of them came before the turn, or waited
// for the rate.
func (w *work) askedEnough() bool {
	return w.due.Now.Sub(w.due.Since) > w.cfg.ParkAfter && w.attempts[ReasonUnanswered]+1 >= w.cfg.Attempts
}

// spent is what a look that failed counts as.
func (w *work) spent(err error) Reason {
	if w.d.Stage.sweep() && silent(err) {
		return ReasonUnanswered
	}
	return ""
}

// giveUp puts an order before a person whose gateway never answered.
func (w *work) giveUp(ctx context.Context) error {
	c := w.open()
	c.Answer = Answer{Unanswered: true, At: w.clock()}
	k := w.recall(ctx)
	if k.err != nil {
		return k.err
	}
	c.Submitted, c.reviews = k.submitted, k.reviews
	c.recallCallback()
	if err := w.hear(ctx, &c); err != nil {
		return err
	}
	w.res.Decision = Decide(c.Case)
	refused, err := w.tell(ctx, c)
	if err == nil && refused != nil {
		err = fmt.Errorf("open review: %w", ErrConflict)
	}
	return err
}

// failSweep maps an error to the next turn: the next tier's, or this one's again.
func (w *work) failSweep(err error) {
	var unavailable *Unavailable
	var unfit *unfitError
	switch {
	case errors.As(err, &unavailable) && unavailable.Cause == CauseRate:
		w.redeliver("unavailable", max(unavailable.After, w.backoff(0)))
	case errors.As(err, &unavailable) && w.d.Stage == StageTier:
		w.res.Disposition, w.res.Cause = Acknowledge, "passed_on"
	case w.d.Stage == StageLookBack && silent(err) && w.askedEnough():
		w.res.Disposition, w.res.Cause = Acknowledge, "unanswered"
	case errors.As(err, &unavailable):
		w.redeliver("unavailable", max(unavailable.After, w.backoffByDelivery()))
	case errors.As(err, &unfit):
		// Nothing will make an event of it, and enough of them would take every
		// place of the tier.
		w.res.Disposition, w.res.Cause = Acknowledge, "unfit"
	default:
		w.redeliver("ledger", w.backoffByDelivery())
	}
}

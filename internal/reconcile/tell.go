package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/settlehook/settlehook/pkg/events"
)

// tell carries the decision out. It returns the event that the ledger refused
// because the order's last event is another one, nil when the ledger holds
// what was decided.
func (w *work) tell(ctx context.Context, c caseFile) (refused *events.Event, err error) {
	switch d := w.res.Decision; d.Verdict {
	case Emit:
		return w.emit(ctx, c)
	case Review:
		return w.openReview(ctx, c)
	case Ignore:
		if d.Reason == ReasonDuplicate {
			// The event may be ours, stored by a delivery that did not live
			// to go on from there.
			w.found(*c.Last)
			return nil, w.closeReviews(ctx, *c.Last)
		}
	}
	return nil, nil
}

// emit appends an outcome behind the event that the decision saw, and answers
// the reviews that stood in for it.
func (w *work) emit(ctx context.Context, c caseFile) (*events.Event, error) {
	e, err := w.outcome(c)
	if err != nil {
		return nil, err
	}
	seq, err := w.ledger.Append(ctx, e, c.Last.sequence())
	switch {
	case errors.Is(err, ErrConflict), errors.Is(err, ErrExists):
		return &e, nil
	case err != nil:
		return nil, fmt.Errorf("emit %s: %w", e.ID, err)
	}
	w.found(Entry{Sequence: seq, Event: e})
	w.res.Emitted = true
	return nil, w.closeReviews(ctx, Entry{Sequence: seq, Event: e})
}

// openReview puts the case before a person. It is guarded by the order's last
// event as an outcome is: a review of a state that is gone is not opened.
func (w *work) openReview(ctx context.Context, c caseFile) (*events.Event, error) {
	e, err := w.review(c)
	if err != nil {
		return nil, err
	}
	seq, err := w.ledger.Append(ctx, e, c.Last.sequence())
	switch {
	case errors.Is(err, ErrConflict):
		return &e, nil
	case errors.Is(err, ErrExists): // the same case was put before a person already
		w.res.Event = &e
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("open review %s: %w", e.ID, err)
	}
	w.found(Entry{Sequence: seq, Event: e})
	w.res.Emitted = true
	return nil, nil
}

// closeReviews resolves the open reviews that stood in for the outcome told
// now. It reads them anew: one may have been opened since the look, but none
// can be behind the outcome, whose guard refuses it. A review opened after the
// outcome is about something else.
func (w *work) closeReviews(ctx context.Context, told Entry) error {
	reviews, err := w.ledger.OpenReviews(ctx, w.d.Order.Merchant, w.d.Order.OrderID)
	if err != nil {
		return fmt.Errorf("read the order's open reviews: %w", err)
	}
	for _, r := range reviews {
		if r.Sequence > told.Sequence || !r.standsInFor(told.outcome()) {
			continue
		}
		e, err := w.resolved(r, confirmed(told))
		if err != nil {
			return err
		}
		_, err = w.ledger.Append(ctx, e, told.Sequence)
		if err != nil && !errors.Is(err, ErrExists) {
			// ErrConflict too: what happened since decides on the next delivery.
			return fmt.Errorf("resolve review %s: %w", r.Event.ID, err)
		}
	}
	return nil
}

func (w *work) found(e Entry) { w.res.Event, w.res.Sequence = &e.Event, e.Sequence }

package reconciletest

import (
	"errors"
	"fmt"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// Audit reads a whole ledger as finance would, and returns everything that
// must never be in one: an outcome told twice, an outcome that follows another
// without superseding it, a course the gateway page does not allow, a reversal
// of other money than was settled, a resolution without its review.
func Audit(entries []reconcile.Entry) error {
	type name struct{ merchant, order string }
	var errs []error
	last := map[name]*events.Event{}
	seen := map[string]bool{}
	for _, entry := range entries {
		e := entry.Event
		p := e.Data.Common()
		if seen[e.NATSSubject()] || seen[e.ID] {
			errs = append(errs, fmt.Errorf("%d: %s is told twice", entry.Sequence, e.ID))
		}
		if r, ok := e.Data.(events.Resolved); ok && !seen[r.Resolves] {
			errs = append(errs, fmt.Errorf("%d: %s resolves what was not there", entry.Sequence, e.ID))
		}
		if e.Outcome().Final() {
			order := name{p.Merchant, p.OrderID}
			if err := follows(last[order], e); err != nil {
				errs = append(errs, fmt.Errorf("%d: %w", entry.Sequence, err))
			}
			last[order] = &e
		}
		seen[e.NATSSubject()], seen[e.ID] = true, true
	}
	return errors.Join(errs...)
}

// follows holds an outcome against the one before it.
func follows(before *events.Event, e events.Event) error {
	p := e.Data.Common()
	if before == nil {
		if e.Outcome() == events.OutcomeReversed {
			return fmt.Errorf("%s reverses nothing", e.ID)
		}
		return nil
	}
	b := before.Data.Common()
	switch {
	case p.Supersedes != before.ID:
		return fmt.Errorf("%s follows %s and supersedes %q", e.ID, before.ID, p.Supersedes)
	case p.Flow != b.Flow:
		return fmt.Errorf("%s: outcomes on both flows", e.ID)
	case !mayFollow(before.Outcome(), e.Outcome(), p):
		return fmt.Errorf("%s: %s may not follow %s (%s)", e.ID, e.Outcome(), before.Outcome(), p.Flow)
	case e.Outcome() == events.OutcomeReversed && !(p.Amount.Equal(b.Amount) && p.Net.Equal(b.Net)):
		return fmt.Errorf("%s reverses %s, settled was %s", e.ID, p.Amount, b.Amount)
	}
	return nil
}

// mayFollow is the table "Order states" of the gateway page. It says nothing
// of an expired collection that turns out to have failed; no money moved
// either way.
func mayFollow(before, after events.Outcome, p events.Payment) bool {
	switch before {
	case events.OutcomeSettled:
		return after == events.OutcomeReversed
	case events.OutcomeFailed:
		// A payout that succeeds after it was told failed is for a person.
		return after == events.OutcomeSettled && (p.Flow == events.FlowCollect || p.Via == events.ViaOperator)
	case events.OutcomeExpired:
		return after == events.OutcomeSettled || after == events.OutcomeFailed
	default:
		return false
	}
}

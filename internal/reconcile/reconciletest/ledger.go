package reconciletest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// Ledger is a ledger in memory. It gives events back as they come off the
// wire, and passes [LedgerSuite] like the real one.
type Ledger struct {
	plain bool

	mu     sync.Mutex
	stored []record
}

type record struct {
	subject string
	parts   events.SubjectParts
	event   events.Event // as it is read back
}

var _ reconcile.Ledger = (*Ledger)(nil)

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{} }

// NewPlainLedger returns an empty ledger that holds events to their schemas, but
// keeps them without reading them back, for tests that store hundreds of
// thousands.
func NewPlainLedger() *Ledger { return &Ledger{plain: true} }

// Append implements reconcile.Ledger.
func (l *Ledger) Append(ctx context.Context, e events.Event, expected uint64) (uint64, error) {
	read, err := overTheWire(e, l.plain)
	if err != nil {
		return 0, err
	}
	parts, err := events.ParseSubject(e.NATSSubject())
	if err != nil {
		return 0, fmt.Errorf("subject of what was stored: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	order := e.Data.Common().Order()
	// The server checks the guard first, and the subject's limit when it stores.
	if last := l.last(order.Merchant, order.OrderID); last != expected {
		return 0, fmt.Errorf("%w: %d, not %d", reconcile.ErrConflict, last, expected)
	}
	for _, r := range l.stored {
		if r.subject == e.NATSSubject() {
			return 0, fmt.Errorf("%w: %s", reconcile.ErrExists, r.subject)
		}
	}
	l.stored = append(l.stored, record{e.NATSSubject(), parts, read})
	return uint64(len(l.stored)), nil
}

// overTheWire is an event as it is read back; plain leaves the reading out.
func overTheWire(e events.Event, plain bool) (events.Event, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return events.Event{}, fmt.Errorf("encode event: %w", err)
	}
	if err := contracttest.Event(body); err != nil {
		return events.Event{}, fmt.Errorf("what was stored breaks the contract: %w", err)
	}
	if plain {
		return e, nil
	}
	read, err := events.Decode(body)
	if err != nil {
		return events.Event{}, fmt.Errorf("what was stored could not be read back: %w", err)
	}
	return read, nil
}

// last is the sequence of the order's last outcome, 0 if there is none.
func (l *Ledger) last(merchant, orderID string) uint64 {
	for i := len(l.stored) - 1; i >= 0; i-- {
		parts := l.stored[i].parts
		if parts.Outcome.Final() && parts.Merchant == merchant && parts.OrderID == orderID {
			return uint64(i + 1)
		}
	}
	return 0
}

// Last implements reconcile.Ledger.
func (l *Ledger) Last(ctx context.Context, merchant, orderID string) (*reconcile.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sequence := l.last(merchant, orderID)
	if sequence == 0 {
		return nil, nil
	}
	e := l.entry(sequence)
	return &e, nil
}

// OpenReviews implements reconcile.Ledger.
func (l *Ledger) OpenReviews(ctx context.Context, merchant, orderID string) ([]reconcile.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	closed := map[string]bool{}
	for _, r := range l.stored {
		if r.parts.Outcome == events.OutcomeResolved {
			closed[events.ReviewSubject(r.parts.Order, r.parts.Tail)] = true
		}
	}
	var open []reconcile.Entry
	for i, r := range l.stored {
		if r.parts.Outcome != events.OutcomeReview || closed[r.subject] ||
			r.parts.Merchant != merchant || r.parts.OrderID != orderID {
			continue
		}
		open = append(open, l.entry(uint64(i+1)))
	}
	return open, nil
}

// Entries are all events, oldest first.
func (l *Ledger) Entries() []reconcile.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := make([]reconcile.Entry, len(l.stored))
	for i := range l.stored {
		entries[i] = l.entry(uint64(i + 1))
	}
	return entries
}

// Restore forgets everything after sequence, as a backup that is restored.
func (l *Ledger) Restore(sequence int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored = l.stored[:sequence]
}

func (l *Ledger) entry(sequence uint64) reconcile.Entry {
	return reconcile.Entry{Sequence: sequence, Event: l.stored[sequence-1].event}
}

package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
)

// ParkedStore is PARKED; see [stream.ParkedStore].
type ParkedStore interface {
	List(ctx context.Context, f stream.ParkedFilter, before func(total uint64), each func(stream.ParkedCallback) error) error
	Get(ctx context.Context, sequence uint64) (stream.ParkedCallback, error)
	Return(ctx context.Context, p stream.ParkedCallback) (stream.Receipt, error)
	RecordDrop(ctx context.Context, p stream.ParkedCallback, by, why string, at time.Time) error
	Delete(ctx context.Context, sequence uint64) error
}

// ParkedQuery is which parked callbacks a person means.
type ParkedQuery struct {
	stream.ParkedFilter
	Reason  string // cause of parking
	OrderID string
}

func (q ParkedQuery) matches(p stream.ParkedCallback) bool {
	if q.Reason != "" && q.Reason != p.Reason {
		return false
	}
	if q.OrderID == "" {
		return true
	}
	cb, err := p.Callback()
	return err == nil && cb.OrderID == q.OrderID
}

// Parked deals with parked callbacks.
type Parked struct {
	store ParkedStore
	clock func() time.Time
}

// NewParked returns what deals with the callbacks of a store.
func NewParked(store ParkedStore, clock func() time.Time) *Parked {
	return &Parked{store: store, clock: clock}
}

// List calls each for every callback that is meant, oldest first;
// [stream.ErrStop] ends it.
func (p *Parked) List(ctx context.Context, q ParkedQuery, each func(stream.ParkedCallback) error) error {
	return p.store.List(ctx, q.ParkedFilter, nil, func(m stream.ParkedCallback) error {
		if !q.matches(m) {
			return nil
		}
		return each(m)
	})
}

// Get returns one callback, or [stream.ErrGone].
func (p *Parked) Get(ctx context.Context, sequence uint64) (stream.ParkedCallback, error) {
	return p.store.Get(ctx, sequence)
}

// Act is what is done to a parked callback.
type Act func(ctx context.Context, m stream.ParkedCallback) Result

// PlanRedrive says what Redrive would do, and does nothing.
func (p *Parked) PlanRedrive(_ context.Context, m stream.ParkedCallback) Result {
	if err := m.Redrivable(); err != nil {
		return resultOf(m, Refused, err)
	}
	return resultOf(m, Redrivable, nil)
}

// Redrive puts a callback back into CALLBACKS, and takes it out of PARKED once
// it is stored there. Cut off anywhere, doing it again finishes the work: a
// worker finds a callback that is there twice decided.
func (p *Parked) Redrive(ctx context.Context, m stream.ParkedCallback) Result {
	if _, err := p.store.Return(ctx, m); errors.Is(err, stream.ErrNoSubject) {
		return resultOf(m, Refused, err)
	} else if err != nil {
		return resultOf(m, Failed, full(err))
	}
	if err := p.store.Delete(ctx, m.Sequence); err != nil {
		return resultOf(m, Failed, fmt.Errorf("it is in %s again, but still in %s, too: %w", stream.Callbacks, stream.Parked, err))
	}
	return resultOf(m, Redriven, nil)
}

// PlanDrop says what a drop would do, and does nothing.
func (p *Parked) PlanDrop(_ context.Context, m stream.ParkedCallback) Result {
	return resultOf(m, Droppable, nil)
}

// Drop returns what deletes a callback for good, after the trail has it with
// who and why.
func (p *Parked) Drop(by, why string) Act {
	return func(ctx context.Context, m stream.ParkedCallback) Result {
		if err := p.store.RecordDrop(ctx, m, by, why, p.clock()); err != nil {
			return resultOf(m, Failed, fmt.Errorf("nothing was deleted, since it could not be recorded: %w", err))
		}
		if err := p.store.Delete(ctx, m.Sequence); err != nil {
			return resultOf(m, Failed, err)
		}
		return resultOf(m, Dropped, nil)
	}
}

func resultOf(m stream.ParkedCallback, v Verdict, err error) Result {
	return Result{Sequence: m.Sequence, Merchant: m.Merchant, Reason: m.Reason, Verdict: v, Err: err}
}

// All does something to every callback that is meant. A callback that fails is
// counted, and the rest goes on; the error is of the operation as a whole.
func (p *Parked) All(ctx context.Context, q ParkedQuery, act Act, w Watch) (Tally, error) {
	return all(ctx, w, func(each func(stream.ParkedCallback) error) error {
		return p.store.List(ctx, q.ParkedFilter, w.Total, each)
	}, q.matches, act)
}

// Some does something to the callbacks of these sequences, in this order.
func (p *Parked) Some(ctx context.Context, sequences []uint64, act Act, w Watch) (Tally, error) {
	return some(ctx, w, sequences, p.store.Get, act)
}

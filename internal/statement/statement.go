package statement

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// Sources are what a statement is made of.
type Sources struct {
	JS      jetstream.JetStream
	Timeout time.Duration // of one read
	Scope   finance.Scope
	// Bill is the gateway's side; without one its order query is asked.
	Bill      *Bill
	Asking    Asking
	Movements []finance.Movement
	// Step is called as each part begins, with how much it is at most; the function
	// it returns is called for each. Both may be nil.
	Step func(name string, most uint64) (seen func())
}

// Make makes the statement. Broken off by ctx while the gateway is asked, it goes
// on there the next time, by [Asking]'s answers.
func Make(ctx context.Context, s Sources) (finance.Statement, error) {
	r := finance.NewReconciler(s.Scope, s.Bill != nil)
	for _, m := range s.Movements {
		r.Move(m)
	}
	if err := s.registrations(ctx, r); err != nil {
		return finance.Statement{}, err
	}
	if err := s.events(ctx, r); err != nil {
		return finance.Statement{}, err
	}
	if s.Bill != nil {
		for _, said := range s.Bill.Lines {
			r.Say(said)
		}
	}
	if err := s.earlier(ctx, r); err != nil {
		return finance.Statement{}, err
	}
	if s.Bill == nil {
		wanted := r.Wanted()
		s.Asking.Seen = s.begin("asking the gateway", uint64(len(wanted)))
		if err := s.Asking.ask(ctx, wanted, r.Say); err != nil {
			return finance.Statement{}, fmt.Errorf("ask the gateway: %w", err)
		}
	}
	return r.Statement(), nil
}

func (s Sources) begin(name string, most uint64) func() {
	if s.Step != nil {
		if seen := s.Step(name, most); seen != nil {
			return seen
		}
	}
	return func() {}
}

func (s Sources) registrations(ctx context.Context, r *finance.Reconciler) error {
	var seen func()
	return stream.ReadRegistrations(ctx, s.JS, s.Scope.Merchant, s.Scope.Period.Earliest(),
		func(most uint64) { seen = s.begin("reading submitted orders", most) },
		func(said stream.Registration) error {
			seen()
			switch {
			case said.Type == events.TypeWithdrawn:
				r.Withdraw(said.Order.Flow, said.Order.OrderID)
			case said.Type == events.TypeSubmitted && said.Event != nil: // one that can't be read has a review
				r.Register(said.Event.Data, said.Event.Time)
			}
			return nil
		})
}

func (s Sources) events(ctx context.Context, r *finance.Reconciler) error {
	var seen func()
	return stream.ReadEvents(ctx, s.JS, stream.EventRange{Merchant: s.Scope.Merchant, Since: s.Scope.Period.Earliest()},
		func(most uint64) { seen = s.begin("reading the ledger", most) },
		func(e stream.StoredEvent) error {
			seen()
			r.Book(finance.Line{Sequence: e.Sequence, StoredAt: e.At, Event: e.Event})
			return nil
		})
}

// earlier looks for outcomes that are older than the events that were read.
func (s Sources) earlier(ctx context.Context, r *finance.Reconciler) error {
	ledger, err := stream.OpenLedger(ctx, s.JS, s.Timeout)
	if err != nil {
		return err
	}
	untold := r.Untold()
	seen := s.begin("looking for earlier outcomes", uint64(len(untold)))
	for _, o := range untold {
		seen()
		last, err := ledger.Last(ctx, o.Merchant, o.OrderID)
		if err != nil {
			return err
		}
		if last != nil && last.Event.Data.Common().Flow == o.Flow {
			r.Recall(last.Event)
		}
	}
	return nil
}

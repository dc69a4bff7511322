package reconciletest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// Orders are submitted orders in memory. They pass [OrdersSuite] like the real
// ones.
type Orders struct {
	mu     sync.Mutex
	stored []events.OrderEvent
}

var _ OrderBook = (*Orders)(nil)

// NewOrders returns no orders.
func NewOrders() *Orders { return &Orders{} }

var (
	errOtherAmount   = errors.New("registered before with another amount")
	errOtherFlow     = errors.New("registered before in the other flow")
	errWithdrawn     = errors.New("registered and withdrawn before")
	errNotRegistered = errors.New("not registered")
	errRepeated      = errors.New("a further attempt may create it")
)

// Submit implements [OrderBook].
func (o *Orders) Submit(ctx context.Context, e events.OrderEvent) (fresh bool, err error) {
	if err := inContract(e); err != nil {
		return false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	order := e.Data.Order()
	before := o.find(e.NATSSubject())
	switch {
	case o.inOtherFlow(order):
		return false, errOtherFlow
	case o.find(events.WithdrawnSubject(order)) != nil:
		return false, errWithdrawn
	case before == nil:
		o.stored = append(o.stored, e)
		return true, nil
	case !same(before, e):
		return false, errOtherAmount
	case o.find(events.RepeatedSubject(order)) == nil:
		repeated, err := events.NewRepeated(e.Installation(), e.Time, e.Data)
		if err != nil {
			return false, err
		}
		o.stored = append(o.stored, repeated)
	}
	return false, nil
}

// Withdraw implements [OrderBook].
func (o *Orders) Withdraw(ctx context.Context, e events.OrderEvent) error {
	if err := inContract(e); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	order := e.Data.Order()
	before := o.find(events.SubmittedSubject(order))
	switch {
	case o.inOtherFlow(order):
		return errOtherFlow
	case before == nil:
		return errNotRegistered
	case !same(before, e):
		return errOtherAmount
	case o.find(events.RepeatedSubject(order)) != nil:
		return errRepeated
	case o.find(e.NATSSubject()) == nil:
		o.stored = append(o.stored, e)
	}
	return nil
}

// inOtherFlow reports whether the order id names an order of the other flow.
// inContract holds what an order service sends to its schema.
func inContract(e events.OrderEvent) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if err := contracttest.Event(body); err != nil {
		return fmt.Errorf("what was sent breaks the contract: %w", err)
	}
	return nil
}

func (o *Orders) inOtherFlow(order events.Order) bool {
	for _, e := range o.stored {
		if e.Data.Merchant == order.Merchant && e.Data.OrderID == order.OrderID && e.Data.Flow != order.Flow {
			return true
		}
	}
	return false
}

func same(before *events.OrderEvent, e events.OrderEvent) bool {
	return before.Data.Amount.Equal(e.Data.Amount) && before.Data.Currency == e.Data.Currency
}

// Submitted implements reconcile.Orders.
func (o *Orders) Submitted(ctx context.Context, merchant, orderID string) (*reconcile.Submitted, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, e := range o.stored {
		order := e.Data.Order()
		if e.Type != events.TypeSubmitted || order.Merchant != merchant || order.OrderID != orderID ||
			o.find(events.WithdrawnSubject(order)) != nil {
			continue
		}
		return &reconcile.Submitted{Flow: order.Flow, Amount: e.Data.Amount, Currency: e.Data.Currency}, nil
	}
	return nil, nil
}

func (o *Orders) find(subject string) *events.OrderEvent {
	for i := range o.stored {
		if o.stored[i].NATSSubject() == subject {
			return &o.stored[i]
		}
	}
	return nil
}

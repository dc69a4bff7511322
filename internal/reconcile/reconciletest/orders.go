package reconciletest

import (
	"context"
	"errors"
	"sync"

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

var errOtherAmount = errors.New("submitted before with another amount")

// Submit registers an order, or withdraws it, once.
func (o *Orders) Submit(ctx context.Context, e events.OrderEvent) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if before := o.find(e.NATSSubject()); before != nil {
		if !before.Data.Amount.Equal(e.Data.Amount) {
			return errOtherAmount
		}
		return nil
	}
	o.stored = append(o.stored, e)
	return nil
}

// Submitted implements reconcile.Orders.
func (o *Orders) Submitted(ctx context.Context, merchant, orderID string) (*reconcile.Submitted, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := len(o.stored) - 1; i >= 0; i-- {
		e := o.stored[i]
		order := e.Data.Order()
		if e.Withdrawn() || order.Merchant != merchant || order.OrderID != orderID ||
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

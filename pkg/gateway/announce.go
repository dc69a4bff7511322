package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/settlehook/settlehook/pkg/events"
)

// Orders is the book in which settlehook finds what was asked of the gateway,
// to compare it with what was paid. Package pkg/orders has the one on NATS.
type Orders interface {
	// Submit registers an order before it is created. It returns nil only once
	// the registration is stored for good. fresh says that this call stored it;
	// false, that the same registration stood already, or that nobody knows, and
	// then no Withdraw of another attempt may succeed any more. An order that was
	// registered otherwise (amount, currency, flow), or withdrawn, is an error.
	Submit(ctx context.Context, e events.OrderEvent) (fresh bool, err error)
	// Withdraw takes a registration back after a definite refusal, unless another
	// attempt was submitted meanwhile, which is an error: the registration and the
	// order id stand then. After nil the order id is used up.
	Withdraw(ctx context.Context, e events.OrderEvent) error
}

// ErrNotAnnounced is wrapped by the error of a create whose order could not be
// announced. Nothing was sent to the gateway; the same order may be created
// again under the same order id, unless the cause says otherwise.
var ErrNotAnnounced = errors.New("the order was not announced, so nothing was sent")

// Unannounced is the explicit choice to create orders that settlehook is not
// told about: for trying a merchant's credentials, never for real orders, since
// what is paid can't be compared with what was asked then.
var Unannounced Orders = unannounced{}

type unannounced struct{}

// Submit never claims freshness: without a book nobody knows whether there was
// an earlier attempt.
func (unannounced) Submit(context.Context, events.OrderEvent) (bool, error) { return false, nil }
func (unannounced) Withdraw(context.Context, events.OrderEvent) error       { return nil }

// announce registers the order; fresh is as in Orders.
func (c *Client) announce(ctx context.Context, cr creation) (fresh bool, err error) {
	if c.creates.unannounced() {
		return c.creates.orders.Submit(ctx, events.OrderEvent{})
	}
	e, err := c.registration(cr, events.NewSubmitted)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrInvalidRequest, err)
	}
	if fresh, err = c.creates.orders.Submit(ctx, e); err != nil {
		return false, fmt.Errorf("%w: %w", ErrNotAnnounced, err)
	}
	return fresh, nil
}

// withdraw takes the registration back.
func (c *Client) withdraw(ctx context.Context, cr creation) error {
	e, err := c.registration(cr, events.NewWithdrawn)
	if err != nil {
		return err
	}
	return c.creates.orders.Withdraw(ctx, e)
}

// registration builds the event of an order, by events.NewSubmitted or
// events.NewWithdrawn.
func (c *Client) registration(cr creation, build eventOf) (events.OrderEvent, error) {
	amount, err := events.NewAmount(cr.amount)
	if err != nil {
		return events.OrderEvent{}, err
	}
	return c.creates.event(build, c.now(), events.SubmittedOrder{
		Flow: cr.flow, OrderID: cr.orderID, Amount: amount,
	})
}

package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
)

// creation is what both creates have in common.
type creation struct {
	flow     events.Flow
	endpoint string
	orderID  string
	amount   decimal.Decimal
	fields   []field // as they go over the wire, without empty ones
}

// create makes an order at the gateway: check, announce, post, and say what an
// answer means for the order. rules are the region's; read takes the data of a
// success.
func (c *Client) create(ctx context.Context, cr creation, rules func() error, read func(object) error) (sandbox bool, err error) {
	if err := c.checkCreate(cr, rules); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, transportError(cr.endpoint, c.timeout, err, true)
	}
	fresh, err := c.announce(ctx, cr)
	if err != nil {
		return false, err
	}
	r, err := c.call(ctx, request{endpoint: cr.endpoint, orderID: cr.orderID, fields: cr.fields, once: true})
	if err == nil {
		err = inData(read(r.data), r.sandbox)
	}
	if err != nil {
		return false, c.classify(ctx, cr, fresh, err)
	}
	return r.sandbox, nil
}

// classify says what a failed call means for the order: not sent, refused, or,
// wherever there is any doubt, unknown.
func (c *Client) classify(ctx context.Context, cr creation, fresh bool, err error) error {
	var transport *TransportError
	var refusal *BusinessError
	switch {
	case errors.As(err, &transport) && transport.NotSent:
		return err
	case errors.As(err, &refusal):
		return c.refused(ctx, cr, fresh, refusal)
	}
	return &UnknownError{Endpoint: cr.endpoint, OrderID: cr.orderID, Err: err}
}

// refused decides what code 400 means, which covers a wrong parameter, an order
// id used before, a bad sign and a blocked source: only the order query tells
// whether the order exists, and only words that are known to be final tell that
// it won't.
func (c *Client) refused(ctx context.Context, cr creation, fresh bool, refusal *BusinessError) error {
	order, err := c.queryOrder(ctx, cr.orderID, cr.fields)
	var notFound *NotFoundError
	switch {
	case err == nil:
		return &ExistsError{Order: order, Desc: refusal.Desc, Fresh: fresh}
	case !errors.As(err, &notFound):
		return &UnknownError{Endpoint: cr.endpoint, OrderID: cr.orderID, Err: notTold(refusal, err)}
	case !c.definite(refusal):
		return &UnknownError{
			Endpoint: cr.endpoint, OrderID: cr.orderID,
			Err: fmt.Errorf("%w; its order query knows no such order yet, and these words may not be final", refusal),
		}
	case !fresh:
		return &RefusedError{OrderID: cr.orderID, Desc: refusal.Desc, Unannounced: c.creates.unannounced()}
	}
	err = c.withdraw(ctx, cr)
	return &RefusedError{OrderID: cr.orderID, Desc: refusal.Desc, Withdrawn: err == nil, Err: err}
}

// notTold is a refusal whose order the query did not tell about. Refused both in
// the same words, it is the caller who is refused: a wrong key, a blocked source.
func notTold(refusal *BusinessError, err error) error {
	var again *BusinessError
	if errors.As(err, &again) && again.Desc == refusal.Desc {
		return fmt.Errorf("%w; the order query was refused in the same words", refusal)
	}
	return fmt.Errorf("%w; and the order query did not tell: %w", refusal, err)
}

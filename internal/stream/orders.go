package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// OrderBook is the ORDERS stream as the worker reads it. Order services write it
// through pkg/orders.
type OrderBook struct {
	stream  jetstream.Stream
	timeout time.Duration
}

var _ reconcile.Orders = (*OrderBook)(nil)

// OpenOrders returns the submitted orders; timeout bounds each operation.
func OpenOrders(ctx context.Context, js jetstream.JetStream, timeout time.Duration) (*OrderBook, error) {
	s, err := openStream(ctx, js, Orders)
	if err != nil {
		return nil, err
	}
	return &OrderBook{stream: s, timeout: timeout}, nil
}

// Submitted implements reconcile.Orders. It reads registrations and withdrawals;
// that an order was repeated (orders.v1.repeated) is the order services' affair.
func (o *OrderBook) Submitted(ctx context.Context, merchant, orderID string) (*reconcile.Submitted, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	latest, err := o.read(ctx, events.SubmittedFilter(merchant, orderID))
	if err != nil || latest == nil {
		return nil, err
	}
	standing, err := o.standing(ctx, latest)
	if err != nil || standing != nil {
		return standing, err
	}
	// Withdrawn on one flow: what was submitted on the other stands.
	order := latest.order
	order.Flow = otherFlow(order.Flow)
	before, err := o.read(ctx, events.SubmittedSubject(order))
	if err != nil || before == nil {
		return nil, err
	}
	return o.standing(ctx, before)
}

// standing returns a submission unless it was withdrawn.
func (o *OrderBook) standing(ctx context.Context, s *submission) (*reconcile.Submitted, error) {
	withdrawn, err := o.read(ctx, events.WithdrawnSubject(s.order))
	if err != nil || withdrawn != nil {
		return nil, err
	}
	return &reconcile.Submitted{
		Flow: s.order.Flow, Amount: s.data.Amount, Currency: s.data.Currency, Unusable: s.unusable,
	}, nil
}

func otherFlow(f events.Flow) events.Flow {
	if f == events.FlowCollect {
		return events.FlowPay
	}
	return events.FlowCollect
}

// submission is one message of ORDERS. Order services write them, and what is
// written can't be taken back: one that can't be read, or is about another order
// than its subject, is a fact about the order and no error.
type submission struct {
	order    events.Order // of the subject
	data     events.SubmittedOrder
	unusable bool
}

func (o *OrderBook) read(ctx context.Context, filter string) (*submission, error) {
	raw, err := o.stream.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filter, err)
	}
	order, _, err := events.ParseOrderSubject(raw.Subject)
	if err != nil {
		return nil, fmt.Errorf("message %d of %s: %w", raw.Sequence, Orders, err)
	}
	e, decodeErr := events.DecodeOrder(raw.Data)
	usable := decodeErr == nil && e.NATSSubject() == raw.Subject
	return &submission{order: order, data: e.Data, unusable: !usable}, nil
}

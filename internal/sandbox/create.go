package sandbox

import (
	"context"
	"fmt"

	"github.com/govalues/decimal"
	"go.uber.org/zap"
)

// maxOrderID is the length of a merchant's order id (API document).
const maxOrderID = 32

// NewOrder is what an order is created from.
type NewOrder struct {
	Merchant string // settlehook's id
	Flow     Flow
	// OrderID is at most 32 printable ASCII characters; "" takes the next free one.
	OrderID string
	// PlatOrderID is the platform's; "" takes the next of 18 digits.
	PlatOrderID string
	// Amount is in major currency units, more than zero, with at most the
	// currency's fraction digits (two, in IDR none).
	Amount decimal.Decimal
	// Course is what happens to the order by itself; see also Course.
	Course []Step
}

// CreateOrder creates a submitted order and begins its course. OnCreate is
// called before anybody can see the order. Fails with errors wrapping
// ErrInvalid, ErrDuplicateOrder, ErrBooksFull or OnCreate's error.
func (s *Server) CreateOrder(ctx context.Context, n NewOrder) (Order, error) {
	order, err := s.draft(n)
	if err != nil {
		return Order{}, err
	}
	k := key{order.Merchant, order.OrderID}
	if err := s.books.reserve(k); err != nil {
		return Order{}, err
	}
	if s.cfg.OnCreate != nil {
		if err := s.cfg.OnCreate(ctx, order); err != nil {
			s.books.release(k)
			return Order{}, fmt.Errorf("announcing order %s: %w", order.OrderID, err)
		}
	}
	s.books.open(k, order, n.Course)
	s.log.Debug("order created", zap.String("merchant", order.Merchant), zap.String("order", order.OrderID),
		zap.String("flow", string(order.Flow)), zap.Stringer("amount", order.Submitted))
	return order, s.books.edit(k, func(e *entry) error {
		s.advance(k, e, false)
		return nil
	})
}

// draft checks n and makes the order of it.
func (s *Server) draft(n NewOrder) (Order, error) {
	m := s.merchants[n.Merchant]
	switch {
	case m == nil:
		return Order{}, invalid("unknown merchant %q", n.Merchant)
	case n.Flow != Collect && n.Flow != Pay:
		return Order{}, invalid("unknown flow %q; use collect or pay", n.Flow)
	}
	amount, err := money(n.Amount, m.Currency)
	if err != nil {
		return Order{}, err
	}
	if err := checkCourse(n.Course, m.Currency); err != nil {
		return Order{}, err
	}
	if n.OrderID == "" || n.PlatOrderID == "" {
		orderID, platOrderID := s.numbers.manualIDs()
		n.OrderID, n.PlatOrderID = orElse(n.OrderID, orderID), orElse(n.PlatOrderID, platOrderID)
	}
	if !printable(n.OrderID, maxOrderID) || !printable(n.PlatOrderID, 64) {
		return Order{}, invalid("order ids must be printable ASCII without white space and &, the merchant's at most %d characters", maxOrderID)
	}
	now := s.now()
	zero := decimal.Zero.Pad(fractionDigits(m.Currency))
	return Order{
		Merchant: m.ID, Account: m.Account, Currency: m.Currency, Flow: n.Flow,
		OrderID: n.OrderID, PlatOrderID: n.PlatOrderID, Submitted: amount, Paid: zero, Fee: zero,
		CreatedAt: now, ChangedAt: now,
	}, nil
}

func checkCourse(course []Step, currency string) error {
	for i, step := range course {
		switch {
		case step.After < 0:
			return invalid("step %d: its wait must not be negative", i+1)
		case step.WhenAccepted && i == 0:
			return invalid("step 1: there is no push before it that could be accepted")
		case step.Change.Action != Settle && step.Change.Action != Fail && step.Change.Action != Reverse:
			return invalid("step %d: unknown change %q; use settle, fail or reverse", i+1, step.Change.Action)
		case step.Change.Paid.IsZero():
			continue
		}
		if _, err := money(step.Change.Paid, currency); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func printable(id string, limit int) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' || id[i] == '&' {
			return false
		}
	}
	return id != "" && len(id) <= limit
}

// Apply changes an order's state now, starts the pushes about it, and breaks
// off the order's course, if one is under way. Fails with *TransitionError or
// errors wrapping ErrUnknownOrder or ErrInvalid.
func (s *Server) Apply(merchant, orderID string, change Change) (Order, error) {
	k := key{merchant, orderID}
	var changed Order
	err := s.books.edit(k, func(e *entry) error {
		if err := s.change(k, e, change); err != nil {
			return err
		}
		e.endCourse("the order was changed by hand")
		changed = e.order
		return nil
	})
	return changed, err
}

// change is what course and hand have in common. The caller holds the books'
// lock through e.
func (s *Server) change(k key, e *entry, change Change) error {
	next, err := e.order.apply(change, s.numbers.utr(k), s.now())
	if err != nil {
		return err
	}
	e.order = next
	s.startSeries(k, e)
	s.log.Debug("order changed", zap.String("merchant", k.merchant), zap.String("order", k.orderID),
		zap.String("state", next.State()))
	return nil
}

// Order returns an order's record. Fails with an error wrapping ErrUnknownOrder.
func (s *Server) Order(merchant, orderID string) (Record, error) {
	var r Record
	err := s.books.edit(key{merchant, orderID}, func(e *entry) error {
		r = e.record()
		return nil
	})
	return r, err
}

// Books returns the record of every order, in order of creation.
func (s *Server) Books() []Record { return s.books.all() }

// WaitIdle returns when no course has a step left that time alone would bring
// and no push is planned or under way. It fails with ErrClosed when the sandbox
// was closed before that, or with ctx's error.
func (s *Server) WaitIdle(ctx context.Context) error { return s.agenda.wait(ctx, s.closing) }

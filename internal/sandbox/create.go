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
	// PlatOrderID is the platform's; "" takes one of 18 digits.
	PlatOrderID string
	// Amount is in major currency units, more than zero, with at most the
	// currency's fraction digits (two, in IDR none).
	Amount decimal.Decimal
	// Course is what happens to the order by itself; see also Course.
	Course []Step
	// NotifyURL is where callbacks go; "" is the receiver of Config.NotifyBase.
	// CallbackURL is where the payer's browser goes after the cashier page.
	NotifyURL, CallbackURL string
	// Duplicates is the order that is paid a second time by this one.
	Duplicates string
}

// CreateOrder creates a submitted order and begins its course. OnCreate is
// called before anybody can see the order. Fails with errors wrapping
// ErrInvalid, ErrDuplicateOrder, ErrBooksFull or OnCreate's error.
func (s *Server) CreateOrder(ctx context.Context, n NewOrder) (Order, error) {
	order, err := s.draft(n)
	if err != nil {
		return Order{}, err
	}
	announce := s.cfg.OnCreate
	if announce == nil {
		announce = announceNothing
	}
	if err := s.enter(ctx, order, n.Course, announce, ""); err != nil {
		return Order{}, err
	}
	return order, nil
}

// enter puts a new order into the books and begins its course, which is what the
// mischief brings; "" is none. announce is called once its id is taken, before
// anybody can see it.
func (s *Server) enter(ctx context.Context, order Order, course []Step, announce func(context.Context, Order) error, fate Mischief) error {
	k := key{order.Merchant, order.OrderID}
	effect, err := s.merchants[order.Merchant].effect(order)
	if err != nil {
		return invalid("amount %s is too large", order.Submitted)
	}
	if err := s.books.reserve(k, effect); err != nil {
		return err
	}
	if err := announce(ctx, order); err != nil {
		s.books.release(k, effect)
		return fmt.Errorf("announcing order %s: %w", order.OrderID, err)
	}
	s.books.open(k, order, course, s.numbers.token(k))
	s.log.Debug("order created", zap.String("merchant", order.Merchant), zap.String("order", order.OrderID),
		zap.String("flow", string(order.Flow)), zap.Stringer("amount", order.Submitted))
	return s.books.edit(k, func(e *entry) error {
		if fate != "" {
			s.mischief(e, fate)
		}
		s.advance(k, e, false)
		return nil
	})
}

func announceNothing(context.Context, Order) error { return nil }

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
	if n.OrderID == "" {
		n.OrderID = s.numbers.orderID()
	}
	n.PlatOrderID = orElse(n.PlatOrderID, s.numbers.platOrderID(key{m.ID, n.OrderID}))
	longest := maxOrderID
	if n.Duplicates != "" {
		longest += len(suffixAgain)
	}
	if !printable(n.OrderID, longest) || !printable(n.PlatOrderID, 64) {
		return Order{}, invalid("order ids must be printable ASCII without white space and &, the merchant's at most %d characters", maxOrderID)
	}
	now := s.now()
	zero := decimal.Zero.Pad(fractionDigits(m.Currency))
	return Order{
		Merchant: m.ID, Account: m.Account, Currency: m.Currency, Flow: n.Flow,
		OrderID: n.OrderID, PlatOrderID: n.PlatOrderID, Submitted: amount, Paid: zero, Fee: zero,
		NotifyURL: n.NotifyURL, CallbackURL: n.CallbackURL, Duplicates: n.Duplicates, CreatedAt: now, ChangedAt: now,
	}, nil
}

func checkCourse(course []Step, currency string) error {
	for i, step := range course {
		switch {
		case step.After < 0:
			return invalid("step %d: its wait must not be negative", i+1)
		case step.WhenAccepted && i == 0:
			return invalid("step 1: there is no push before it that could be accepted")
		case !step.Change.Action.known():
			return invalid("step %d: unknown change %q; use settle, fail, reverse or pay-again", i+1, step.Change.Action)
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
	if change.Action == PayAgain {
		return s.payAgain(k, e)
	}
	next, err := e.order.apply(change, s.numbers.utr(k), s.now())
	if err != nil {
		return err
	}
	if err := s.moveBalance(k, e.order, next); err != nil {
		return err
	}
	before := e.order
	e.become(next)
	if change.Silent {
		e.series++ // nothing is said any more, of the state before either
	} else {
		s.startSeries(k, e, before)
	}
	if what := fmt.Sprintf("%s/%d", k, e.series); s.imp.strikes(QueryLagging, what) {
		e.before, e.lag, e.lagEnds = before, 1+s.imp.pick("lag/"+what, 2), s.after(s.now(), longestLag)
	}
	s.log.Debug("order changed", zap.String("merchant", k.merchant), zap.String("order", k.orderID),
		zap.String("state", next.State()))
	return nil
}

// moveBalance books what a change of an order does to its merchant's balance.
// The caller holds the books' lock.
func (s *Server) moveBalance(k key, before, after Order) error {
	m := s.merchants[k.merchant]
	from, err := m.effect(before)
	if err != nil {
		return err
	}
	to, err := m.effect(after)
	if err != nil {
		return err
	}
	moved, err := s.books.balances[k.merchant].move(from, to)
	if err == nil {
		s.books.balances[k.merchant] = moved
	}
	return err
}

// suffixAgain stands behind the id of an order that was paid twice, in the id of
// the second payment (gateway page).
const suffixAgain = "_1"

// payAgain makes an order of the second payment, which nobody submitted. It is
// entered by the agenda: the caller holds the books' lock through e.
func (s *Server) payAgain(k key, e *entry) error {
	if e.order.Status != Success || e.order.Flow != Collect {
		return &TransitionError{OrderID: k.orderID, State: e.order.State(), Action: PayAgain}
	}
	first := e.order
	again, err := s.draft(NewOrder{
		Merchant: k.merchant, Flow: Collect, OrderID: k.orderID + suffixAgain, Amount: first.Submitted,
		NotifyURL: first.NotifyURL, Duplicates: k.orderID,
	})
	if err != nil {
		return err
	}
	s.agenda.add(s.now(), func(ctx context.Context) {
		err := s.enter(ctx, again, settledCourse(0), announceNothing, "")
		if err != nil {
			s.log.Warn("a second payment could not be entered", zap.String("order", again.OrderID), zap.Error(err))
		}
	})
	return nil
}

// Order returns an order's record. Fails with an error wrapping ErrUnknownOrder.
func (s *Server) Order(merchant, orderID string) (Record, error) {
	var r Record
	err := s.books.edit(key{merchant, orderID}, func(e *entry) error {
		r = e.snapshot()
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

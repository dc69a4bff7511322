package sandbox

import (
	"errors"
	"fmt"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/sandbox/cashier"
)

// desk is what the cashier page does for a payer.
type desk struct{ s *Server }

var _ cashier.Desk = desk{}

// Bill implements cashier.Desk.
func (d desk) Bill(token string) (cashier.Bill, error) {
	k, ok := d.s.books.byToken(token)
	if !ok {
		return cashier.Bill{}, cashier.ErrUnknown
	}
	r, err := d.s.Order(k.merchant, k.orderID)
	if err != nil {
		return cashier.Bill{}, cashier.ErrUnknown
	}
	if r.Flow != Collect { // nobody pays a payout at a cashier
		return cashier.Bill{}, cashier.ErrUnknown
	}
	return billOf(r.Order), nil
}

func billOf(o Order) cashier.Bill {
	return cashier.Bill{
		Account: o.Account, OrderID: o.OrderID, Currency: o.Currency, Amount: o.Submitted, Paid: o.Paid,
		State: o.State(), ReturnURL: o.CallbackURL,
	}
}

// Pay implements cashier.Desk.
func (d desk) Pay(token string, amount decimal.Decimal) (cashier.Bill, error) {
	if !amount.IsPos() { // zero would be all of it
		return cashier.Bill{}, fmt.Errorf("%w: it must be more than zero", cashier.ErrAmount)
	}
	return d.act(token, Change{Action: Settle, Paid: amount})
}

// Fail implements cashier.Desk.
func (d desk) Fail(token string) (cashier.Bill, error) {
	return d.act(token, Change{Action: Fail, Remark: "the payer gave up"})
}

// act makes a change of an order that is still open: what the bank may do to a
// closed one, its payer may not.
func (d desk) act(token string, change Change) (cashier.Bill, error) {
	if _, err := d.Bill(token); err != nil {
		return cashier.Bill{}, err
	}
	k, _ := d.s.books.byToken(token)
	var bill cashier.Bill
	err := d.s.books.edit(k, func(e *entry) error {
		if e.order.Status != Submitted {
			bill = billOf(e.order)
			return cashier.ErrClosed
		}
		if err := d.s.change(k, e, change); err != nil {
			return err
		}
		e.endCourse("the payer came to the cashier")
		bill = billOf(e.order)
		return nil
	})
	if errors.Is(err, ErrInvalid) {
		return bill, fmt.Errorf("%w: %w", cashier.ErrAmount, err)
	}
	return bill, err
}

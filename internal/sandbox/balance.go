package sandbox

import (
	"fmt"
	"net/http"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// Balance is what a merchant has at the gateway, in major currency units.
type Balance struct {
	// All is what the merchant owns, Usable what it may pay out: a payout under
	// way is still owned and no longer usable.
	All    decimal.Decimal `json:"balanceAll"`
	Usable decimal.Decimal `json:"balanceUsable"`
}

// defaultBalance is what a merchant begins with: enough for payouts without a
// collection before them.
var defaultBalance = decimal.MustNew(100_000_000, 0)

// effect is what an order, as it is, adds to its merchant's balance. The
// balance is the opening one, the effects of all orders, and all movements.
func (m *merchant) effect(o Order) (Balance, error) {
	paid := o.Status == Success
	switch {
	case o.Flow == Collect && paid:
		net, err := o.Paid.Sub(o.Fee)
		return Balance{net, net}, err
	case o.Flow == Pay && paid:
		cost, err := m.cost(o.Paid, o.Fee)
		return Balance{cost.Neg(), cost.Neg()}, err
	case o.Flow == Pay && o.Status == Submitted:
		fee, err := feeOf(o.Submitted, o.Currency)
		if err != nil {
			return Balance{}, err
		}
		cost, err := m.cost(o.Submitted, fee)
		return Balance{Usable: cost.Neg()}, err
	}
	return Balance{}, nil // nothing paid, or all of it given back, fee included
}

// cost is what a payout takes from the balance.
func (m *merchant) cost(amount, fee decimal.Decimal) (decimal.Decimal, error) {
	if m.PayFee == events.PayFeeIncluded {
		return amount, nil
	}
	return amount.Add(fee)
}

// move replaces one effect by another. Fails with ErrBalance when less than
// nothing would be usable for a payout that is created.
func (b Balance) move(from, to Balance) (Balance, error) {
	var moved Balance
	var err error
	if moved.All, err = shift(b.All, from.All, to.All); err != nil {
		return b, err
	}
	moved.Usable, err = shift(b.Usable, from.Usable, to.Usable)
	return moved, err
}

func shift(sum, from, to decimal.Decimal) (decimal.Decimal, error) {
	less, err := sum.Sub(from)
	if err != nil {
		return sum, fmt.Errorf("balance: %w", err)
	}
	return less.Add(to)
}

// Balance returns a merchant's balance. Fails with an error wrapping ErrInvalid
// for an unknown merchant.
func (s *Server) Balance(merchant string) (Balance, error) {
	if s.merchants[merchant] == nil {
		return Balance{}, invalid("unknown merchant %q", merchant)
	}
	return s.books.balance(merchant), nil
}

// handleBalance is POST /order/balance.
func (s *Server) handleBalance(w http.ResponseWriter, _ *http.Request, c apiCall) {
	b, scale := s.books.balance(c.m.ID), fractionDigits(c.m.Currency)
	writeEnvelope(w, succeed(sign.Params{
		{Name: "balanceAll", Value: b.All.Pad(scale).String(), Kind: sign.KindNumber},
		{Name: "balanceUsable", Value: b.Usable.Pad(scale).String(), Kind: sign.KindNumber},
	}.JSON()))
}

package gateway

import (
	"context"
	"errors"
	"strings"

	"github.com/govalues/decimal"
)

const endpointBalance = "/order/balance"

// Balance is what the gateway holds for the merchant, in major currency units.
// Either may be negative, after a reversal for example.
type Balance struct {
	// All is the whole balance.
	All decimal.Decimal
	// Usable is the part that payouts can be made of.
	Usable decimal.Decimal
	// Sandbox says that settlehook's sandbox answered: it is no real money.
	Sandbox bool
}

// QueryBalance asks for the merchant's balance. Fails with *BusinessError,
// *AnomalyError, *TransportError or *AnswerError, for all of which Unavailable
// is true.
func (c *Client) QueryBalance(ctx context.Context) (Balance, error) {
	r, err := c.call(ctx, request{endpoint: endpointBalance})
	if err != nil {
		return Balance{}, err
	}
	balance, err := parseBalance(r.data)
	balance.Sandbox = r.sandbox
	return balance, inData(err, r.sandbox)
}

func parseBalance(data object) (Balance, error) {
	all, err := data.balance("balanceAll")
	if err != nil {
		return Balance{}, err
	}
	usable, err := data.balance("balanceUsable")
	if err != nil {
		return Balance{}, err
	}
	return Balance{All: all, Usable: usable}, nil
}

// balance returns a required number that may be negative, and is else as strict
// as an amount.
func (o object) balance(name string) (decimal.Decimal, error) {
	text, err := o.number(name)
	if err != nil {
		return decimal.Decimal{}, err
	}
	if text == "" {
		return decimal.Decimal{}, malformed(name + " is missing")
	}
	unsigned, negative := strings.CutPrefix(text, "-")
	value, err := parseAmount(unsigned)
	switch {
	case errors.Is(err, errNotNumber):
		return decimal.Decimal{}, malformed(name + " is not a plain number")
	case err != nil:
		return decimal.Decimal{}, malformed(name + " " + err.Error())
	}
	if negative {
		value = value.Neg()
	}
	return value, nil
}

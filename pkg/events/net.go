package events

import "github.com/govalues/decimal"

// PayFee says how the gateway charges the fee of a payout; it is a setting of
// the merchant (payFee), since the gateway's document is silent about it.
type PayFee string

// The ways of charging. The empty PayFee is "not configured": the net of a
// payout is then unknown.
const (
	PayFeeUnknown  PayFee = ""
	PayFeeAdded    PayFee = "added"    // the balance falls by amount + fee
	PayFeeIncluded PayFee = "included" // the balance falls by amount
)

// Net returns the effect of an outcome on the merchant's balance at the
// gateway: the direction, and by how much, in major units.
//
//   - settled collect: credit, amount − fee
//   - settled pay: debit, amount + fee (added) or amount (included)
//   - reversed: the opposite direction, with the net of the settled event
//   - all else: none, and no net
//
// The arithmetic is exact. The net is unknown where a part of it is, where
// payFee is not configured, and where it would be negative or too long.
func Net(o Outcome, f Flow, payFee PayFee, amount, fee Amount) (Direction, Amount) {
	direction := DirectionOf(o, f)
	if direction == None || !amount.known {
		return direction, Amount{}
	}
	if f == FlowCollect {
		return direction, minus(amount, fee)
	}
	switch payFee {
	case PayFeeAdded:
		return direction, plus(amount, fee)
	case PayFeeIncluded:
		return direction, amount
	default:
		return direction, Amount{}
	}
}

// minus returns a − b, unknown unless the difference is an amount.
func minus(a, b Amount) Amount {
	if !a.known || !b.known {
		return Amount{}
	}
	difference, err := a.value.SubExact(b.value, max(a.value.Scale(), b.value.Scale()))
	return orUnknown(difference, err)
}

// plus returns a + b, unknown unless the sum is an amount.
func plus(a, b Amount) Amount {
	if !a.known || !b.known {
		return Amount{}
	}
	sum, err := a.value.AddExact(b.value, max(a.value.Scale(), b.value.Scale()))
	return orUnknown(sum, err)
}

// orUnknown turns a result that is no amount into the unknown amount.
func orUnknown(d decimal.Decimal, err error) Amount {
	if err != nil {
		return Amount{}
	}
	a, err := NewAmount(d)
	if err != nil {
		return Amount{}
	}
	return a
}

package orders

import (
	"errors"
	"fmt"
)

var (
	// ErrOtherAmount says that the order was registered before with another
	// amount or currency, or by something that can't be read. The first
	// registration stands.
	ErrOtherAmount = errors.New("the order was registered before with another amount: " +
		"the amount of an order can't change; a person has to rule out the first attempt before the sale gets a new order id")

	// ErrOtherFlow says that the order id was registered in the other flow: the
	// gateway has one space of order ids for both.
	ErrOtherFlow = errors.New("the order id was registered before in the other flow, and it can name only one order: " +
		"a person has to find out which of the two it is before the other gets a new order id")

	// ErrWithdrawn says that the order's registration was taken back, which
	// stands for good, and that no attempt of it may create the order any more.
	ErrWithdrawn = errors.New("the order was registered and withdrawn before: take a new order id")

	// ErrNotRegistered says that there is no registration to take back.
	ErrNotRegistered = errors.New("the order is not registered, so there is nothing to withdraw")

	// ErrRepeated says that the order was submitted again, so that a withdrawal
	// would leave what that attempt creates without a registration.
	ErrRepeated = errors.New("a further attempt may create it: the registration stands")
)

// What only writers without the protocol, or the age of the stream, bring about.
var (
	errContradiction = errors.New("the order was withdrawn although a further attempt may have created it: " +
		"a person has to rule that out before the sale gets a new order id")
	errGone = errors.New("the order was registered and repeated so long ago that its registration is gone: " +
		"a person has to rule out those attempts before the sale gets a new order id")
)

// also adds what went wrong next, on the same line; next may be nil.
func also(first, next error) error {
	if next == nil {
		return first
	}
	return fmt.Errorf("%w; and then: %w", first, next)
}

package orders

import "errors"

var (
	// ErrOtherAmount says that the order was registered before with another
	// amount or currency, or by something that can't be read. The first
	// registration stands.
	ErrOtherAmount = errors.New("the order was registered before with another amount: " +
		"repeat it with that amount, or take a new order id")

	// ErrWithdrawn says that the order's registration was taken back, which
	// stands for good.
	ErrWithdrawn = errors.New("the order was registered and withdrawn before: take a new order id")

	// ErrNotRegistered says that there is no registration to take back.
	ErrNotRegistered = errors.New("the order is not registered, so there is nothing to withdraw")
)

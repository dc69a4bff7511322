package sandbox

import (
	"errors"
	"fmt"
)

// Errors a caller decides on.
var (
	// ErrInvalid is wrapped by errors about what the caller asked for.
	ErrInvalid = errors.New("invalid request")
	// ErrPublic is wrapped where an address beyond loopback was not allowed.
	ErrPublic = invalid("not a loopback address, and whoever reaches it can make orders succeed; use 127.0.0.1, or allow it explicitly")
	// ErrUnknownOrder is wrapped where the books hold no such order.
	ErrUnknownOrder = errors.New("no such order")
	// ErrDuplicateOrder is wrapped where a merchant's order id is taken; ids are
	// unique per merchant, over both flows.
	ErrDuplicateOrder = errors.New("order id is taken")
	// ErrBalance is returned for a payout that the merchant's balance can't pay.
	ErrBalance = errors.New("insufficient balance")
	// ErrClosed is returned where a closed sandbox has left something undone.
	ErrClosed = errors.New("the sandbox is closed")
	// ErrBooksFull is wrapped when MaxOrders orders are in the books.
	ErrBooksFull = errors.New("the sandbox's books are full: restart it, or raise MaxOrders")
)

type invalidError struct{ text string }

func (e *invalidError) Error() string { return e.text }
func (e *invalidError) Unwrap() error { return ErrInvalid }

func invalid(format string, args ...any) error {
	return &invalidError{text: fmt.Sprintf(format, args...)}
}

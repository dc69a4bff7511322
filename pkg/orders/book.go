package orders

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// streamName is the stream of registrations, which 'settlehook setup' makes.
const streamName = "ORDERS"

// defaultTimeout is that of a book for which none is given.
const defaultTimeout = 5 * time.Second

// Book registers orders. It is safe for concurrent use.
type Book struct {
	js      jetstream.JetStream
	timeout time.Duration

	stream atomic.Pointer[jetstream.Stream] // nil until it was first read
}

// NewBook returns the book of an installation; timeout bounds each exchange
// with the server, and is 5 s if it is not above zero. A call has one or two
// exchanges, and at most six when others are at the same order or answers get
// lost; the first call of a book has one more. Its context bounds them all.
// NewBook talks to nobody yet.
func NewBook(js jetstream.JetStream, timeout time.Duration) *Book {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &Book{js: js, timeout: timeout}
}

// Submit registers an order (an event of [events.NewSubmitted]) before it is
// created at the gateway. Only after nil may the order be sent there. Submit may
// be repeated: the same order with the same amount and currency succeeds.
//
// fresh says that it is certain that this very call stored the registration, and
// so that no attempt before it can have sent the order to the gateway. An
// acknowledgement that got lost does not make it false, since the stored
// message carries the random token of its call. A call that failed and is
// repeated gets false if it was stored after all.
//
// After false an earlier attempt, perhaps of another process, may have created
// the order, or be about to. That the order was repeated is stored before false
// is returned, and from then on nobody can [Book.Withdraw] it.
//
// The error is [ErrOtherAmount], [ErrOtherFlow] or [ErrWithdrawn]; with any
// other it is unknown whether the order is registered, and the call may be
// repeated as it was.
func (b *Book) Submit(ctx context.Context, e events.OrderEvent) (fresh bool, err error) {
	if e.Repeated() || e.Withdrawn() {
		return false, fmt.Errorf("register order: the event is %s, not a registration", e.Type)
	}
	if fresh, err = b.submit(ctx, e); err != nil {
		return false, fmt.Errorf("register order %s of merchant %s: %w", e.Data.OrderID, e.Data.Merchant, err)
	}
	return fresh, nil
}

func (b *Book) submit(ctx context.Context, e events.OrderEvent) (fresh bool, err error) {
	if _, err := b.open(ctx); err != nil {
		return false, err
	}
	attempt := rand.Text()
	publishErr := b.publish(ctx, e, attempt, 0)
	if publishErr == nil {
		return true, nil
	}
	// Refused, timed out or cut off: only the stream knows what became of it.
	s, err := b.read(ctx, e.Data.Order())
	switch {
	case err != nil || s == nil:
		return false, also(publishErr, err)
	case s.refusal(e) != nil:
		return false, s.refusal(e)
	case s.submitted.attempt == attempt:
		return true, nil
	case s.repeated != nil:
		return false, nil // once is enough
	}
	return false, b.repeat(ctx, e, s.submitted.sequence)
}

// repeat rules out that the registration, of this sequence, is ever withdrawn.
func (b *Book) repeat(ctx context.Context, e events.OrderEvent, registered uint64) error {
	repeated, err := events.NewRepeated(e.Installation(), e.Time, e.Data)
	if err != nil {
		return err
	}
	publishErr := b.publish(ctx, repeated, rand.Text(), registered)
	if publishErr == nil {
		return nil
	}
	s, err := b.read(ctx, e.Data.Order())
	switch {
	case err != nil || s == nil:
		return also(publishErr, err)
	case s.refusal(e) != nil:
		return s.refusal(e)
	case s.repeated != nil:
		return nil // whoever's it is
	}
	return publishErr
}

// Withdraw takes a registration back (with an event of [events.NewWithdrawn])
// after the gateway definitely refused to create the order. It may be repeated.
// Whoever calls it must have got fresh from [Book.Submit]. After nil no attempt
// at this order can get past Submit any more.
//
// The error is [ErrRepeated] when another attempt got past it before,
// [ErrNotRegistered], [ErrOtherFlow], or [ErrOtherAmount] when the registration
// that stands is another: then the order is not withdrawn, nor will it be by
// this call. With any other it is unknown whether the order is withdrawn, and
// the call may be repeated as it was.
func (b *Book) Withdraw(ctx context.Context, e events.OrderEvent) error {
	if !e.Withdrawn() {
		return errors.New("withdraw order: the event is not a withdrawal")
	}
	if err := b.withdraw(ctx, e); err != nil {
		return fmt.Errorf("withdraw order %s of merchant %s: %w", e.Data.OrderID, e.Data.Merchant, err)
	}
	return nil
}

func (b *Book) withdraw(ctx context.Context, e events.OrderEvent) error {
	s, err := b.read(ctx, e.Data.Order())
	if err != nil {
		return err
	}
	if decided, err := s.withdrawal(e); decided {
		return err
	}
	publishErr := b.publish(ctx, e, rand.Text(), s.submitted.sequence)
	if publishErr == nil {
		return nil
	}
	if s, err = b.read(ctx, e.Data.Order()); err != nil {
		return also(publishErr, err)
	}
	if decided, err := s.withdrawal(e); decided {
		return err
	}
	return publishErr
}

package orders

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// streamName is the stream of registrations, which 'settlehook setup' makes.
const streamName = "ORDERS"

const (
	headerContentType = "Content-Type"
	// headerAttempt holds a random token of the call that published, so that
	// the call can tell its own message from an equal one of another call.
	headerAttempt = "Settlehook-Attempt"
)

// Book registers orders. It is safe for concurrent use.
type Book struct {
	js      jetstream.JetStream
	timeout time.Duration

	stream atomic.Pointer[jetstream.Stream] // nil until it was first read
}

// NewBook returns the book of an installation; timeout bounds each exchange
// with the server, of which a call has at most three. It talks to nobody yet.
func NewBook(js jetstream.JetStream, timeout time.Duration) *Book {
	return &Book{js: js, timeout: timeout}
}

// Submit registers an order (an event of [events.NewSubmitted]) before it is
// created at the gateway. It may be repeated: the same order with the same
// amount and currency succeeds.
//
// fresh says that it is certain that this very call stored the registration, and
// so that no attempt before it can have sent the order to the gateway. Only
// whoever got true may later [Book.Withdraw]: after false an earlier attempt,
// perhaps of another process, may have created the order, or be about to. An
// acknowledgement that got lost does not make it false, since the stored
// message carries the random token of its call. A call that failed and is
// repeated gets false if it was stored after all.
//
// The error is [ErrOtherAmount] or [ErrWithdrawn]; with any other it is unknown
// whether the order is registered, and the call may be repeated as it was.
func (b *Book) Submit(ctx context.Context, e events.OrderEvent) (fresh bool, err error) {
	if e.Withdrawn() {
		return false, errors.New("register order: the event is a withdrawal; use Withdraw")
	}
	if fresh, err = b.submit(ctx, e); err != nil {
		return false, fmt.Errorf("register order %s of merchant %s: %w", e.Data.OrderID, e.Data.Merchant, err)
	}
	return fresh, nil
}

func (b *Book) submit(ctx context.Context, e events.OrderEvent) (fresh bool, err error) {
	attempt := rand.Text()
	publishErr := b.publish(ctx, e, attempt)
	var stored *registration
	if publishErr != nil {
		// Refused, timed out or cut off: only the stream knows what became of it.
		if stored, err = b.read(ctx, e.NATSSubject()); err != nil {
			return false, errors.Join(publishErr, err)
		}
		if stored == nil {
			return false, publishErr
		}
	}
	// Also after an acknowledgement: a withdrawal that was there first would
	// take this registration away from whoever reads them.
	withdrawn, err := b.read(ctx, events.WithdrawnSubject(e.Data.Order()))
	switch {
	case err != nil:
		return false, err
	case withdrawn != nil:
		return false, ErrWithdrawn
	case stored == nil || stored.attempt == attempt:
		return true, nil
	case !stored.says(e):
		return false, ErrOtherAmount
	}
	return false, nil
}

// Withdraw takes a registration back (with an event of [events.NewWithdrawn])
// after the gateway definitely refused to create the order. It may be repeated.
// Whoever registered the order must have got fresh from [Book.Submit].
//
// The error is [ErrNotRegistered], or [ErrOtherAmount] when the registration
// that stands is another; with any other it is unknown whether the order is
// withdrawn, and the call may be repeated as it was.
func (b *Book) Withdraw(ctx context.Context, e events.OrderEvent) error {
	if !e.Withdrawn() {
		return errors.New("withdraw order: the event is a registration; use Submit")
	}
	if err := b.withdraw(ctx, e); err != nil {
		return fmt.Errorf("withdraw order %s of merchant %s: %w", e.Data.OrderID, e.Data.Merchant, err)
	}
	return nil
}

func (b *Book) withdraw(ctx context.Context, e events.OrderEvent) error {
	registered, err := b.read(ctx, events.SubmittedSubject(e.Data.Order()))
	switch {
	case err != nil:
		return err
	case registered == nil:
		return ErrNotRegistered
	case !registered.says(e):
		return ErrOtherAmount
	}
	publishErr := b.publish(ctx, e, rand.Text())
	if publishErr == nil {
		return nil
	}
	// Whoever's withdrawal stands: the order is withdrawn.
	stored, err := b.read(ctx, e.NATSSubject())
	if err != nil || stored == nil {
		return errors.Join(publishErr, err)
	}
	return nil
}

// publish stores a message as the first of its subject, or fails.
func (b *Book) publish(ctx context.Context, e events.OrderEvent, attempt string) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	_, err = b.js.PublishMsg(ctx, &nats.Msg{
		Subject: e.NATSSubject(), Data: body,
		Header: nats.Header{headerContentType: []string{events.ContentType}, headerAttempt: []string{attempt}},
	}, jetstream.WithExpectLastSequencePerSubject(0))
	return err
}

package subscribe

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/settlehook/settlehook/pkg/events"
)

// Delivery is an event as it was delivered.
type Delivery struct {
	Event events.Event
	// Sequence is the event's place in the stream. Of two events of an order the
	// one with the higher sequence was said later.
	Sequence uint64
	// Attempt counts the deliveries of this event to this durable, from 1. More
	// than 1 does not mean that it was handled before, nor does 1 mean that it was
	// not: only the event's id in your own books tells.
	Attempt uint64
}

// Raw is a message that is no event this version can read.
type Raw struct {
	Subject  string
	Sequence uint64 // in the stream
	Attempt  uint64 // from 1
	Body     []byte
	Err      error // why: of [events.Decode], or a [SubjectError]
}

// SubjectError means an event that stands under a subject which is not its own.
type SubjectError struct {
	Subject string // where it stands
	Want    string // where it belongs
}

func (e *SubjectError) Error() string {
	return fmt.Sprintf("event stands under subject %q, but belongs under %q", e.Subject, e.Want)
}

// errLeft keeps a message in the stream that nobody wanted.
var errLeft = errors.New("left in the stream: neither handled nor taken by OnUndecodable")

// Deliver decodes a message and hands it to who is meant to have it: the handler,
// or what the Config has for messages that can't be read. With nil the message is
// done with. Run does this with each message; it is exported for those who bring
// messages in another way, as package eventstest does.
func (c Config) Deliver(ctx context.Context, r Raw, h Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	event, err := events.Decode(r.Body)
	if err == nil && event.NATSSubject() != r.Subject {
		err = &SubjectError{Subject: r.Subject, Want: event.NATSSubject()}
	}
	if err == nil {
		return h(ctx, Delivery{Event: event, Sequence: r.Sequence, Attempt: r.Attempt})
	}
	r.Err = err
	take := c.OnUndecodable
	var unknown *events.UnknownTypeError
	if errors.As(err, &unknown) && c.OnUnknownType != nil {
		take = c.OnUnknownType
	}
	if take == nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	return take(ctx, r)
}

// PanicError is what a handler failed with that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("handler panicked: %v", e.Value) }

package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// standing is what stands of an order in one flow, by type, and nil for
// nothing. It can only grow.
type standing struct {
	submitted, repeated, withdrawn *message

	// otherFlow says that the order's last message is of the other flow, which
	// is all that is known then.
	otherFlow bool
}

// refusal is why an attempt with this registration must not be made; nil: it may
// be, as the first or as a repeat.
func (s *standing) refusal(e events.OrderEvent) error {
	switch {
	case s.otherFlow:
		return ErrOtherFlow
	case s.withdrawn != nil && s.repeated != nil:
		return errContradiction
	case s.withdrawn != nil:
		return ErrWithdrawn
	case s.submitted == nil:
		return errGone
	case !s.submitted.says(e):
		return ErrOtherAmount
	}
	return nil
}

// withdrawal reports whether it is decided what becomes of a withdrawal, and
// what: nil for withdrawn. It is not while the registration stands alone.
func (s *standing) withdrawal(e events.OrderEvent) (decided bool, err error) {
	switch {
	case s == nil:
		return true, ErrNotRegistered
	case s.otherFlow:
		return true, ErrOtherFlow
	case s.submitted == nil:
		return true, ErrNotRegistered
	case !s.submitted.says(e):
		return true, ErrOtherAmount
	case s.repeated != nil:
		return true, ErrRepeated
	}
	return s.withdrawn != nil, nil
}

// message is one of the stream.
type message struct {
	sequence  uint64
	order     events.Order // of the subject
	eventType string       // of the subject
	attempt   string
	data      *events.SubmittedOrder // nil if it can't be read, or is not the subject's
}

// says reports whether the message is of an event's amount.
func (m *message) says(e events.OrderEvent) bool {
	return m.data != nil && m.data.Amount.Equal(e.Data.Amount) && m.data.Currency == e.Data.Currency
}

// read returns what stands of an order, as the stream's leader has it, and nil
// if there is nothing in either flow. While there is only the registration, it
// is the order's last message, and one read tells.
func (b *Book) read(ctx context.Context, ord events.Order) (*standing, error) {
	last, err := b.last(ctx, events.OrderGuardFilter(ord.Merchant, ord.OrderID))
	switch {
	case err != nil || last == nil:
		return nil, err
	case last.order.Flow != ord.Flow:
		return &standing{otherFlow: true}, nil
	case last.eventType == events.TypeSubmitted:
		return &standing{submitted: last}, nil
	}
	s := &standing{}
	if s.submitted, err = b.last(ctx, events.SubmittedSubject(ord)); err != nil {
		return nil, err
	}
	if last.eventType == events.TypeRepeated {
		s.repeated = last
		s.withdrawn, err = b.last(ctx, events.WithdrawnSubject(ord))
	} else {
		s.withdrawn = last
		s.repeated, err = b.last(ctx, events.RepeatedSubject(ord))
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// last returns the last message of a filter, and nil for none. Each read has a
// time of its own: one that follows a publish that timed out would have none
// left.
func (b *Book) last(ctx context.Context, filter string) (*message, error) {
	stream, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	raw, err := stream.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read back %s: %w", filter, err)
	}
	m := &message{sequence: raw.Sequence, attempt: raw.Header.Get(headerAttempt)}
	if m.order, m.eventType, err = events.ParseOrderSubject(raw.Subject); err != nil {
		return nil, fmt.Errorf("message %d of %s: %w", raw.Sequence, streamName, err)
	}
	if e, err := events.DecodeOrder(raw.Data); err == nil && e.NATSSubject() == raw.Subject {
		m.data = &e.Data
	}
	return m, nil
}

// open finds the stream, once, and refuses one that can't be read back from
// before anything relies on it.
func (b *Book) open(ctx context.Context) (jetstream.Stream, error) {
	if known := b.stream.Load(); known != nil {
		return *known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	stream, err := b.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("there is no stream %s: run 'settlehook setup' first: %w", streamName, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", streamName, err)
	}
	if stream.CachedInfo().Config.AllowDirect {
		// Any replica would answer, and one that lags would deny what stands.
		return nil, fmt.Errorf("stream %s allows direct reads, which may be stale: turn allow_direct off", streamName)
	}
	b.stream.Store(&stream)
	return stream, nil
}

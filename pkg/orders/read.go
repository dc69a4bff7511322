package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// registration is a message of the stream, a withdrawal among them.
type registration struct {
	attempt string
	data    *events.SubmittedOrder // nil if it can't be read, or is another order's
}

// says reports whether the registration is of an event's amount.
func (r registration) says(e events.OrderEvent) bool {
	return r.data != nil && r.data.Amount.Equal(e.Data.Amount) && r.data.Currency == e.Data.Currency
}

// read returns what stands on a subject, as the stream's leader has it, and nil
// for nothing. Each read has a time of its own: one that follows a publish that
// timed out would have none left.
func (b *Book) read(ctx context.Context, subject string) (*registration, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	stream, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read back %s: %w", subject, err)
	}
	r := &registration{attempt: raw.Header.Get(headerAttempt)}
	if e, err := events.DecodeOrder(raw.Data); err == nil && e.NATSSubject() == subject {
		r.data = &e.Data
	}
	return r, nil
}

// open finds the stream, once.
func (b *Book) open(ctx context.Context) (jetstream.Stream, error) {
	if known := b.stream.Load(); known != nil {
		return *known, nil
	}
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

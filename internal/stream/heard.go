package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// CallbackBook is the CALLBACKS stream as the sweep looks an order up in it.
type CallbackBook struct {
	stream  jetstream.Stream
	timeout time.Duration
}

var _ reconcile.Callbacks = (*CallbackBook)(nil)

// OpenCallbacks returns the stored callbacks; timeout bounds each operation.
func OpenCallbacks(ctx context.Context, js jetstream.JetStream, timeout time.Duration) (*CallbackBook, error) {
	s, err := openStream(ctx, js, Callbacks)
	if err != nil {
		return nil, err
	}
	return &CallbackBook{stream: s, timeout: timeout}, nil
}

// What a search reads at a time, and how long the server keeps its consumer: a
// worker may not remove consumers.
const (
	searchBatch   = 256
	searchLingers = 5 * time.Second
)

// errCopyBehind says that a search was given less than the stream's leader has:
// the copy that it read is behind.
var errCopyBehind = errors.New("the copy of the stream that was read is behind its leader")

// Newest implements reconcile.Callbacks. An order has no subject of its own in
// CALLBACKS: it shares one with one order in 256 of its merchant's, and a search
// reads those, up to the last that the leader has. That may be many: ctx bounds
// the whole of it.
func (b *CallbackBook) Newest(ctx context.Context, order events.Order, since time.Time, counts func(callback.Callback) bool) (*reconcile.Heard, error) {
	subject := events.CallbackSubject(string(order.Flow), order.Merchant, order.OrderID)
	asking, cancel := context.WithTimeout(ctx, b.timeout)
	last, err := b.stream.GetLastMsgForSubject(asking, subject)
	cancel()
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s of %s: %w", subject, Callbacks, err)
	case last.Time.Before(since):
		return nil, nil
	}
	s := search{orderID: order.OrderID, counts: counts}
	if err := b.read(ctx, subject, since, last.Sequence, &s); err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", subject, Callbacks, err)
	}
	return s.newest, nil
}

// read shows a search the messages of a subject up to the last one.
func (b *CallbackBook) read(ctx context.Context, subject string, since time.Time, last uint64, s *search) error {
	asking, cancel := context.WithTimeout(ctx, b.timeout)
	c, err := b.stream.CreateConsumer(asking, jetstream.ConsumerConfig{
		FilterSubject: subject, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: searchLingers,
	})
	cancel()
	if err != nil {
		return err
	}
	for left := c.CachedInfo().NumPending; s.at < last; {
		if left == 0 {
			return errCopyBehind
		}
		got, err := b.fetch(ctx, c, int(min(left, searchBatch)), s)
		if err != nil {
			return err
		}
		left -= got
	}
	return nil
}

// fetch shows a search the next n messages.
func (b *CallbackBook) fetch(ctx context.Context, c jetstream.Consumer, n int, s *search) (got uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	batch, err := c.Fetch(n, jetstream.FetchContext(ctx))
	if err != nil {
		return 0, err
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return got, err
		}
		if s.seen++; meta.Sequence.Consumer != s.seen {
			return got, errCopyBehind // one before it got lost on its way
		}
		s.see(meta.Sequence.Stream, meta.Timestamp, m.Headers(), m.Data())
		got++
	}
	if err := batch.Error(); err != nil {
		return got, err
	}
	if got == 0 {
		return 0, errCopyBehind // it has them, and does not bring them
	}
	return got, nil
}

// search looks for one order among the messages of a subject.
type search struct {
	orderID string
	counts  func(callback.Callback) bool
	seen    uint64 // how many messages
	at      uint64 // sequence of the last one
	newest  *reconcile.Heard
}

func (s *search) see(sequence uint64, stored time.Time, h nats.Header, body []byte) {
	s.at = sequence
	heard, err := heardOf(sequence, stored, h, body)
	if err != nil || heard.Callback.OrderID != s.orderID || !s.counts(heard.Callback) {
		return // unreadable ones are parked by who consumes them
	}
	if s.newest == nil || heard.StreamSequence >= s.newest.StreamSequence {
		s.newest = &heard
	}
}

package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

const (
	headerContentType = "Content-Type"
	// headerAttempt holds a random token of the call that published, so that
	// the call can tell its own message from an equal one of another call.
	headerAttempt = "Settlehook-Attempt"
)

// publish stores a message if the order's last one, in either flow, has this
// sequence (0: if it has none), or fails. The filter is the same bytes in every
// message of an order, or the server would not compare those that are in flight
// at the same time.
func (b *Book) publish(ctx context.Context, e events.OrderEvent, attempt string, last uint64) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	_, err = b.js.PublishMsg(ctx, &nats.Msg{
		Subject: e.NATSSubject(), Data: body,
		Header: nats.Header{headerContentType: []string{events.ContentType}, headerAttempt: []string{attempt}},
	}, jetstream.WithExpectLastSequenceForSubject(last, events.OrderGuardFilter(e.Data.Merchant, e.Data.OrderID)))
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		// Also of a stream that was set up before repeats were stored.
		return fmt.Errorf("no stream takes %s: run 'settlehook setup' first: %w", e.NATSSubject(), err)
	}
	return err
}

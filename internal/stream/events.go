package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// EventRange is which events of the ledger are read, in the order in which it has
// them.
type EventRange struct {
	Merchant string    // empty: of all
	Since    time.Time // stored at this time or later; zero: from the first
	Last     uint64    // the last sequence; 0: the ledger's last when reading begins
}

// eventsAhead are the events on their way while all of them are read: at some
// 1.5 KB each they are 1.5 MB.
const eventsAhead = 1000

// ReadEvents hands over the events of PAYMENTS in a range, however many, a few in
// memory at a time. before hears how many there may be. [ErrStop] ends it early.
func ReadEvents(ctx context.Context, js jetstream.JetStream, r EventRange, before func(most uint64), each func(StoredEvent) error) error {
	s := scan{
		js: js, stream: Payments, filter: "payments.v1.*.*." + wild(r.Merchant) + ".>",
		window: Window{Since: r.Since}, last: r.Last, ahead: eventsAhead,
	}
	return s.run(ctx, before, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		e, err := events.Decode(m.Data())
		if err != nil {
			return fmt.Errorf("message %d of %s is no event of ours: %w", meta.Sequence.Stream, Payments, err)
		}
		if e.NATSSubject() != m.Subject() {
			return fmt.Errorf("message %d of %s is about another order than its subject says: %s on %s", meta.Sequence.Stream, Payments, e.ID, m.Subject())
		}
		return each(StoredEvent{Stored{meta.Sequence.Stream, meta.Timestamp.UTC()}, e})
	})
}

// ReadRegistrations hands over what order services said of a merchant's orders,
// from a time on, in the order of ORDERS.
func ReadRegistrations(ctx context.Context, js jetstream.JetStream, merchant string, since time.Time, before func(most uint64), each func(Registration) error) error {
	s := scan{js: js, stream: Orders, filter: "orders.v1.*.*." + merchant + ".*", window: Window{Since: since}, ahead: eventsAhead}
	return s.run(ctx, before, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		said, err := registrationOf(m, Stored{meta.Sequence.Stream, meta.Timestamp.UTC()})
		if err != nil {
			return err
		}
		return each(said)
	})
}

// LastEvent is the sequence of the ledger's last event, 0 where there is none, as
// its leader has it.
func LastEvent(ctx context.Context, js jetstream.JetStream) (uint64, error) {
	held, err := js.Stream(ctx, Payments)
	if err != nil {
		return 0, fmt.Errorf("open stream %s: %w", Payments, err)
	}
	return held.CachedInfo().State.LastSeq, nil
}

package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// History is all that the streams hold of one order id, each list in the order in
// which its stream has it. The id may be several merchants'.
type History struct {
	OrderID       string
	Registrations []Registration
	Callbacks     []StoredCallback
	Looks         []StoredLook
	Events        []StoredEvent
	Parked        []ParkedCallback
	// Quarantined are refused bodies that speak of this order id: nothing vouches
	// for them. Of each merchant the newest are here, and Omitted counts the others:
	// anybody can push any number.
	Quarantined []Quarantined
	Omitted     map[string]int // by merchant
}

// Stored is where and when a stream stored a message, by the servers' clock.
type Stored struct {
	Sequence uint64
	At       time.Time
}

// Registration is what an order service said of an order, in ORDERS.
type Registration struct {
	Stored
	Order events.Order // of the subject
	Type  string       // [events.TypeSubmitted] and its like, of the subject
	Event *events.OrderEvent
	Fault error // why Event is nil: what is there can't be read, or is about another order
}

// StoredCallback is a verified callback in CALLBACKS.
type StoredCallback struct {
	Stored
	First      uint64 // the sequence that it had first: another where it was put back
	ReceivedAt time.Time
	Order      events.Order
	Callback   callback.Callback
	KeyID      string
	Dialects   []string
	Source     string
}

// StoredLook is a look that made no event, in TRAIL.
type StoredLook struct {
	Stored
	Look
}

// StoredEvent is an event in PAYMENTS.
type StoredEvent struct {
	Stored
	Event events.Event
}

// historyAhead are the messages on their way in each part of a history: QUARANTINE
// may be full of junk, which is passed over.
const historyAhead = 500

// ReadHistory reads the history of an order id, of one merchant or, where merchant
// is empty, of all. ORDERS and PAYMENTS have a subject for each order; of CALLBACKS
// and TRAIL it reads the 256th part that the order shares with others; of PARKED
// and QUARANTINE all of the merchant's.
func ReadHistory(ctx context.Context, js jetstream.JetStream, merchant, orderID string) (History, error) {
	r := &historian{js: js, History: History{OrderID: orderID}}
	order, bucket := wild(merchant)+"."+events.EscapeToken(orderID), wild(merchant)+"."+events.Bucket(orderID)
	all, ctx := errgroup.WithContext(ctx)
	for _, part := range []struct {
		stream, filter string
		read           func(jetstream.Msg, Stored) error
	}{
		{Orders, "orders.v1.*.*." + order, r.registration},
		{Payments, "payments.v1.*.*." + order, r.event},
		{Payments, "payments.v1.*.*." + order + ".*", r.review},
		{Callbacks, "callbacks.v1.*." + bucket, r.callback},
		{Trail, "trail.v1.*." + bucket, r.look},
		{Parked, "parked.v1.*." + wild(merchant), r.parked},
		{Quarantine, "quarantine.v1.*.*." + wild(merchant), r.quarantined},
	} {
		all.Go(func() error {
			s := scan{js: js, stream: part.stream, filter: part.filter, ahead: historyAhead}
			return s.run(ctx, nil, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
				return part.read(m, Stored{meta.Sequence.Stream, meta.Timestamp.UTC()})
			})
		})
	}
	if err := all.Wait(); err != nil {
		return History{}, err
	}
	r.Events = merged(r.Events, r.reviews)
	return r.History, nil
}

// historian reads; each list has one reader.
type historian struct {
	js jetstream.JetStream
	History
	reviews []StoredEvent // with what resolved them
}

func (r *historian) registration(m jetstream.Msg, at Stored) error {
	said, err := registrationOf(m, at)
	if err == nil {
		r.Registrations = append(r.Registrations, said)
	}
	return err
}

func registrationOf(m jetstream.Msg, at Stored) (Registration, error) {
	order, eventType, err := events.ParseOrderSubject(m.Subject())
	if err != nil {
		return Registration{}, fmt.Errorf("message %d of %s: %w", at.Sequence, Orders, err)
	}
	said := Registration{Stored: at, Order: order, Type: eventType}
	switch e, err := events.DecodeOrder(m.Data()); {
	case err != nil:
		said.Fault = err
	case e.NATSSubject() != m.Subject():
		said.Fault = fmt.Errorf("it is about another order than its subject: %s", e.NATSSubject())
	default:
		said.Event = &e
	}
	return said, nil
}

func (r *historian) event(m jetstream.Msg, at Stored) (err error) {
	r.Events, err = withEvent(r.Events, m, at)
	return err
}

func (r *historian) review(m jetstream.Msg, at Stored) (err error) {
	r.reviews, err = withEvent(r.reviews, m, at)
	return err
}

func withEvent(all []StoredEvent, m jetstream.Msg, at Stored) ([]StoredEvent, error) {
	e, err := events.Decode(m.Data())
	if err != nil {
		return nil, fmt.Errorf("message %d of %s is no event of ours: %w", at.Sequence, Payments, err)
	}
	return append(all, StoredEvent{at, e}), nil
}

// merged keeps the order of the stream.
func merged(a, b []StoredEvent) []StoredEvent {
	all := make([]StoredEvent, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		first := &a
		if b[0].Sequence < a[0].Sequence {
			first = &b
		}
		all = append(all, (*first)[0])
		*first = (*first)[1:]
	}
	return append(append(all, a...), b...)
}

// callback passes over what can't be read: who consumes it parks it, and it is found
// there.
func (r *historian) callback(m jetstream.Msg, at Stored) error {
	if said, err := storedCallback(m, at); err == nil && said.Order.OrderID == r.OrderID {
		r.Callbacks = append(r.Callbacks, said)
	}
	return nil
}

func storedCallback(m jetstream.Msg, at Stored) (StoredCallback, error) {
	h := m.Headers()
	heard, err := heardOf(at.Sequence, at.At, h, m.Data())
	if err != nil {
		return StoredCallback{}, err
	}
	flow, err := flowOf(m.Subject())
	if err != nil {
		return StoredCallback{}, err
	}
	said := StoredCallback{
		Stored: at, First: heard.StreamSequence, ReceivedAt: heard.ReceivedAt.UTC(),
		Order:    events.Order{Flow: flow, Merchant: strings.Split(m.Subject(), ".")[3], OrderID: heard.Callback.OrderID},
		Callback: heard.Callback, KeyID: h.Get(headerKeyID), Source: h.Get(headerSource),
	}
	if dialects := h.Get(headerDialects); dialects != "" {
		said.Dialects = strings.Split(dialects, ",")
	}
	return said, nil
}

func (r *historian) look(m jetstream.Msg, at Stored) error {
	var l Look
	// TRAIL is best effort: what can't be read is left out.
	if json.Unmarshal(m.Data(), &l) == nil && l.OrderID == r.OrderID {
		r.Looks = append(r.Looks, StoredLook{at, l})
	}
	return nil
}

func (r *historian) parked(m jetstream.Msg, at Stored) error {
	p := parkedOf(at.Sequence, at.At, m.Subject(), m.Headers(), m.Data())
	if SpeaksOf(p.ContentType, p.Body) == r.OrderID {
		r.Parked = append(r.Parked, p)
	}
	return nil
}

func (r *historian) quarantined(m jetstream.Msg, at Stored) error {
	if !maySpeakOf(m.Data(), r.OrderID) {
		return nil
	}
	q := quarantinedOf(at.Sequence, at.At, m.Subject(), m.Headers(), m.Data())
	if q.OrderID() == r.OrderID {
		r.keepRefused(q)
	}
	return nil
}

// maySpeakOf reports whether a body may name an order id: one that does not contain
// it, and has nothing that could be an escape, does not.
func maySpeakOf(body []byte, orderID string) bool {
	return bytes.Contains(body, []byte(orderID)) || bytes.ContainsAny(body, `\%+`)
}

// mostRefused is how many refused bodies of a merchant a history has.
const mostRefused = 100

func (r *historian) keepRefused(q Quarantined) {
	same := func(other Quarantined) bool { return other.Merchant == q.Merchant }
	r.Quarantined = append(r.Quarantined, q)
	n := 0
	for _, other := range r.Quarantined {
		if same(other) {
			n++
		}
	}
	if n <= mostRefused {
		return
	}
	oldest := slices.IndexFunc(r.Quarantined, same)
	r.Quarantined = slices.Delete(r.Quarantined, oldest, oldest+1)
	if r.Omitted == nil {
		r.Omitted = map[string]int{}
	}
	r.Omitted[q.Merchant]++
}

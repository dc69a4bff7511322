package stream

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/sign"
)

// Quarantined is a refused callback as QUARANTINE holds it.
type Quarantined struct {
	Sequence uint64    // in QUARANTINE
	At       time.Time // when it was stored
	Refused            // what was refused, and why
	header   nats.Header
}

// Headers are the message's own, for who looks closely.
func (q Quarantined) Headers() map[string][]string { return q.header }

// QuarantineFilter is which refused callbacks a person asks for; empty fields
// ask for any.
type QuarantineFilter struct {
	Class          Class
	Flow, Merchant string // as the receiver knew them: [Unknown] where it did not
	Window
}

// QuarantineStore is QUARANTINE as a person deals with it.
type QuarantineStore struct{ held }

// OpenQuarantine returns QUARANTINE; timeout bounds each operation.
func OpenQuarantine(ctx context.Context, js jetstream.JetStream, timeout time.Duration) (*QuarantineStore, error) {
	h, err := openHeld(ctx, js, Quarantine, timeout)
	if err != nil {
		return nil, err
	}
	return &QuarantineStore{h}, nil
}

// List calls each for every refused callback, oldest first; [ErrStop] ends it.
// before, unless nil, hears how many there are.
func (s *QuarantineStore) List(ctx context.Context, f QuarantineFilter, before func(total uint64), each func(Quarantined) error) error {
	all := scan{
		js: s.js, stream: Quarantine, window: f.Window,
		filter: "quarantine.v1." + wild(string(f.Class)) + "." + wild(f.Flow) + "." + wild(f.Merchant),
	}
	return all.run(ctx, before, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		return each(quarantinedOf(meta.Sequence.Stream, meta.Timestamp, m.Subject(), m.Headers(), m.Data()))
	})
}

// Get returns one refused callback, or [ErrGone].
func (s *QuarantineStore) Get(ctx context.Context, sequence uint64) (Quarantined, error) {
	m, err := s.get(ctx, sequence)
	if err != nil {
		return Quarantined{}, err
	}
	return quarantinedOf(m.Sequence, m.Time, m.Subject, m.Header, m.Data), nil
}

func quarantinedOf(sequence uint64, at time.Time, subject string, h nats.Header, body []byte) Quarantined {
	q := Quarantined{Sequence: sequence, At: at.UTC(), header: h, Refused: Refused{
		Reason: h.Get(HeaderReason), Detail: h.Get(headerError), Path: h.Get(headerPath),
		Body: body, ContentType: h.Get(HeaderContentType), Source: h.Get(headerSource),
	}}
	var err error
	if q.ReceivedAt, err = time.Parse(time.RFC3339Nano, h.Get(headerReceivedAt)); err != nil {
		q.ReceivedAt = at
	}
	if tokens := strings.Split(subject, "."); len(tokens) == 5 {
		q.Class, q.Flow, q.Merchant = Class(tokens[2]), tokens[3], tokens[4]
	}
	return q
}

// Accept puts what verifies now into CALLBACKS as the receiver would have, and
// returns once it is stored there; the message stays in QUARANTINE. Errors:
// [ErrFull], or what says nothing of whether it is stored.
func (s *QuarantineStore) Accept(ctx context.Context, a Accepted) (Receipt, error) {
	return s.publish(ctx, a.message(), Callbacks)
}

// Delete takes a message out of QUARANTINE. One that is gone is no error.
func (s *QuarantineStore) Delete(ctx context.Context, sequence uint64) error {
	return s.remove(ctx, sequence)
}

// ParseClass reads a class as written in a subject.
func ParseClass(s string) (Class, error) {
	switch c := Class(s); c {
	case ClassSignature, ClassMalformed, ClassUnknown:
		return c, nil
	}
	return "", fmt.Errorf("unknown class %q: want signature, malformed or unknown", s)
}

// OrderID is the order that the refused body speaks of, if it can be read. Nothing
// vouches for it.
func (q Quarantined) OrderID() string { return SpeaksOf(q.ContentType, q.Body) }

// SpeaksOf is the order id that a body names, if it can be read.
func SpeaksOf(contentType string, body []byte) string {
	params, err := sign.Parse(contentType, body)
	if err != nil {
		return ""
	}
	p, _ := params.Get("orderId")
	return p.Value
}

package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// ParkedCallback is a callback that was given up on, as PARKED holds it.
type ParkedCallback struct {
	Sequence       uint64    // in PARKED
	At             time.Time // when it was parked
	Flow, Merchant string    // of the subject; the flow may be [Unknown]
	Reason         string    // the cause of parking
	Detail         string    // the error, in a line
	Subject        string    // in CALLBACKS; empty: not known
	Original       uint64    // sequence in CALLBACKS; 0: not known
	Deliveries     uint64
	ReceivedAt     time.Time // zero: not known
	Source         string
	ContentType    string
	Body           []byte // as received
	header         nats.Header
}

// Callback reads what the gateway said. The signature was verified when it was
// taken in.
func (p ParkedCallback) Callback() (callback.Callback, error) {
	params, err := sign.Parse(p.ContentType, p.Body)
	if err != nil {
		return callback.Callback{}, err
	}
	return callback.FromParams(params)
}

// Headers are the message's own, for who looks closely.
func (p ParkedCallback) Headers() map[string][]string { return p.header }

// ParkedFilter is which parked callbacks a person asks for; empty fields ask for
// any.
type ParkedFilter struct {
	Flow, Merchant string
	Window
}

// ParkedStore is PARKED as a person deals with it.
type ParkedStore struct{ held }

// OpenParked returns PARKED; timeout bounds each operation.
func OpenParked(ctx context.Context, js jetstream.JetStream, timeout time.Duration) (*ParkedStore, error) {
	h, err := openHeld(ctx, js, Parked, timeout)
	if err != nil {
		return nil, err
	}
	return &ParkedStore{h}, nil
}

// List calls each for every parked callback, oldest first; [ErrStop] ends it.
// before, unless nil, hears how many there are.
func (s *ParkedStore) List(ctx context.Context, f ParkedFilter, before func(total uint64), each func(ParkedCallback) error) error {
	all := scan{js: s.js, stream: Parked, filter: "parked.v1." + wild(f.Flow) + "." + wild(f.Merchant), window: f.Window}
	return all.run(ctx, before, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		return each(parkedOf(meta.Sequence.Stream, meta.Timestamp, m.Subject(), m.Headers(), m.Data()))
	})
}

// Get returns one parked callback, or [ErrGone].
func (s *ParkedStore) Get(ctx context.Context, sequence uint64) (ParkedCallback, error) {
	m, err := s.get(ctx, sequence)
	if err != nil {
		return ParkedCallback{}, err
	}
	return parkedOf(m.Sequence, m.Time, m.Subject, m.Header, m.Data), nil
}

func parkedOf(sequence uint64, at time.Time, subject string, h nats.Header, body []byte) ParkedCallback {
	p := ParkedCallback{
		Sequence: sequence, At: at.UTC(), Reason: h.Get(HeaderReason), Detail: h.Get(headerError),
		Subject: h.Get(headerSubject), Source: h.Get(headerSource), ContentType: h.Get(HeaderContentType),
		Body: body, header: h,
	}
	p.Original, _ = strconv.ParseUint(h.Get(HeaderSequence), 10, 64)
	p.Deliveries, _ = strconv.ParseUint(h.Get(headerDeliveries), 10, 64)
	p.ReceivedAt, _ = time.Parse(time.RFC3339Nano, h.Get(headerReceivedAt))
	if tokens := strings.Split(subject, "."); len(tokens) == 4 {
		p.Flow, p.Merchant = tokens[2], tokens[3]
	}
	return p
}

// ErrNoSubject is the error of a parked message that does not say where in
// CALLBACKS it was.
var ErrNoSubject = errors.New("it does not say on which subject of CALLBACKS it was")

// Redrivable returns [ErrNoSubject] where a message can't be put back.
func (p ParkedCallback) Redrivable() error {
	tokens := strings.Split(p.Subject, ".")
	if len(tokens) != 5 || !strings.HasPrefix(p.Subject, "callbacks.v1.") || strings.ContainsAny(p.Subject, "*> \t\r\n") {
		return ErrNoSubject
	}
	return nil
}

// Return puts a parked callback back into CALLBACKS, and returns once it is
// stored there; it stays in PARKED. Doing so twice within
// [CallbacksDuplicates] stores one. Errors: [ErrNoSubject], [ErrFull], or what
// says nothing of whether it is stored.
func (s *ParkedStore) Return(ctx context.Context, p ParkedCallback) (Receipt, error) {
	if err := p.Redrivable(); err != nil {
		return Receipt{}, err
	}
	return s.publish(ctx, returned(p), Callbacks)
}

// returned is the callback as it was in CALLBACKS, with the place it had there.
func returned(p ParkedCallback) *nats.Msg {
	h := nats.Header{}
	for name, values := range p.header {
		switch {
		case strings.HasPrefix(name, "Nats-"), name == headerSubject, name == HeaderReason, name == headerError, name == headerDeliveries:
		default:
			h[name] = values
		}
	}
	// An id of its own: the callback's would have CALLBACKS drop this for a
	// repetition of a push that came in just now, whose delivery may be ending.
	h[jetstream.MsgIDHeader] = []string{"redrive/parked/" + strconv.FormatUint(p.Sequence, 10)}
	return &nats.Msg{Subject: p.Subject, Header: h, Data: p.Body}
}

// Delete takes a callback out of PARKED. One that is gone is no error.
func (s *ParkedStore) Delete(ctx context.Context, sequence uint64) error {
	return s.remove(ctx, sequence)
}

// Drop is the JSON that TRAIL keeps of a parked callback that a person dropped.
type Drop struct {
	At             time.Time         `json:"at"`
	Flow           string            `json:"flow"`
	Merchant       string            `json:"merchant"`
	OrderID        string            `json:"orderId,omitempty"`
	Via            events.Via        `json:"via"`     // operator
	Verdict        string            `json:"verdict"` // dropped
	Reason         string            `json:"reason"`  // why it was parked
	Error          string            `json:"error,omitempty"`
	By             string            `json:"by"`
	Why            string            `json:"why"`
	Fingerprint    string            `json:"fingerprint,omitempty"`
	ReceivedAt     time.Time         `json:"receivedAt,omitzero"`
	StreamSequence uint64            `json:"streamSequence,omitzero"` // in CALLBACKS
	ParkedSequence uint64            `json:"parkedSequence"`
	Deliveries     uint64            `json:"deliveries"`
	Headers        map[string]string `json:"headers"`
	Body           []byte            `json:"body"` // as received, in base64
}

// dropped is the verdict of a [Drop].
const dropped = "dropped"

// RecordDrop writes to TRAIL that a parked callback is dropped, by whom and why,
// with all of it, and returns once that is stored: what is deleted next can be
// read there for as long as the trail is kept.
func (s *ParkedStore) RecordDrop(ctx context.Context, p ParkedCallback, by, why string, at time.Time) error {
	d := Drop{
		At: at.UTC(), Flow: p.Flow, Merchant: p.Merchant, Via: events.ViaOperator, Verdict: dropped,
		Reason: p.Reason, Error: p.Detail, By: by, Why: why, ReceivedAt: p.ReceivedAt,
		StreamSequence: p.Original, ParkedSequence: p.Sequence, Deliveries: p.Deliveries,
		Headers: map[string]string{}, Body: p.Body,
	}
	for name := range maps.Keys(p.header) {
		d.Headers[name] = p.header.Get(name)
	}
	if cb, err := p.Callback(); err == nil {
		d.OrderID, d.Fingerprint = cb.OrderID, cb.Fingerprint()
	}
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode the trail: %w", err)
	}
	_, err = s.publish(ctx, &nats.Msg{Subject: events.TrailSubject(p.Flow, p.Merchant, d.OrderID), Data: body}, Trail)
	return err
}

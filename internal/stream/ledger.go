package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/tracing"
	"github.com/settlehook/settlehook/pkg/events"
)

// Ledger is the PAYMENTS stream. Its reads come from the stream's leader
// (STREAM.MSG.GET; allow_direct is off and verified), so that a rejection can
// be understood by reading back.
type Ledger struct {
	js      jetstream.JetStream
	stream  jetstream.Stream
	timeout time.Duration
}

var _ reconcile.Ledger = (*Ledger)(nil)

// OpenLedger returns the ledger; timeout bounds each of its operations.
func OpenLedger(ctx context.Context, js jetstream.JetStream, timeout time.Duration) (*Ledger, error) {
	s, err := openStream(ctx, js, Payments)
	if err != nil {
		return nil, err
	}
	return &Ledger{js: js, stream: s, timeout: timeout}, nil
}

// Append implements reconcile.Ledger. The guard spans the order's outcomes and
// flows: one header, the same bytes from every emitter.
func (l *Ledger) Append(ctx context.Context, e events.Event, expected uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	body, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("encode event: %w", err)
	}
	order := e.Data.Common().Order()
	msg := &nats.Msg{
		Subject: e.NATSSubject(), Data: body,
		Header: nats.Header{HeaderContentType: []string{events.ContentType}},
	}
	ctx, span := tracing.Publish(ctx, Payments, msg.Header)
	ack, err := l.js.PublishMsg(ctx, msg,
		jetstream.WithExpectLastSequenceForSubject(expected, events.GuardFilter(order.Merchant, order.OrderID)))
	if err != nil {
		err = l.refused(ctx, msg.Subject, err)
		appended(span, e, 0, err)
		return 0, err
	}
	appended(span, e, ack.Sequence, nil)
	return ack.Sequence, nil
}

// appended ends the span of an event on its way. That another was first, or that
// it was told before, is the guard at work, and no error.
func appended(span trace.Span, e events.Event, sequence uint64, err error) {
	facts := []attribute.KeyValue{tracing.EventID.String(e.ID), tracing.Outcome.String(string(e.Outcome()))}
	switch {
	case errors.Is(err, reconcile.ErrConflict):
		facts, err = append(facts, tracing.Result.String("conflict")), nil
	case errors.Is(err, reconcile.ErrExists):
		facts, err = append(facts, tracing.Result.String("exists")), nil
	case err == nil:
		facts = append(facts, tracing.Result.String("stored"), tracing.LedgerSequence.Int64(int64(sequence)))
	}
	tracing.Published(span, err, facts...)
}

// codeStoreFailed is the server's code for a message that its store refused:
// the limit per subject, and a full stream, share it.
const codeStoreFailed jetstream.ErrorCode = 10077

// refused tells a definite refusal from one that says nothing.
func (l *Ledger) refused(ctx context.Context, subject string, err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence:
		return fmt.Errorf("%w: %w", reconcile.ErrConflict, err)
	case codeStoreFailed:
		// Only what can be read back from the leader was told before; on three
		// replicas the limit counts copies that are not committed yet.
		if _, getErr := l.stream.GetLastMsgForSubject(ctx, subject); getErr == nil {
			return fmt.Errorf("%w: %w", reconcile.ErrExists, err)
		}
	}
	// 10164 among them: another copy is in flight and may yet fail.
	return err
}

// Last implements reconcile.Ledger.
func (l *Ledger) Last(ctx context.Context, merchant, orderID string) (*reconcile.Entry, error) {
	return l.last(ctx, events.GuardFilter(merchant, orderID))
}

func (l *Ledger) last(ctx context.Context, filter string) (*reconcile.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	raw, err := l.stream.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filter, err)
	}
	e, err := events.Decode(raw.Data)
	if err != nil {
		return nil, fmt.Errorf("message %d of %s is no event of ours: %w", raw.Sequence, Payments, err)
	}
	return &reconcile.Entry{Sequence: raw.Sequence, Event: e}, nil
}

// OpenReviews implements reconcile.Ledger. Nearly every order has none, and
// that takes one read.
func (l *Ledger) OpenReviews(ctx context.Context, merchant, orderID string) ([]reconcile.Entry, error) {
	last, err := l.last(ctx, events.ReviewFilter(merchant, orderID))
	if err != nil || last == nil {
		return nil, err
	}
	reviews, err := l.subjects(ctx, events.ReviewFilter(merchant, orderID))
	if err != nil {
		return nil, err
	}
	resolved, err := l.subjects(ctx, events.ResolvedFilter(merchant, orderID))
	if err != nil {
		return nil, err
	}
	var open []reconcile.Entry
	for subject := range reviews {
		if closedBy(subject, resolved) {
			continue
		}
		entry, err := l.last(ctx, subject)
		if err != nil {
			return nil, err
		}
		if entry != nil {
			open = append(open, *entry)
		}
	}
	sortBySequence(open)
	return open, nil
}

// subjects lists the subjects that match a filter.
func (l *Ledger) subjects(ctx context.Context, filter string) (map[string]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", filter, err)
	}
	return info.State.Subjects, nil
}

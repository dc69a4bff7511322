package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// ReviewState is whether a review waits for a person.
type ReviewState string

// The states of a review.
const (
	ReviewOpen     ReviewState = "open"
	ReviewResolved ReviewState = "resolved"
)

// Review is a review as the ledger has it.
type Review struct {
	Sequence uint64 // in PAYMENTS
	At       time.Time
	Event    events.Event
	// Resolution is the event that closed it, nil while it is open. Lists that
	// ask for open reviews only never read it.
	Resolution *events.Event
}

// State is whether the review waits for a person.
func (r Review) State() ReviewState {
	if r.Resolution != nil {
		return ReviewResolved
	}
	return ReviewOpen
}

// Case is the name of the case, "<reason>-<hash8>".
func (r Review) Case() string { return r.Event.Data.(events.Review).Case }

// ReviewFilter is which reviews a person asks for; empty fields ask for any.
type ReviewFilter struct {
	State          ReviewState
	Flow, Merchant string
	OrderID        string
	Reason         string
	Window
}

func (f ReviewFilter) subject(what events.Outcome) string {
	order := "*"
	if f.OrderID != "" {
		order = events.EscapeToken(f.OrderID)
	}
	return "payments.v1." + string(what) + "." + wild(f.Flow) + "." + wild(f.Merchant) + "." + order + ".*"
}

func (f ReviewFilter) reason(subject string) (matches bool) {
	if f.Reason == "" {
		return true
	}
	parts, err := events.ParseSubject(subject)
	if err != nil {
		return false
	}
	reason, _, err := events.SplitTail(parts.Tail)
	return err == nil && reason == f.Reason
}

// ReviewLog is the reviews of PAYMENTS as a person reads them.
type ReviewLog struct{ held }

// OpenReviewLog returns the reviews; timeout bounds each operation.
func OpenReviewLog(ctx context.Context, js jetstream.JetStream, timeout time.Duration) (*ReviewLog, error) {
	h, err := openHeld(ctx, js, Payments, timeout)
	if err != nil {
		return nil, err
	}
	return &ReviewLog{h}, nil
}

// List calls each for every review, oldest first; [ErrStop] ends it. In memory
// is the name of every resolution that may concern the list, and nothing else.
func (l *ReviewLog) List(ctx context.Context, f ReviewFilter, each func(Review) error) error {
	resolved, err := l.resolved(ctx, f)
	if err != nil {
		return err
	}
	all := scan{js: l.js, stream: Payments, filter: f.subject(events.OutcomeReview), window: f.Window}
	return all.run(ctx, nil, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if !f.reason(m.Subject()) {
			return nil
		}
		closedBySubject, closed := closing(m.Subject(), resolved)
		if f.State == ReviewOpen && closed || f.State == ReviewResolved && !closed {
			return nil
		}
		r, err := reviewOf(meta.Sequence.Stream, meta.Timestamp, m.Data())
		if err != nil {
			return err
		}
		if closed {
			if r.Resolution, err = l.event(ctx, closedBySubject); err != nil {
				return err
			}
		}
		return each(r)
	})
}

// resolved lists the subjects of what closed reviews.
func (l *ReviewLog) resolved(ctx context.Context, f ReviewFilter) (map[string]struct{}, error) {
	found := map[string]struct{}{}
	all := scan{js: l.js, stream: Payments, filter: f.subject(events.OutcomeResolved), headersOnly: true}
	err := all.run(ctx, nil, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		if f.reason(m.Subject()) {
			found[m.Subject()] = struct{}{}
		}
		return nil
	})
	return found, err
}

// Find returns the review of an event id, <merchant>/<order>/review/<case>, or
// [ErrGone]. The id does not hold the flow, the case's hash does.
func (l *ReviewLog) Find(ctx context.Context, merchant, orderID, tail string) (Review, error) {
	reading, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	order := events.EscapeToken(merchant) + "." + events.EscapeToken(orderID) + "." + events.EscapeToken(tail)
	raw, err := l.stream.GetLastMsgForSubject(reading, "payments.v1.review.*."+order)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return Review{}, fmt.Errorf("review %s: %w", events.ReviewID(merchant, orderID, tail), ErrGone)
	case err != nil:
		return Review{}, fmt.Errorf("read the review: %w", err)
	}
	r, err := reviewOf(raw.Sequence, raw.Time, raw.Data)
	if err != nil {
		return Review{}, err
	}
	r.Resolution, err = l.event(ctx, events.ResolvedSubject(r.Event.Data.Common().Order(), r.Case()))
	return r, err
}

// event reads the event of a subject, nil where there is none.
func (l *ReviewLog) event(ctx context.Context, subject string) (*events.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	raw, err := l.stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", subject, err)
	}
	e, err := events.Decode(raw.Data)
	if err != nil {
		return nil, fmt.Errorf("message %d of %s is no event of ours: %w", raw.Sequence, Payments, err)
	}
	return &e, nil
}

func reviewOf(sequence uint64, at time.Time, body []byte) (Review, error) {
	e, err := events.Decode(body)
	if err != nil {
		return Review{}, fmt.Errorf("message %d of %s is no event of ours: %w", sequence, Payments, err)
	}
	if _, ok := e.Data.(events.Review); !ok {
		return Review{}, fmt.Errorf("message %d of %s is no review: %s", sequence, Payments, e.Type)
	}
	return Review{Sequence: sequence, At: at.UTC(), Event: e}, nil
}

// closing returns the subject that closes a review, and whether it is among the
// resolved.
func closing(review string, resolved map[string]struct{}) (subject string, closed bool) {
	parts, err := events.ParseSubject(review)
	if err != nil {
		return "", false
	}
	subject = events.ResolvedSubject(parts.Order, parts.Tail)
	_, closed = resolved[subject]
	return subject, closed
}

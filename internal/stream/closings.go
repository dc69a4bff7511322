package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// ClosingBook is the closed booking periods, in CLOSINGS.
type ClosingBook struct{ held }

// ErrClosedMeanwhile says that somebody else closed a period of the merchant since
// the closings were read. Read them again.
var ErrClosedMeanwhile = errors.New("somebody else closed a period meanwhile")

// OpenClosings returns the closed periods; timeout bounds each operation.
func OpenClosings(ctx context.Context, js jetstream.JetStream, timeout time.Duration) (*ClosingBook, error) {
	h, err := openHeld(ctx, js, Closings, timeout)
	if err != nil {
		return nil, err
	}
	return &ClosingBook{h}, nil
}

// StoredClosing is a closing, and where CLOSINGS has it.
type StoredClosing struct {
	finance.Closing
	Own Stored
}

// List returns a merchant's closings, or all where merchant is empty, in the order
// in which they were made.
func (b *ClosingBook) List(ctx context.Context, merchant string) ([]StoredClosing, error) {
	var all []StoredClosing
	s := scan{js: b.js, stream: Closings, filter: "closings.v1." + wild(merchant) + ".*"}
	err := s.run(ctx, nil, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		c, err := decodeClosing(m.Subject(), m.Data())
		if err != nil {
			return fmt.Errorf("message %d of %s: %w", meta.Sequence.Stream, Closings, err)
		}
		all = append(all, StoredClosing{c, Stored{meta.Sequence.Stream, meta.Timestamp.UTC()}})
		return nil
	})
	return all, err
}

func decodeClosing(subject string, body []byte) (finance.Closing, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	var c finance.Closing
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("it is no closing: %w", err)
	}
	switch {
	case c.Version != finance.ClosingVersion:
		return c, fmt.Errorf("it is a closing of version %d, and this program knows %d", c.Version, finance.ClosingVersion)
	case subject != closingSubject(c):
		return c, fmt.Errorf("it is about %s of %s, which its subject does not say", c.Name, c.Merchant)
	}
	return c, nil
}

func closingSubject(c finance.Closing) string {
	return "closings.v1." + events.EscapeToken(c.Merchant) + "." + events.EscapeToken(c.Name)
}

// Append stores a closing behind the merchant's last one, whose sequence in
// CLOSINGS is after, 0 for none. Where another was stored meanwhile it is
// [ErrClosedMeanwhile]; any other error says nothing of whether it is stored, and
// the same may be tried again.
func (b *ClosingBook) Append(ctx context.Context, c finance.Closing, after uint64) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the closing: %w", err)
	}
	publishing, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	subject := closingSubject(c)
	_, err = b.js.PublishMsg(publishing, &nats.Msg{Subject: subject, Data: body},
		jetstream.WithExpectStream(Closings), jetstream.WithExpectLastSequenceForSubject(after, "closings.v1."+events.EscapeToken(c.Merchant)+".*"))
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
		return fmt.Errorf("close %s of %s: %w", c.Name, c.Merchant, err)
	}
	return b.readBack(ctx, c, subject, body)
}

// readBack tells our own closing, whose acknowledgement got lost, from another's.
func (b *ClosingBook) readBack(ctx context.Context, c finance.Closing, subject string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	m, err := b.stream.GetLastMsgForSubject(ctx, subject)
	switch {
	case err == nil && bytes.Equal(m.Data, body):
		return nil
	case err == nil, errors.Is(err, jetstream.ErrMsgNotFound):
		return fmt.Errorf("close %s of %s: %w", c.Name, c.Merchant, ErrClosedMeanwhile)
	default:
		return fmt.Errorf("close %s of %s: %w", c.Name, c.Merchant, err)
	}
}

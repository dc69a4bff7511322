package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// Class says why a callback is in quarantine, coarsely: each class has its own
// share, so that junk can't push out the evidence of a wrong key.
type Class string

// The classes of QUARANTINE.
const (
	ClassSignature Class = events.QuarantineSignature // bad signature at a known merchant
	ClassMalformed Class = events.QuarantineMalformed
	ClassUnknown   Class = events.QuarantineUnknown // merchant or flow
)

// Unknown stands for a flow or merchant that is not configured. Only configured
// names ever become tokens of a subject.
const Unknown = events.UnknownToken

// Refused is a callback that was not accepted.
type Refused struct {
	Class       Class
	Flow        string // configured, or Unknown
	Merchant    string // configured, or Unknown
	Reason      string // named, as in metrics
	Detail      string
	Path        string // as asked for, shortened
	Body        []byte
	ContentType string
	ReceivedAt  time.Time
	Source      string
}

// QuarantineLog keeps refused callbacks.
type QuarantineLog struct{ js jetstream.JetStream }

// NewQuarantineLog returns the receiver's end of QUARANTINE.
func NewQuarantineLog(js jetstream.JetStream) *QuarantineLog { return &QuarantineLog{js: js} }

// Keep stores a refused callback with the reason.
func (q *QuarantineLog) Keep(ctx context.Context, r Refused) error {
	h := nats.Header{headerReceivedAt: []string{r.ReceivedAt.UTC().Format(time.RFC3339Nano)}}
	setHeader(h, HeaderReason, r.Reason)
	setHeader(h, headerError, r.Detail)
	setHeader(h, headerPath, r.Path)
	setHeader(h, HeaderContentType, r.ContentType)
	setHeader(h, headerSource, r.Source)
	msg := &nats.Msg{Subject: events.QuarantineSubject(string(r.Class), r.Flow, r.Merchant), Header: h, Data: r.Body}
	if _, err := q.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(Quarantine)); err != nil {
		return fmt.Errorf("keep in quarantine: %w", err)
	}
	return nil
}

package stream

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// Headers of the messages. They are a contract. Beside them, the messages of
// CALLBACKS and PAYMENTS name their trace in the W3C's headers (package
// tracing), where tracing is on; nothing here depends on those, and a callback
// that is parked and put back keeps them.
const (
	HeaderContentType = "Content-Type"
	headerReceivedAt  = "Settlehook-Received-At" // RFC 3339, UTC
	headerKeyID       = "Settlehook-Key-Id"
	headerDialects    = "Settlehook-Dialects" // separated by commas
	headerSource      = "Settlehook-Source"   // the sender's address
	HeaderReason      = "Settlehook-Reason"
	headerError       = "Settlehook-Error"
	headerSubject     = "Settlehook-Subject"    // of the original message
	HeaderSequence    = "Settlehook-Sequence"   // of the original message
	headerDeliveries  = "Settlehook-Deliveries" // of the original message
	headerPath        = "Settlehook-Path"
)

// Accepted is a verified callback on its way into CALLBACKS.
type Accepted struct {
	Flow        events.Flow
	Merchant    string
	Callback    callback.Callback
	Body        []byte // as received
	ContentType string
	ReceivedAt  time.Time
	KeyID       string
	Dialects    []sign.Dialect
	Source      string
}

func (a Accepted) message() *nats.Msg {
	h := nats.Header{
		jetstream.MsgIDHeader: []string{a.Callback.MessageID(string(a.Flow), a.Merchant)},
		headerReceivedAt:      []string{a.ReceivedAt.UTC().Format(time.RFC3339Nano)},
		headerKeyID:           []string{a.KeyID},
	}
	setHeader(h, HeaderContentType, a.ContentType)
	setHeader(h, headerSource, a.Source)
	if len(a.Dialects) > 0 {
		names := make([]string, len(a.Dialects))
		for i, d := range a.Dialects {
			names[i] = string(d)
		}
		h[headerDialects] = []string{strings.Join(names, ",")}
	}
	return &nats.Msg{Subject: events.CallbackSubject(string(a.Flow), a.Merchant, a.Callback.OrderID), Header: h, Data: a.Body}
}

// setHeader sets what is there, as one printable line: a line break in a header
// is a protocol violation, which closes the connection for good.
func setHeader(h nats.Header, name, value string) {
	if value = oneLine(value); value != "" {
		h[name] = []string{value}
	}
}

// maxHeaderValue bounds what outsiders can put into a header.
const maxHeaderValue = 256

func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, s[:min(len(s), maxHeaderValue)])
	return strings.TrimSpace(s)
}

// errNotOurs says that a message of CALLBACKS can't be one of the receiver's.
var errNotOurs = errors.New("not a callback that the receiver stored")

// decodeCallback reads a callback back from the stream, as strictly as it was
// taken in. The signature was checked by the receiver with the keys of that
// day.
func decodeCallback(m jetstream.Msg, merchant reconcile.Merchant) (reconcile.Delivery, error) {
	meta, err := m.Metadata()
	if err != nil {
		return reconcile.Delivery{}, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	heard, err := heardOf(meta.Sequence.Stream, meta.Timestamp, m.Headers(), m.Data())
	d := reconcile.Delivery{
		Merchant: merchant, Callback: heard.Callback, ReceivedAt: heard.ReceivedAt,
		StreamSequence: heard.StreamSequence, Deliveries: meta.NumDelivered,
	}
	flow, flowErr := flowOf(m.Subject())
	if err = cmp.Or(flowErr, err); err != nil {
		return d, err
	}
	d.Order = events.Order{Flow: flow, Merchant: merchant.ID, OrderID: d.Callback.OrderID}
	return d, nil
}

// heardOf reads a message of CALLBACKS. What is known without its body is
// returned with an error, too.
func heardOf(sequence uint64, stored time.Time, h nats.Header, body []byte) (reconcile.Heard, error) {
	// A callback that is on its way again keeps its place in the order of
	// arrival: what it says is as old as it was.
	heard := reconcile.Heard{StreamSequence: keepsPlace(h, sequence)}
	var err error
	if heard.ReceivedAt, err = time.Parse(time.RFC3339Nano, h.Get(headerReceivedAt)); err != nil {
		heard.ReceivedAt = stored // never earlier than received
	}
	params, err := sign.Parse(h.Get(HeaderContentType), body)
	if err != nil {
		return heard, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	if heard.Callback, err = callback.FromParams(params); err != nil {
		return heard, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	return heard, nil
}

// keepsPlace is the place that a callback had when it first was in CALLBACKS,
// however often it was parked and put back.
func keepsPlace(h nats.Header, sequence uint64) uint64 {
	if first, err := strconv.ParseUint(h.Get(HeaderSequence), 10, 64); err == nil && first > 0 {
		return min(first, sequence)
	}
	return sequence
}

// flowOf reads the flow of callbacks.v1.<flow>.<merchant>.<bucket>.
func flowOf(subject string) (events.Flow, error) {
	tokens := strings.Split(subject, ".")
	if len(tokens) != 5 {
		return "", fmt.Errorf("%w: subject %q", errNotOurs, subject)
	}
	flow, err := events.ParseFlow(tokens[2])
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNotOurs, err)
	}
	return flow, nil
}

package stream

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// acknowledger maps what became of a callback to the server's acknowledgements.
// Nothing else in the project calls Ack or Nak.
type acknowledger struct {
	js      jetstream.JetStream
	timeout time.Duration
}

// settle tells the server what became of a message. An error means that the
// server may deliver it again, which is always safe.
func (a acknowledger) settle(ctx context.Context, m jetstream.Msg, merchant string, res reconcile.Result) error {
	switch res.Disposition {
	case reconcile.Acknowledge:
		return m.Ack()
	case reconcile.Park:
		return a.park(ctx, m, merchant, res)
	default:
		return m.NakWithDelay(max(res.After, time.Millisecond)) // a delay of 0 would come back at once
	}
}

// park keeps the message with its history in PARKED before it is given up on
// in CALLBACKS, and makes sure that the server heard it.
func (a acknowledger) park(ctx context.Context, m jetstream.Msg, merchant string, res reconcile.Result) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if _, err := a.js.PublishMsg(ctx, parkedMessage(m, merchant, res), jetstream.WithExpectStream(Parked)); err != nil {
		_ = m.NakWithDelay(parkRetry)
		return fmt.Errorf("park callback: %w", err)
	}
	if err := m.DoubleAck(ctx); err != nil {
		return fmt.Errorf("acknowledge parked callback: %w", err)
	}
	return nil
}

// parkRetry is how long a callback waits that could not be parked.
const parkRetry = 10 * time.Second

func parkedMessage(m jetstream.Msg, merchant string, res reconcile.Result) *nats.Msg {
	h := nats.Header{}
	for name, values := range m.Headers() {
		// The server's own headers were meant for CALLBACKS: an expectation
		// among them would have PARKED refuse the message for ever.
		if !strings.HasPrefix(name, "Nats-") {
			h[name] = values
		}
	}
	h[headerSubject] = []string{m.Subject()}
	setHeader(h, HeaderReason, res.Cause)
	if res.Err != nil {
		setHeader(h, headerError, res.Err.Error())
	}
	if meta, err := m.Metadata(); err == nil {
		sequence := strconv.FormatUint(meta.Sequence.Stream, 10)
		h[jetstream.MsgIDHeader] = []string{sequence}
		h[HeaderSequence] = []string{strconv.FormatUint(keepsPlace(m.Headers(), meta.Sequence.Stream), 10)}
		h[headerDeliveries] = []string{strconv.FormatUint(meta.NumDelivered, 10)}
	}
	flow := Unknown
	if f, err := flowOf(m.Subject()); err == nil {
		flow = string(f)
	}
	return &nats.Msg{Subject: events.ParkedSubject(flow, merchant), Header: h, Data: m.Data()}
}

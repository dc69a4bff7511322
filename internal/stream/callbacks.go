package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/tracing"
)

// Receipt proves that a callback is stored.
type Receipt struct {
	Sequence  uint64 // in CALLBACKS
	Duplicate bool   // the stream held this push already
}

// CallbackLog is the receiver's end of CALLBACKS.
type CallbackLog struct{ js jetstream.JetStream }

// NewCallbackLog returns the receiver's end of CALLBACKS.
func NewCallbackLog(js jetstream.JetStream) *CallbackLog { return &CallbackLog{js: js} }

// Store publishes a callback and returns once the stream has acknowledged it.
// After an error the callback may or may not be stored; the sender has to be
// asked to push again.
func (l *CallbackLog) Store(ctx context.Context, a Accepted) (Receipt, error) {
	msg := a.message()
	ctx, span := tracing.Publish(ctx, Callbacks, msg.Header)
	ack, err := l.publish(ctx, msg)
	if errors.Is(err, nats.ErrReconnectBufExceeded) {
		// The client's word for it, since there is no buffer to wait in.
		err = fmt.Errorf("NATS is disconnected: %w", err)
	}
	if err != nil {
		tracing.Published(span, err)
		return Receipt{}, fmt.Errorf("store callback: %w", err)
	}
	tracing.Published(span, nil, tracing.StreamSequence.Int64(int64(ack.Sequence)), tracing.Duplicate.Bool(ack.Duplicate))
	return Receipt{Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// codeInProcess is the server's code for a message whose id is that of another
// which is not stored on most servers yet (nats-server 2.15.2, clusters only).
const codeInProcess jetstream.ErrorCode = 10158

// Between the tries: about what a cluster takes to store a message, and longer each
// time, since one that does not get there is not helped by being asked.
const (
	inProcessPause = 5 * time.Millisecond
	mostInProcess  = 500 * time.Millisecond
)

// publish waits for the other one where a gateway pushes the same twice at once:
// both are answered success, or none is.
func (l *CallbackLog) publish(ctx context.Context, msg *nats.Msg) (*jetstream.PubAck, error) {
	for wait := inProcessPause; ; wait = min(2*wait, mostInProcess) {
		ack, err := l.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(Callbacks))
		var api *jetstream.APIError
		if !errors.As(err, &api) || api.ErrorCode != codeInProcess {
			return ack, err
		}
		if pause(ctx, wait); ctx.Err() != nil {
			return nil, err
		}
	}
}

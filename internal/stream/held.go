package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrGone is the error of a message that is not in its stream: it never was
// there, or somebody else dealt with it.
var ErrGone = errors.New("there is no such message")

// ErrFull is the error of a stream that takes nothing more.
var ErrFull = errors.New("the stream is full")

// held is a stream whose messages a person deals with one by one.
type held struct {
	js      jetstream.JetStream
	stream  jetstream.Stream
	timeout time.Duration // of each operation
}

func openHeld(ctx context.Context, js jetstream.JetStream, name string, timeout time.Duration) (held, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s, err := js.Stream(ctx, name)
	if err != nil {
		return held{}, fmt.Errorf("open stream %s: %w", name, err)
	}
	return held{js: js, stream: s, timeout: timeout}, nil
}

func (h held) name() string { return h.stream.CachedInfo().Config.Name }

func (h held) get(ctx context.Context, sequence uint64) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	m, err := h.stream.GetMsg(ctx, sequence)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, fmt.Errorf("message %d of %s: %w", sequence, h.name(), ErrGone)
	case err != nil:
		return nil, fmt.Errorf("read message %d of %s: %w", sequence, h.name(), err)
	}
	return m, nil
}

// remove deletes a message. One that is gone already is as good as deleted.
func (h held) remove(ctx context.Context, sequence uint64) error {
	deleting, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	err := h.stream.DeleteMsg(deleting, sequence)
	if err == nil {
		return nil
	}
	if _, getErr := h.get(ctx, sequence); errors.Is(getErr, ErrGone) {
		return nil
	}
	return fmt.Errorf("delete message %d of %s: %w", sequence, h.name(), err)
}

// publish stores a message and returns once the stream has acknowledged it.
func (h held) publish(ctx context.Context, m *nats.Msg, stream string) (Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	ack, err := h.js.PublishMsg(ctx, m, jetstream.WithExpectStream(stream))
	if err != nil {
		return Receipt{}, fmt.Errorf("publish to %s: %w", stream, asFull(err))
	}
	return Receipt{Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// asFull tells a stream's definite refusal for want of room from what says
// nothing.
func asFull(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == codeStoreFailed {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// While a leader is elected, a question to it may be refused, or never be
// answered: so each has its own time-out and is asked again, and whoever starts
// then waits for as long as the election takes. A time-out too short for a busy
// server is no harm, since the next is longer.
const (
	firstPatience = 500 * time.Millisecond
	mostPatience  = 4 * time.Second
	askPause      = 50 * time.Millisecond
	// openPatience bounds the opening of one stream.
	openPatience = 30 * time.Second
)

// ask asks the JetStream API until there is an answer that another leader would
// not change, or ctx ends. It is for questions, and for what may be done twice.
func ask[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	for patience := firstPatience; ; patience = min(2*patience, mostPatience) {
		once, cancel := context.WithTimeout(ctx, patience)
		got, err := question(once)
		cancel()
		if err == nil || !leaderless(err) {
			return got, err
		}
		if pause(ctx, askPause); ctx.Err() != nil {
			return got, err
		}
	}
}

// leaderless reports whether an error may be gone with the next leader, or with
// the connection to another server.
func leaderless(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code == http.StatusServiceUnavailable &&
			api.ErrorCode != jetstream.JSErrCodeJetStreamNotEnabled && api.ErrorCode != jetstream.JSErrCodeJetStreamNotEnabledForAccount
	}
	for _, passing := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrReconnectBufExceeded, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// openStream returns a stream that must be there.
func openStream(ctx context.Context, js jetstream.JetStream, name string) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	s, err := ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.Stream(ctx, name) })
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", name, err)
	}
	return s, nil
}

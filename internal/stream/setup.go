package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
)

// Setup creates or updates the streams as declared. Existing messages stay. A
// field that the server can't change (storage, retention) is an error.
func Setup(ctx context.Context, js jetstream.JetStream, t config.Topology) error {
	for _, c := range Declare(t) {
		if _, err := js.CreateOrUpdateStream(ctx, complete(c, t.Replicas)); err != nil {
			return fmt.Errorf("set up stream %s: %w", c.Name, err)
		}
	}
	return nil
}

// SetupReconciler creates or updates one merchant's durable.
func SetupReconciler(ctx context.Context, js jetstream.JetStream, want jetstream.ConsumerConfig) error {
	if _, err := js.CreateOrUpdateConsumer(ctx, Callbacks, want); err != nil {
		return fmt.Errorf("set up consumer %s: %w", want.Durable, err)
	}
	return nil
}

// openReconciler returns a merchant's durable. One that is missing, since the
// merchant came into the file after the set-up, is created; one that breaks a
// guarantee is refused.
func openReconciler(ctx context.Context, js jetstream.JetStream, want jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	c, err := js.Consumer(ctx, Callbacks, want.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		c, err = js.CreateConsumer(ctx, Callbacks, want)
		if errors.Is(err, jetstream.ErrConsumerExists) {
			c, err = js.Consumer(ctx, Callbacks, want.Durable) // another worker was first
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open consumer %s: %w", want.Durable, err)
	}
	return c, verifyConsumer(want, c.CachedInfo().Config)
}

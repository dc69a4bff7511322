package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
)

// Setup creates or updates the streams as declared. Existing messages stay. A
// field that the server can't change (storage, retention) is an error, and so is a
// ledger that was lost (wraps [ErrLedgerMissing]).
func Setup(ctx context.Context, js jetstream.JetStream, t config.Topology) error {
	if err := guardLedger(ctx, js); err != nil {
		return err
	}
	for _, c := range Declare(t) {
		if err := setupStream(ctx, js, complete(c, t.Replicas)); err != nil {
			return err
		}
	}
	return nil
}

// setupStream waits for a leader, as a new cluster has none for a moment.
func setupStream(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	if _, err := ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.CreateOrUpdateStream(ctx, c) }); err != nil {
		return fmt.Errorf("set up stream %s: %w", c.Name, hint(err))
	}
	return nil
}

// codeNotClustered is the server's code for replicas where there is one server.
const codeNotClustered jetstream.ErrorCode = 10074

// hint adds what to do, where the server's words don't say it.
func hint(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == codeNotClustered {
		return fmt.Errorf("%w; set STREAM_REPLICAS=1 for a single server", err)
	}
	return err
}

// SetupReconciler creates or updates one merchant's durable.
func SetupReconciler(ctx context.Context, js jetstream.JetStream, want jetstream.ConsumerConfig) error {
	return setupDurable(ctx, js, Callbacks, want)
}

// SetupSweeper creates or updates one merchant's durable in a tier of the sweep.
func SetupSweeper(ctx context.Context, js jetstream.JetStream, want SweepDurable) error {
	return setupDurable(ctx, js, want.Stream, want.Config)
}

func setupDurable(ctx context.Context, js jetstream.JetStream, stream string, want jetstream.ConsumerConfig) error {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	if _, err := ask(ctx, func(ctx context.Context) (jetstream.Consumer, error) {
		return js.CreateOrUpdateConsumer(ctx, stream, want)
	}); err != nil {
		return fmt.Errorf("set up consumer %s: %w", want.Durable, err)
	}
	return nil
}

// metadataRemoved marks the durable of a merchant that is not configured any
// more.
const metadataRemoved = "settlehook-removed"

// MarkRemoved marks the durables of merchants that configured does not know, so
// that workers park what is left of their callbacks. Only the set-up does this:
// a worker that does not know a merchant may just have an older file.
// [SetupReconciler] takes the mark off.
func MarkRemoved(ctx context.Context, js jetstream.JetStream, configured func(merchant string) bool) error {
	durables, err := Durables(ctx, js)
	if err != nil {
		return err
	}
	for _, c := range durables {
		if configured(c.merchant) || c.Removed() {
			continue
		}
		c.config.Metadata = map[string]string{metadataRemoved: "true"}
		if _, err := js.UpdateConsumer(ctx, Callbacks, c.config); err != nil {
			return fmt.Errorf("mark consumer %s as removed: %w", c.config.Durable, err)
		}
	}
	return nil
}

// MerchantDurable is a merchant's durable as it stands on the server.
type MerchantDurable struct {
	merchant string
	config   jetstream.ConsumerConfig
}

// Merchant is the id of the merchant.
func (d MerchantDurable) Merchant() string { return d.merchant }

// Removed reports whether the set-up found the merchant gone.
func (d MerchantDurable) Removed() bool { return d.config.Metadata[metadataRemoved] != "" }

// Verify refuses a durable that breaks a guarantee, as its opening does.
func (d MerchantDurable) Verify(want jetstream.ConsumerConfig) error {
	return verifyConsumer(Callbacks, want, d.config)
}

// Durables lists the merchants' durables.
func Durables(ctx context.Context, js jetstream.JetStream) ([]MerchantDurable, error) {
	s, err := js.Stream(ctx, Callbacks)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", Callbacks, err)
	}
	var found []MerchantDurable
	list := s.ListConsumers(ctx)
	for info := range list.Info() {
		if merchant, ours := strings.CutPrefix(info.Name, reconcilerPrefix); ours {
			found = append(found, MerchantDurable{merchant, info.Config})
		}
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("list the consumers of %s: %w", Callbacks, err)
	}
	return found, nil
}

// openDurable returns a merchant's durable. One that is missing, since the
// merchant came into the file after the set-up, is created; one that breaks a
// guarantee is refused.
func openDurable(ctx context.Context, js jetstream.JetStream, stream string, want jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	c, err := js.Consumer(ctx, stream, want.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		c, err = js.CreateConsumer(ctx, stream, want)
		if errors.Is(err, jetstream.ErrConsumerExists) {
			c, err = js.Consumer(ctx, stream, want.Durable) // another worker was first
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open consumer %s: %w", want.Durable, err)
	}
	return c, verifyConsumer(stream, want, c.CachedInfo().Config)
}

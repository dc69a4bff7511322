package app

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// Setup creates or updates the streams, and a durable for each merchant; the
// durables of merchants that are gone are marked.
func Setup(ctx context.Context, js jetstream.JetStream, t config.Topology, merchants *config.Merchants) error {
	if err := stream.Setup(ctx, js, t); err != nil {
		return err
	}
	for _, m := range merchants.All() {
		if err := stream.SetupReconciler(ctx, js, stream.Reconciler(m.ID, m.RatePerSecond(), t.AckWait)); err != nil {
			return err
		}
	}
	return stream.MarkRemoved(ctx, js, func(id string) bool {
		_, configured := merchants.Get(id)
		return configured
	})
}

package app

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/sweep"
)

// Setup creates or updates the streams, and the durables of each merchant; those
// of merchants that are gone are marked.
func Setup(ctx context.Context, js jetstream.JetStream, t config.Topology, s config.Sweep, merchants *config.Merchants) error {
	if err := stream.Setup(ctx, js, t); err != nil {
		return err
	}
	for _, m := range merchants.All() {
		if err := stream.SetupReconciler(ctx, js, stream.Reconciler(m.ID, m.RatePerSecond(), t.AckWait)); err != nil {
			return err
		}
		for _, tier := range sweep.Plan(s.Delays, s.LookBack) {
			if err := stream.SetupSweeper(ctx, js, stream.Sweeper(m.ID, tier, t.AckWait)); err != nil {
				return err
			}
		}
	}
	return stream.MarkRemoved(ctx, js, func(id string) bool {
		_, configured := merchants.Get(id)
		return configured
	})
}

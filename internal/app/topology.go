package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// verifyTimeout bounds one look at the streams, elections on a busy cluster
// included.
const verifyTimeout = 30 * time.Second

// leastVerifyTimeout bounds one that is to be over by the next.
const leastVerifyTimeout = 5 * time.Second

func verifyTopology(ctx context.Context, js jetstream.JetStream, t config.Topology) error {
	return verifyWithin(ctx, verifyTimeout, js, t)
}

func verifyWithin(ctx context.Context, timeout time.Duration, js jetstream.JetStream, t config.Topology) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return stream.Verify(ctx, js, t)
}

// watchTopology verifies the streams until ctx ends, and returns the error
// once they break a guarantee: a live update weakens a stream without a word.
// Streams that can't be read now say nothing.
func watchTopology(ctx context.Context, js jetstream.JetStream, t config.Topology, log *zap.Logger) error {
	tick := time.NewTicker(t.CheckInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := verifyWithin(ctx, min(max(t.CheckInterval, leastVerifyTimeout), verifyTimeout), js, t)
		var broken *stream.TopologyError
		switch {
		case errors.As(err, &broken):
			return fmt.Errorf("the streams changed and break a guarantee: %w", err)
		case err != nil && ctx.Err() == nil:
			log.Warn("streams could not be verified", zap.Error(err))
		}
	}
}

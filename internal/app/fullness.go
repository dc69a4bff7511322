package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/stream"
)

// watchFullness watches streams that refuse when they are full, and keeps
// CALLBACKS from it, in a worker that sweeps, until ctx ends.
func (w *Worker) watchFullness(ctx context.Context) error {
	purger := stream.NewPurger(w.link.js, w.cfg.Sweep.HighWater)
	tick := time.NewTicker(w.cfg.Topology.CheckInterval)
	defer tick.Stop()
	for {
		if err := w.lookForFull(ctx, purger); err != nil && ctx.Err() == nil {
			w.log.Warn("streams could not be looked at; trying again", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// lookForFull is one round.
func (w *Worker) lookForFull(ctx context.Context, purger *stream.Purger) error {
	purged, err := purger.Round(ctx)
	if err != nil {
		return err
	}
	w.metrics.purges.Add(float64(purged))
	if purged > 0 {
		w.log.Error("CALLBACKS ran full: callbacks that have ended in their place were purged, and support can't look them up any more; raise CALLBACKS_MAX_BYTES",
			zap.Uint64("purged", purged))
	}
	streams, err := stream.Fullness(ctx, w.link.js, w.cfg.Topology)
	if err != nil {
		return err
	}
	for name, full := range streams {
		w.metrics.fullness.WithLabelValues(name).Set(full)
		if full >= w.cfg.Sweep.HighWater {
			w.log.Error("a stream runs full, and will refuse; raise its size (docs/configuration.md) and run 'settlehook setup'",
				zap.String("stream", name), zap.Float64("full", full))
		}
	}
	return nil
}

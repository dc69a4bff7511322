package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/stream"
)

// watchFullness keeps CALLBACKS from running full, in a worker that sweeps, until
// ctx ends.
func (w *Worker) watchFullness(ctx context.Context) error {
	purger := stream.NewPurger(w.link.js, w.cfg.Sweep.HighWater)
	tick := time.NewTicker(w.cfg.Topology.CheckInterval)
	defer tick.Stop()
	for {
		w.purge(ctx, purger)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *Worker) purge(ctx context.Context, purger *stream.Purger) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Topology.CheckInterval)
	defer cancel()
	done, err := purger.Round(ctx)
	if err == nil {
		w.metrics.purged(done)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.log.Warn("CALLBACKS could not be looked at; trying again", zap.Error(err))
	case done.Messages > 0:
		w.log.Error("CALLBACKS ran full: callbacks that have ended in their place were purged, and support can't look them up any more; raise CALLBACKS_MAX_BYTES",
			zap.Uint64("purged", done.Messages), zap.Float64("full", done.Full))
	case done.Full >= w.cfg.Sweep.HighWater:
		w.log.Error("CALLBACKS runs full, and nothing in it may be purged: callbacks wait to be decided; see to the workers and the gateways, or raise CALLBACKS_MAX_BYTES",
			zap.Float64("full", done.Full))
	}
}

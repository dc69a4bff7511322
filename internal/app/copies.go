package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/sweep"
)

// copyMetrics say whether the cluster's copies follow.
type copyMetrics struct {
	lag     *prometheus.GaugeVec
	behind  *prometheus.GaugeVec
	unaware *prometheus.CounterVec
}

func newCopyMetrics(r *prometheus.Registry) *copyMetrics {
	m := &copyMetrics{
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "settlehook_stream_copy_lag", Help: "Operations by which a server's copy of a stream is behind the stream's leader.",
		}, []string{"stream", "server"}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "settlehook_stream_copy_stuck", Help: "1 while a server's copy of a stream does not follow the stream's leader.",
		}, []string{"stream", "server"}),
		unaware: counter("consumers_moved_total", "Consumers that did not know of messages for them and were moved to another server.", "stream"),
	}
	for _, name := range []string{stream.Callbacks, stream.Orders, stream.Payments} {
		m.unaware.WithLabelValues(name) // there from the start: a first move is a rise
	}
	r.MustRegister(m.lag, m.behind, m.unaware)
	return m
}

// show replaces what was shown before: leaders change, and so does who follows.
func (m *copyMetrics) show(copies []stream.Copy) {
	m.lag.Reset()
	m.behind.Reset()
	for _, c := range copies {
		m.lag.WithLabelValues(c.Stream, c.Server).Set(float64(c.Lag))
		behind := 0.0
		if c.Behind {
			behind = 1
		}
		m.behind.WithLabelValues(c.Stream, c.Server).Set(behind)
	}
}

// watchCopies looks whether the cluster's copies follow, until ctx ends, and has
// this worker's consumers moved away from those that do not.
func (w *Worker) watchCopies(ctx context.Context) error {
	watch, metrics := stream.NewCopyWatch(w.link.js), newCopyMetrics(w.admin.registry)
	tick := time.NewTicker(w.cfg.Topology.CheckInterval)
	defer tick.Stop()
	for {
		copies, unaware, err := watch.Round(ctx, w.durables())
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			w.log.Warn("not all copies of the streams could be looked at; trying again", zap.Error(err))
		}
		metrics.show(copies)
		w.sayCopies(copies)
		for _, u := range unaware {
			if u.MoveErr == nil {
				metrics.unaware.WithLabelValues(u.Stream).Inc()
			}
			w.sayUnaware(u)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *Worker) sayCopies(copies []stream.Copy) {
	for _, c := range copies {
		if c.Behind {
			w.log.Error("a copy of a stream does not follow its leader; if it stays so, restart that nats-server",
				zap.String("stream", c.Stream), zap.String("server", c.Server), zap.Uint64("lag", c.Lag),
				zap.Duration("silent", c.Silent), zap.Bool("offline", c.Offline))
		}
	}
}

func (w *Worker) sayUnaware(u stream.Unaware) {
	fields := []zap.Field{
		zap.String("stream", u.Stream), zap.String("consumer", u.Consumer), zap.String("server", u.Leader), zap.Uint64("sequence", u.Sequence),
	}
	if u.MoveErr != nil {
		w.log.Error("a consumer does not know of a message that waits for it, and could not be moved to another server; trying again, or run: nats consumer cluster step-down "+
			u.Stream+" "+u.Consumer, append(fields, zap.Error(u.MoveErr))...)
		return
	}
	w.log.Error("a consumer did not know of a message that waits for it, and was moved to another server; if it happens again, restart this nats-server", fields...)
}

// durables are those that this worker watches: what it pulls from, and the
// merchants' durables in any case. Where workers for callbacks are scaled by what
// such a durable says is waiting, there is none to see that it says nothing.
func (w *Worker) durables() []stream.Durable {
	var all []stream.Durable
	roles, plan := w.cfg.Reconcile.Roles, sweep.Plan(w.cfg.Sweep.Delays, w.cfg.Sweep.LookBack)
	for _, m := range w.merchants.Current().All() {
		all = append(all, stream.Durable{Stream: stream.Callbacks, Name: stream.ReconcilerName(m.ID)})
		if !roles.Has(config.RoleSweep) {
			continue
		}
		for _, tier := range plan {
			d := stream.Sweeper(m.ID, tier, w.cfg.Topology.AckWait)
			all = append(all, stream.Durable{Stream: d.Stream, Name: d.Config.Durable})
		}
	}
	return all
}

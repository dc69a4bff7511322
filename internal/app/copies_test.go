package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// TestCopyMetrics: what does not follow any more is shown, and what led before
// is not.
func TestCopyMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := newCopyMetrics(registry)
	m.show([]stream.Copy{{Stream: stream.Callbacks, Server: "nats-0", Lag: 3}, {Stream: stream.Callbacks, Server: "nats-1"}})
	m.show([]stream.Copy{{Stream: stream.Callbacks, Server: "nats-1"}, {Stream: stream.Callbacks, Server: "nats-2", Lag: 70, Behind: true}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, series := range f.GetMetric() {
			if series.GetGauge() == nil {
				continue // what is counted of the consumers
			}
			name := f.GetName()
			for _, label := range series.GetLabel() {
				name += " " + label.GetValue()
			}
			got[name] = series.GetGauge().GetValue()
		}
	}
	want := map[string]float64{
		"settlehook_stream_copy_lag nats-1 CALLBACKS": 0, "settlehook_stream_copy_lag nats-2 CALLBACKS": 70,
		"settlehook_stream_copy_stuck nats-1 CALLBACKS": 0, "settlehook_stream_copy_stuck nats-2 CALLBACKS": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

// TestDurablesWatched: those that the worker's roles pull from, and by sweepers the
// merchants' too, for when nobody else runs.
func TestDurablesWatched(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	for roles, want := range map[config.Role][]stream.Durable{
		config.RoleCallbacks: {{Stream: stream.Callbacks, Name: "reconciler-m1"}},
		config.RoleSweep:     {{Stream: stream.Callbacks, Name: "reconciler-m1"}, {Stream: stream.Orders, Name: "sweep-1-m1"}, {Stream: stream.Payments, Name: "lookback-m1"}},
	} {
		cfg := s.worker()
		cfg.Reconcile.Roles = config.Roles{roles}
		cfg.Sweep.Delays, cfg.Sweep.LookBack = []time.Duration{time.Hour}, time.Hour
		w, err := NewWorker(t.Context(), cfg, s.options())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, w.durables()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", roles, diff)
		}
		running := s.run(w.Run)
		running.stop()
		if err := running.wait(t); err != nil {
			t.Error(err)
		}
	}
}

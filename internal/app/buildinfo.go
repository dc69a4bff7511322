package app

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// registerBuild shows which build runs: programs of two versions side by side
// are a rollout that has not ended.
func registerBuild(r *prometheus.Registry, program string) {
	version := "unknown"
	if build, ok := debug.ReadBuildInfo(); ok && build.Main.Version != "" {
		version = build.Main.Version
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "settlehook_build_info", Help: "Always 1; the labels say which build of which program runs.",
		ConstLabels: prometheus.Labels{"program": program, "version": version},
	})
	info.Set(1)
	_ = r.Register(info) // a test may make the same program twice on one listener
}

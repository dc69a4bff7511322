//go:build soak

package soak

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q must be a number", name, text)
	}
	return n
}

// settings are SOAK_CALLBACKS, SOAK_DURATION, SOAK_KILLS and SOAK_SEED. About
// half of what goes wrong are kills.
func settings(t *testing.T, callbacks, kills int) size {
	t.Helper()
	s := size{callbacks: setting(t, "SOAK_CALLBACKS", callbacks), kills: setting(t, "SOAK_KILLS", kills)}
	s.seed = uint64(setting(t, "SOAK_SEED", int(time.Now().Unix())))
	s.acts = 2 * s.kills
	if text := os.Getenv("SOAK_DURATION"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("SOAK_DURATION: %v", err)
		}
		s.duration = d
	}
	t.Logf("%+v", s)
	return s
}

// report logs a run and writes it into the table of the file that SOAK_REPORT
// names.
func (r *report) publish(t *testing.T) {
	t.Helper()
	r.log(t)
	if t.Failed() {
		return // there is something to mend first
	}
	if err := r.write(os.Getenv("SOAK_REPORT")); err != nil {
		t.Error(err)
	}
}

// TestSeededCluster is TestCluster by SOAK_SEED, with either kind of Redis and
// more that goes wrong.
func TestSeededCluster(t *testing.T) {
	for name, sentinel := range map[string]bool{"redis sentinel": true, "redis cluster": false} {
		t.Run(name, func(t *testing.T) {
			s := size{duration: 15 * time.Second, acts: 12, kills: 6, rate: 50, seed: uint64(setting(t, "SOAK_SEED", int(time.Now().Unix())))}
			t.Logf("seed %d", s.seed)
			clusterRun(t, name, clusterPlan(t, sentinel), s)
		})
	}
}

// TestSoak is the long run on single servers.
func TestSoak(t *testing.T) {
	// A million callbacks need more room than the defaults reserve.
	room := []string{"CALLBACKS_MAX_BYTES=4GiB", "PAYMENTS_MAX_BYTES=4GiB", "ORDERS_MAX_BYTES=2GiB"}
	load(t, "single servers", settings(t, 1_000_000, 200), plan{workers: 2, env: room}, true).publish(t)
}

// TestSoakCluster is the long run on a cluster of NATS and Redis behind
// Sentinel. A tenth of the callbacks and a quarter of the kills are as hard on
// it.
func TestSoakCluster(t *testing.T) {
	s := settings(t, 1_000_000, 200)
	s.callbacks, s.kills = s.callbacks/10, s.kills/4
	s.acts, s.rate = 2*s.kills, 150
	load(t, "cluster of three, Redis Sentinel", s, clusterPlan(t, true), true).publish(t)
}

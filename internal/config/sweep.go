package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Sweep is how the worker finds what no callback told (WORKER_ROLES with
// sweep): orders whose pushes were all lost, and silent reversals.
type Sweep struct {
	// When an order without an outcome is asked about, after its registration:
	// growing delays separated by commas, at most nine. After the last one a
	// collection that is still open expires, and a payout goes to review.
	Delays Durations `env:"SWEEP_DELAYS" envDefault:"45m,2h,6h,24h,72h"`
	// When an order is asked about again after its event: a gateway may reverse
	// a settled order, or take a failed one for paid after all, without a push.
	LookBack time.Duration `env:"SWEEP_LOOK_BACK" envDefault:"24h"`
	// Most of a merchant's query rate that the sweep takes, all workers
	// together. Live callbacks go first whatever this is.
	Share float64 `env:"SWEEP_SHARE" envDefault:"0.2"`
	// How full CALLBACKS may get before what has ended is purged from it, as a
	// share of CALLBACKS_MAX_BYTES. It is evidence for support, kept for
	// CALLBACKS_MAX_AGE otherwise: raise CALLBACKS_MAX_BYTES when this happens.
	HighWater float64 `env:"CALLBACKS_HIGH_WATER" envDefault:"0.8"`
}

// Faster is the sweep of an installation whose gateway's time passes times
// faster, as a sandbox's does.
func (s Sweep) Faster(times float64) Sweep {
	delays := make(Durations, len(s.Delays))
	for i, d := range s.Delays {
		delays[i] = time.Duration(float64(d) / times)
	}
	s.Delays, s.LookBack = delays, time.Duration(float64(s.LookBack)/times)
	return s
}

// mostSweepDelays bounds the consumers of one merchant.
const mostSweepDelays = 9

func (s *Sweep) check(fs *faults) {
	if n := len(s.Delays); n < 1 || n > mostSweepDelays {
		fs.add(named("SWEEP_DELAYS", s.Delays.String()), "must be one to %d delays separated by commas", mostSweepDelays)
	}
	last := time.Duration(0)
	for _, d := range s.Delays {
		if d <= last {
			fs.add(named("SWEEP_DELAYS", s.Delays.String()), "must be above zero and grow from each delay to the next")
			break
		}
		last = d
	}
	positive(fs, "SWEEP_LOOK_BACK", s.LookBack)
	share(fs, "SWEEP_SHARE", s.Share)
	share(fs, "CALLBACKS_HIGH_WATER", s.HighWater)
}

func share(fs *faults, name string, v float64) {
	if math.IsNaN(v) || v <= 0 || v > 1 {
		fs.add(named(name, strconv.FormatFloat(v, 'g', -1, 64)), "must be above 0 and at most 1")
	}
}

// Durations is a list of durations separated by commas.
type Durations []time.Duration

// UnmarshalText reads the list.
func (d *Durations) UnmarshalText(text []byte) error {
	var list Durations
	for part := range strings.SplitSeq(string(text), ",") {
		one, err := ParseDuration(strings.TrimSpace(part))
		if err != nil {
			return errors.New(`is not a list of durations; write it like "45m,2h,6h"`)
		}
		list = append(list, one)
	}
	*d = list
	return nil
}

// String writes the list as it is read.
func (d Durations) String() string {
	parts := make([]string, len(d))
	for i, one := range d {
		parts[i] = formatDuration(one)
	}
	return strings.Join(parts, ",")
}

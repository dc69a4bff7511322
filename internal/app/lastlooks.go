package app

import (
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// lastLooks remembers, of one merchant's callbacks that wait to be looked at
// again, when this worker last found that the order API did not agree, and when
// the API came back from its last outage. From then on a decision is late by
// our own doing.
type lastLooks struct {
	mu   sync.Mutex
	back time.Time
	at   map[uint64]time.Time // by sequence in CALLBACKS
}

// mostLooks bounds what is remembered. Beyond it all is forgotten, which leaves
// some decisions out of the measurement.
const mostLooks = 100_000

func newLastLooks() *lastLooks { return &lastLooks{at: map[uint64]time.Time{}} }

// reopened says that the order API answers again.
func (l *lastLooks) reopened(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = now
}

// delay takes note of a delivery's result, and returns by how much the decision
// came after the order API could first have agreed, if this delivery decided.
// Not known is it of a callback whose last look was another worker's.
func (l *lastLooks) delay(d reconcile.Delivery, res reconcile.Result, now time.Time) (delay time.Duration, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, looked := l.at[d.StreamSequence]
	if res.Disposition == reconcile.Redeliver {
		if disagreed(res) {
			if len(l.at) >= mostLooks {
				clear(l.at)
			}
			l.at[d.StreamSequence] = now
		}
		return 0, false
	}
	delete(l.at, d.StreamSequence)
	if res.Disposition != reconcile.Acknowledge || res.Decision.Verdict == 0 {
		return 0, false // parked, or a repetition of what was done
	}
	if !looked && res.Attempts > 0 {
		return 0, false
	}
	since := d.ReceivedAt
	for _, later := range []time.Time{last, l.back} {
		if later.After(since) {
			since = later
		}
	}
	return max(now.Sub(since), 0), true
}

// disagreed: the order API was asked, and did not answer or not agree.
func disagreed(res reconcile.Result) bool {
	return res.Decision.Verdict == reconcile.Retry || res.Err != nil && res.Cause == "unavailable" && !reconcile.NotAsked(res.Err)
}

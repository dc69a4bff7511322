package app

import (
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// A decision is late from when the order API could first have agreed on.
func TestDecisionDelay(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	delivery := reconcile.Delivery{StreamSequence: 7, ReceivedAt: start}
	decided := reconcile.Result{Disposition: reconcile.Acknowledge, Decision: reconcile.Decision{Verdict: reconcile.Emit}}
	afterLooks := decided
	afterLooks.Attempts = 2
	undecided := reconcile.Result{Disposition: reconcile.Redeliver, Cause: "undecided", Decision: reconcile.Decision{Verdict: reconcile.Retry}}
	silent := reconcile.Result{Disposition: reconcile.Redeliver, Cause: "unavailable", Err: &reconcile.Unavailable{Cause: "transport"}}
	waits := reconcile.Result{Disposition: reconcile.Redeliver, Cause: "unavailable", Err: &reconcile.Unavailable{Cause: "rate", NotAsked: true}}
	type step struct {
		at   int
		res  reconcile.Result
		back bool
	}
	for name, tt := range map[string]struct {
		steps []step
		want  time.Duration
		known bool
	}{
		"at its first look":                   {[]step{{at: 5, res: decided}}, 5 * time.Second, true},
		"after looks that did not agree":      {[]step{{at: 5, res: undecided}, {at: 50, res: undecided}, {at: 58, res: afterLooks}}, 8 * time.Second, true},
		"after a question without answer":     {[]step{{at: 30, res: silent}, {at: 70, res: decided}}, 40 * time.Second, true},
		"waiting for the rate is ours":        {[]step{{at: 30, res: waits}, {at: 70, res: decided}}, 70 * time.Second, true},
		"after an outage":                     {[]step{{at: 600, back: true}, {at: 610, res: decided}}, 10 * time.Second, true},
		"looked at by another worker":         {[]step{{at: 70, res: afterLooks}}, 0, false},
		"a repetition":                        {[]step{{at: 5, res: reconcile.Result{Disposition: reconcile.Acknowledge, Cause: "done"}}}, 0, false},
		"parked":                              {[]step{{at: 5, res: reconcile.Result{Disposition: reconcile.Park}}}, 0, false},
		"received by a clock that is ahead":   {[]step{{at: -3, res: decided}}, 0, true},
		"an outage that ended before it came": {[]step{{at: -60, back: true}, {at: 4, res: decided}}, 4 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLastLooks()
			var delay time.Duration
			var known bool
			for _, s := range tt.steps {
				if s.back {
					l.reopened(at(s.at))
					continue
				}
				delay, known = l.delay(delivery, s.res, at(s.at))
			}
			if delay != tt.want || known != tt.known {
				t.Errorf("got %s, %t; want %s, %t", delay, known, tt.want, tt.known)
			}
			if _, kept := l.at[delivery.StreamSequence]; kept {
				t.Error("what is over is remembered")
			}
		})
	}
}

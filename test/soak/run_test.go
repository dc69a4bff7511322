package soak

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
)

// size says how long a run is: until all of it is reached.
type size struct {
	callbacks int // pushes answered success
	kills     int
	duration  time.Duration
	acts      int     // things that go wrong, kills included
	rate      float64 // orders per second; 0: as fast as it goes
	seed      uint64
}

// load runs the load gateway's orders through an installation while things go
// wrong, and judges.
func load(t *testing.T, name string, s size, p plan, lateRepeats bool) *report {
	t.Helper()
	addr := testserver.FreeAddr(t)
	g := newLoadGateway(t, s.seed, addr)
	g.lateRepeats = lateRepeats
	p.merchants, p.gateways = g.merchantsFile(), map[string]string{"load": addr}
	r := newRig(t, p)
	g.notify = "http://" + r.http

	begun := time.Now()
	ctx, stop := context.WithCancel(context.Background())
	var making sync.WaitGroup
	making.Go(func() { g.make(ctx, r.book, s.rate) })
	defer making.Wait() // before what it makes is closed
	defer stop()

	c := newChaos(r, s.seed, g.misbehave()...)
	progress := func() float64 {
		done := 1.0
		if s.callbacks > 0 {
			done = min(done, float64(g.taken.Load())/float64(s.callbacks))
		}
		if s.duration > 0 {
			done = min(done, float64(time.Since(begun))/float64(s.duration))
		}
		return done
	}
	c.perform(s.acts, progress)
	for c.kills < s.kills {
		c.one()
		r.healthy()
	}
	r.waitFor("the load goes on", func(was float64) (float64, bool) {
		now := progress()
		return now, now > was
	}, func() bool { return progress() >= 1 })

	stop()
	making.Wait()
	g.service.end()
	loaded := time.Since(begun)
	g.draining.Store(true)
	r.await("the gateway has finished", func() bool { return g.pending.Load() == 0 })
	a := r.judge(g.accounts)
	return newReport(name, s, g, c, a, loaded, time.Since(begun))
}

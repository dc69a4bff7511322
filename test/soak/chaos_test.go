package soak

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
)

// act is one thing that goes wrong for a while.
type act struct {
	name   string
	weight int
	target string // two acts at once have different targets
	late   bool   // ends after the others: programs start once the servers are back
	most   time.Duration
	begin  func()
	end    func()
}

// chaos makes things go wrong, by a seed. It works on the test's goroutine.
type chaos struct {
	r      *rig
	random *rand.Rand
	acts   []act
	done   map[string]int // by act
	kills  int
	stops  int
	all    int
}

func newChaos(r *rig, seed uint64, gateways ...act) *chaos {
	c := &chaos{r: r, random: rand.New(rand.NewPCG(seed, 2)), done: map[string]int{}, acts: gateways}
	c.process("receiver", 4, true, r.receiver)
	for i, w := range r.workers {
		c.process(fmt.Sprintf("worker %d", i), 3, true, w)
	}
	if r.proxy == nil {
		c.cluster()
	} else {
		c.process("nats-server", 4, false, r.nats[0])
	}
	for i, p := range r.redis {
		name := "redis-server"
		if len(r.redis) > 1 {
			name += fmt.Sprintf(" %d", i)
		}
		c.process(name, 3, false, p)
	}
	if len(r.redis) == 1 {
		c.acts = append(c.acts, act{name: "flush redis", weight: 3, target: "redis-server", begin: c.flush, end: func() {}})
	}
	for _, w := range r.ways {
		c.network(w)
	}
	return c
}

// process adds killing and stopping a process.
func (c *chaos) process(name string, weight int, late bool, p *testserver.Process) {
	c.acts = append(c.acts,
		act{
			name: "kill " + name, weight: 2 * weight, target: name, late: late, most: 1500 * time.Millisecond,
			begin: func() { c.kills++; p.Kill() }, end: p.Start,
		},
		act{
			name: "stop " + name, weight: weight, target: name, most: 6 * time.Second,
			begin: func() { c.stops++; p.Pause() }, end: p.Continue,
		})
}

func (c *chaos) flush() {
	// A Redis that does not answer has nothing to forget.
	_ = c.r.flush.FlushAll(c.r.t.Context()).Err()
}

// network adds what a proxy does to connections.
func (c *chaos) network(w *testserver.Way) {
	spoil := func(name string, x func() testserver.Toxic) act {
		return act{
			name: name + " " + w.Name, weight: 1, target: w.Name, most: 4 * time.Second,
			begin: func() { w.Spoil(x()) }, end: w.Heal,
		}
	}
	fixed := func(kind string, attributes map[string]int) func() testserver.Toxic {
		return func() testserver.Toxic { return testserver.Toxic{Type: kind, Attributes: attributes} }
	}
	c.acts = append(c.acts,
		act{name: "cut " + w.Name, weight: 1, target: w.Name, most: 3 * time.Second, begin: w.Cut, end: w.Heal},
		spoil("delay", func() testserver.Toxic {
			ms := 20 + c.random.IntN(1000)
			return testserver.Toxic{Type: "latency", Attributes: map[string]int{"latency": ms, "jitter": ms / 2}}
		}),
		spoil("throttle", fixed("bandwidth", map[string]int{"rate": 20})),
		spoil("reset", fixed("reset_peer", map[string]int{"timeout": 100})),
		spoil("swallow", fixed("timeout", map[string]int{"timeout": 0})),
		spoil("slice", fixed("slicer", map[string]int{"average_size": 64, "size_variation": 32, "delay": 200})),
	)
}

// misbehave are the ways in which the load gateway's query does.
func (g *loadGateway) misbehave() []act {
	var acts []act
	for mode := modeTruth + 1; mode < modes; mode++ {
		acts = append(acts, act{
			name: "query " + modeName(mode), weight: 1, target: "load gateway", most: 5 * time.Second,
			begin: func() { g.mode.Store(mode) }, end: func() { g.mode.Store(modeTruth) },
		})
	}
	return acts
}

// cluster adds killing the leaders of streams, and replacing server by server.
func (c *chaos) cluster() {
	for _, name := range []string{"CALLBACKS", "PAYMENTS"} {
		var leader *testserver.Process
		find := func() { leader = c.r.leader(name) }
		c.acts = append(c.acts,
			act{
				name: "kill the leader of " + name, weight: 16, target: "nats", most: 3 * time.Second,
				begin: func() { find(); c.kills++; leader.Kill() }, end: func() { leader.Start() },
			},
			act{
				name: "stop the leader of " + name, weight: 4, target: "nats", most: 6 * time.Second,
				begin: func() { find(); c.stops++; leader.Pause() }, end: func() { leader.Continue() },
			})
	}
	c.acts = append(c.acts, act{name: "rolling restart", weight: 2, target: "nats", begin: func() {
		for _, p := range c.r.nats {
			p.End(syscall.SIGTERM)
			p.Start()
			c.r.await("the server that was replaced has caught up", c.r.current)
		}
	}, end: func() {}})
}

// perform does n acts, each when it is due by the progress of the run, from 0 to
// 1, and returns once the run is over.
func (c *chaos) perform(n int, progress func() float64) {
	c.r.t.Helper()
	for c.all = 0; c.all < n; {
		c.r.waitFor("the load goes on", func(was float64) (float64, bool) {
			now := progress()
			return now, now > was || now >= 1
		}, func() bool { return progress() >= float64(c.all)/float64(n) })
		c.one()
		c.r.healthy()
	}
}

// one does an act, or two at once.
func (c *chaos) one() {
	acts := []act{c.pick("")}
	if c.random.IntN(4) == 0 {
		if also := c.pick(acts[0].target); also.target != acts[0].target {
			acts = append(acts, also)
		}
	}
	most := time.Duration(0)
	var names []string
	for _, a := range acts {
		names = append(names, a.name)
		c.done[a.name]++
		c.all++
		most = max(most, a.most)
	}
	c.r.t.Logf("%s: %s", time.Now().Format("15:04:05.000"), strings.Join(names, ", and "))
	for _, a := range acts {
		a.begin()
	}
	if most > 0 {
		<-time.After(time.Duration(c.random.Int64N(int64(most))))
	}
	slices.SortStableFunc(acts, func(a, b act) int { return rank(a) - rank(b) })
	for _, a := range acts {
		a.end()
	}
}

func rank(a act) int {
	if a.late {
		return 1
	}
	return 0
}

// pick draws an act by its weight, but for those on a target.
func (c *chaos) pick(target string) act {
	total := 0
	for _, a := range c.acts {
		if a.target != target {
			total += a.weight
		}
	}
	n := c.random.IntN(total)
	for _, a := range c.acts {
		if a.target == target {
			continue
		}
		if n -= a.weight; n < 0 {
			return a
		}
	}
	panic("no act was drawn")
}

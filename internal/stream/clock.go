package stream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ServerClock is the clock of the NATS servers. They say when an order was
// registered, so they have to say when its turn has come: by a worker's own
// clock, days ahead, a fresh order would be expired.
type ServerClock struct {
	js    jetstream.JetStream
	local func() time.Time

	mu     sync.Mutex
	server time.Time // at the last measurement
	here   time.Time // the local clock then, with its monotonic reading
}

// NewServerClock measures the servers' clock once, and fails if that fails.
func NewServerClock(ctx context.Context, js jetstream.JetStream, local func() time.Time) (*ServerClock, error) {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	c := &ServerClock{js: js, local: local}
	_, err := ask(ctx, c.Measure)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Skew is by how much the local clock is ahead of the servers', give or take.
type Skew struct{ Ahead, GiveOrTake time.Duration }

// Beyond reports whether the clocks differ by more than d for certain.
func (s Skew) Beyond(d time.Duration) bool { return s.Ahead.Abs()-s.GiveOrTake > d }

// Measure asks a server for its time. The way there and back makes that uncertain
// by half as long.
func (c *ServerClock) Measure(ctx context.Context) (Skew, error) {
	before := c.local()
	s, err := c.js.Stream(ctx, Callbacks)
	if err != nil {
		return Skew{}, fmt.Errorf("ask the server for its time: %w", err)
	}
	way := c.local().Sub(before) / 2
	here, server := before.Add(way), s.CachedInfo().TimeStamp
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, c.here = server, here
	return Skew{Ahead: here.Sub(server), GiveOrTake: way}, nil
}

// Now is the servers' time. Between measurements it goes on as the local clock
// does, however that is set meanwhile.
func (c *ServerClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server.Add(c.local().Sub(c.here))
}

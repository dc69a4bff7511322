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
	c := &ServerClock{js: js, local: local}
	if _, err := c.Measure(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Measure asks a server for its time, and returns by how much the local clock is
// ahead of it; the way there and back makes that uncertain by half as long.
func (c *ServerClock) Measure(ctx context.Context) (ahead time.Duration, err error) {
	before := c.local()
	s, err := c.js.Stream(ctx, Callbacks)
	if err != nil {
		return 0, fmt.Errorf("ask the server for its time: %w", err)
	}
	after := c.local()
	here := before.Add(after.Sub(before) / 2)
	server := s.CachedInfo().TimeStamp
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, c.here = server, here
	return here.Sub(server), nil
}

// Now is the servers' time. Between measurements it goes on as the local clock
// does, however that is set meanwhile.
func (c *ServerClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server.Add(c.local().Sub(c.here))
}

package stream

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/testserver"
)

// cluster is three servers with the permissions of deploy/nats, and the streams on
// all of them.
type cluster struct {
	t       testing.TB
	ctx     context.Context
	servers testserver.NATSServers
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	c := &cluster{t: t, ctx: ctx, servers: testserver.NATSCluster(t)}
	topology := topology()
	topology.Replicas = 3
	setup := c.as("setup")
	c.again("set up", func() error { return Setup(ctx, setup, topology) }) // a new cluster has no leader for a moment
	return c
}

// as connects with the permissions of a role.
func (c *cluster) as(role string) jetstream.JetStream {
	c.t.Helper()
	_, js := dial(c.t, c.servers.URL(role), nats.CustomInboxPrefix(testserver.InboxPrefix(role)))
	return js
}

// again tries until it succeeds.
func (c *cluster) again(what string, try func() error) {
	c.t.Helper()
	for err := try(); err != nil; err = try() {
		if pause(c.ctx, askPause); c.ctx.Err() != nil {
			c.t.Fatalf("%s: %v", what, err)
		}
	}
}

// TestTwinsAreBothStored: a gateway that pushes the same twice at once is told
// twice that it is stored. A cluster refuses the second while it stores the first.
func TestTwinsAreBothStored(t *testing.T) {
	c := newCluster(t)
	logs := []*CallbackLog{NewCallbackLog(c.as("receiver")), NewCallbackLog(c.as("receiver")), NewCallbackLog(c.as("receiver"))}
	for i := range 50 {
		a := accepted(t, "m1", fmt.Sprintf("A%d", i))
		var pushes sync.WaitGroup
		fresh := make(chan Receipt, len(logs))
		for _, log := range logs {
			pushes.Go(func() {
				r, err := log.Store(c.ctx, a)
				if err != nil {
					t.Errorf("order %s: %v", a.Callback.OrderID, err)
				}
				if !r.Duplicate {
					fresh <- r
				}
			})
		}
		pushes.Wait()
		if len(fresh) != 1 {
			t.Errorf("order %s is stored %d times", a.Callback.OrderID, len(fresh))
		}
	}
}

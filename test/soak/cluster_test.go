package soak

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
)

// leader is the server that leads a stream, once there is one.
func (r *rig) leader(name string) (leader *testserver.Process) {
	r.t.Helper()
	r.await("a leader of "+name, func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Second)
		defer cancel()
		s, err := r.js.Stream(ctx, name)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		leader = r.nats.Named(s.CachedInfo().Cluster.Leader)
		return leader != nil
	})
	return leader
}

// current: every stream has a leader and its other copies have about caught up.
// Under load a copy is never quite as far as its leader.
func (r *rig) current() bool { return r.copied(1000) }

// proven restarts every server, and waits until all copies of all streams are
// the same by what each server says itself: a copy that can't be read shows when
// its server starts again, and one that does not follow shows here, while the
// cluster calls it current.
func (r *rig) proven() {
	r.t.Helper()
	r.await("all copies are the same", r.same, r.backlog)
	for i, p := range r.nats {
		p.End(syscall.SIGTERM)
		p.Start()
		r.await(fmt.Sprintf("all copies are the same after nats-%d started again", i), r.same, r.backlog, p.Output)
	}
}

var streams = stream.Names()

// copied: no copy of a stream lags by more than that, in operations.
func (r *rig) copied(lag uint64) bool {
	for _, name := range streams {
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Second)
		s, err := r.js.Stream(ctx, name)
		cancel()
		if err != nil || s.CachedInfo().Cluster == nil || s.CachedInfo().Cluster.Leader == "" {
			return false
		}
		for _, peer := range s.CachedInfo().Cluster.Replicas {
			if peer.Offline || peer.Active > 5*time.Second || peer.Lag > lag {
				return false
			}
		}
	}
	return true
}

package soak

import (
	"context"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

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

// stuckAfter is how long a copy may be without a word from its leader before
// its server is restarted, as an operator would whom the alarm calls.
const stuckAfter = 30 * time.Second

// level waits until all copies of all streams have what their leaders have. A
// consumer knows of no more than what its server's copy has: one that is stuck
// delivers nothing, and says that nothing is pending. It returns the servers
// that had to be restarted for it.
func (r *rig) level() (restarted []string) {
	r.t.Helper()
	since := time.Now()
	r.await("all copies are level", func() bool {
		if r.copied(0) {
			return true
		}
		if time.Since(since) < stuckAfter {
			return false
		}
		for name, peer := range r.stuck() {
			r.t.Logf("the copy of %s on %s is stuck: %+v\n%s", name, peer.Name, peer, r.nats.Named(peer.Name).Output())
			restarted = append(restarted, name+" on "+peer.Name)
			r.nats.Named(peer.Name).End(syscall.SIGTERM)
			r.nats.Named(peer.Name).Start()
			break
		}
		since = time.Now()
		return false
	}, r.backlog)
	return restarted
}

// stuck are copies that are behind and do not hear from their leader although
// their server is there, one for each stream.
func (r *rig) stuck() map[string]*jetstream.PeerInfo {
	all := map[string]*jetstream.PeerInfo{}
	for _, name := range streams {
		s, err := r.js.Stream(r.t.Context(), name)
		if err != nil || s.CachedInfo().Cluster == nil {
			continue
		}
		for _, peer := range s.CachedInfo().Cluster.Replicas {
			if !peer.Offline && peer.Active > stuckAfter/2 && peer.Lag > 0 {
				all[name] = peer
			}
		}
	}
	return all
}

var streams = []string{stream.Callbacks, stream.Payments, stream.Orders, stream.Trail, stream.Parked, stream.Quarantine}

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

package stream

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/sweep"
)

// Purger keeps CALLBACKS from refusing callbacks because of those that have
// ended in their place.
type Purger struct {
	js        jetstream.JetStream
	highWater float64 // of the stream's size, 0 to 1
	settled   uint64  // the stream's last sequence, one round ago
}

// NewPurger returns a purger that acts above highWater, a share of the stream's
// size.
func NewPurger(js jetstream.JetStream, highWater float64) *Purger {
	return &Purger{js: js, highWater: highWater}
}

// Round looks once, purges where it is needed, and returns how many callbacks it
// removed. It acts in the second round at the earliest: see [sweep.Floor].
func (p *Purger) Round(ctx context.Context) (removed uint64, err error) {
	s, err := p.js.Stream(ctx, Callbacks)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", Callbacks, err)
	}
	info := s.CachedInfo()
	settled := p.settled
	p.settled = info.State.LastSeq
	bound := float64(info.Config.MaxBytes) * p.highWater
	if settled == 0 || bound <= 0 || float64(info.State.Bytes) < bound {
		return 0, nil
	}
	if !level(info.Cluster) {
		return 0, errBehind
	}
	floor, err := p.floor(ctx, s, settled)
	if err != nil || floor < info.State.FirstSeq {
		return 0, err
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(floor+1)); err != nil {
		return 0, fmt.Errorf("purge stream %s: %w", Callbacks, err)
	}
	after, err := s.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", Callbacks, err)
	}
	return after.State.FirstSeq - info.State.FirstSeq, nil
}

// errBehind: a consumer whose server's copy of the stream is behind says that it
// has nothing to do, whatever waits for it (seen on nats-server 2.15.2, where a
// copy stayed behind after its leader was killed).
var errBehind = fmt.Errorf("%s runs full, and a copy of it is behind its leader: nothing is purged until all are current; see 'nats stream info %[1]s', and restart the server of the one that stays behind", Callbacks)

// level reports whether every copy of a stream is current.
func level(c *jetstream.ClusterInfo) bool {
	if c == nil {
		return true
	}
	for _, peer := range c.Replicas {
		if peer.Offline || !peer.Current {
			return false
		}
	}
	return true
}

func (p *Purger) floor(ctx context.Context, s jetstream.Stream, settled uint64) (uint64, error) {
	waiting, err := merchantsIn(ctx, s)
	if err != nil {
		return 0, err
	}
	var durables []sweep.Progress
	list := s.ListConsumers(ctx)
	for info := range list.Info() {
		if merchant, ours := strings.CutPrefix(info.Name, reconcilerPrefix); ours {
			delete(waiting, merchant)
			idle := info.NumPending == 0 && info.NumAckPending == 0
			if idle {
				once, cancel := context.WithTimeout(ctx, lookPatience)
				missed, err := unaware(once, s, info)
				cancel()
				if err != nil {
					return 0, err
				}
				idle = missed == 0
			}
			durables = append(durables, sweep.Progress{AckFloor: info.AckFloor.Stream, Idle: idle})
		}
	}
	if err := list.Err(); err != nil {
		return 0, fmt.Errorf("list the consumers of %s: %w", Callbacks, err)
	}
	if len(waiting) > 0 {
		return 0, nil // nobody has begun with some merchant's callbacks
	}
	return sweep.Floor(settled, durables), nil
}

// merchantsIn are the merchants that have callbacks in the stream, by its leader.
func merchantsIn(ctx context.Context, s jetstream.Stream) (map[string]bool, error) {
	info, err := s.Info(ctx, jetstream.WithSubjectFilter("callbacks.v1.>"))
	if err != nil {
		return nil, fmt.Errorf("list the subjects of %s: %w", Callbacks, err)
	}
	merchants := map[string]bool{}
	for subject := range info.State.Subjects {
		if tokens := strings.Split(subject, "."); len(tokens) == 5 {
			merchants[tokens[3]] = true
		}
	}
	return merchants, nil
}

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

// Purged says what a round did.
type Purged struct {
	Full     float64 // of the stream's size before, 0 to 1
	Messages uint64  // removed
}

// Round looks once, and purges where it is needed. It acts in the second round
// at the earliest: see [sweep.Floor].
func (p *Purger) Round(ctx context.Context) (Purged, error) {
	s, err := p.js.Stream(ctx, Callbacks)
	if err != nil {
		return Purged{}, fmt.Errorf("read stream %s: %w", Callbacks, err)
	}
	info := s.CachedInfo()
	settled := p.settled
	p.settled = info.State.LastSeq
	if info.Config.MaxBytes <= 0 {
		return Purged{}, nil
	}
	done := Purged{Full: float64(info.State.Bytes) / float64(info.Config.MaxBytes)}
	if done.Full < p.highWater || settled == 0 {
		return done, nil
	}
	floor, err := p.floor(ctx, s, settled)
	if err != nil || floor < info.State.FirstSeq {
		return done, err
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(floor+1)); err != nil {
		return done, fmt.Errorf("purge stream %s: %w", Callbacks, err)
	}
	after, err := s.Info(ctx)
	if err != nil {
		return done, fmt.Errorf("read stream %s: %w", Callbacks, err)
	}
	done.Messages = info.State.Msgs - min(info.State.Msgs, after.State.Msgs)
	return done, nil
}

func (p *Purger) floor(ctx context.Context, s jetstream.Stream, settled uint64) (uint64, error) {
	var durables []sweep.Progress
	list := s.ListConsumers(ctx)
	for info := range list.Info() {
		if strings.HasPrefix(info.Name, reconcilerPrefix) {
			durables = append(durables, sweep.Progress{
				AckFloor: info.AckFloor.Stream, Idle: info.NumPending == 0 && info.NumAckPending == 0,
			})
		}
	}
	if err := list.Err(); err != nil {
		return 0, fmt.Errorf("list the consumers of %s: %w", Callbacks, err)
	}
	return sweep.Floor(settled, durables), nil
}

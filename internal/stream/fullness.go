package stream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
)

// Fullness is which share of its size each stream uses that refuses when it is
// full, 0 to 1. Streams that drop their oldest message instead are always full
// in the end, and are left out.
func Fullness(ctx context.Context, js jetstream.JetStream, t config.Topology) (map[string]float64, error) {
	full := map[string]float64{}
	for _, c := range Declare(t) {
		if c.Discard != jetstream.DiscardNew {
			continue
		}
		s, err := js.Stream(ctx, c.Name)
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", c.Name, err)
		}
		if info := s.CachedInfo(); info.Config.MaxBytes > 0 {
			full[c.Name] = float64(info.State.Bytes) / float64(info.Config.MaxBytes)
		}
	}
	return full, nil
}

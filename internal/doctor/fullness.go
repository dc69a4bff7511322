package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// almostFull is when a stream that refuses is about to: what is worth a warning
// before is a failure then.
const almostFull = 0.95

// fullness warns before a stream refuses what it is there for.
func fullness(ctx context.Context, v *visit) ([]Finding, error) {
	infos, err := v.streams.get(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	var shares []string
	for _, want := range stream.Declare(v.o.Settings.Topology) {
		info := infos[want.Name]
		if info == nil {
			return nil, &trouble{infos.missing(want.Name)}
		}
		if f, wrong := full(want, info, v.o.Settings.Sweep.HighWater); wrong {
			found = append(found, f)
		}
		shares = append(shares, fmt.Sprintf("%s %d (%.0f %%)", want.Name, info.State.Msgs, 100*usedOf(info)))
	}
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("messages: %s", strings.Join(shares, ", "))}, nil
}

// usedOf is the share of its size that a stream uses, 0 to 1.
func usedOf(info *jetstream.StreamInfo) float64 {
	if info.Config.MaxBytes <= 0 {
		return 0
	}
	return float64(info.State.Bytes) / float64(info.Config.MaxBytes)
}

// full looks at a stream that refuses when it is full; the others drop their
// oldest messages, and are always full in the end.
func full(want jetstream.StreamConfig, info *jetstream.StreamInfo, highWater float64) (Finding, bool) {
	setting := want.Name + "_MAX_BYTES"
	if info.Config.MaxBytes != want.MaxBytes {
		return warn("settlehook setup", "stream %s: its size is %s, %s says %s",
			want.Name, config.Bytes(info.Config.MaxBytes), setting, config.Bytes(want.MaxBytes)), true
	}
	used := usedOf(info)
	if want.Discard != jetstream.DiscardNew || used < highWater {
		return Finding{}, false
	}
	mend := fmt.Sprintf("raise %s (now %s) in the environment of every program, then settlehook setup", setting, config.Bytes(want.MaxBytes))
	say := warn
	if used >= almostFull {
		say = fail
	}
	return say(mend, "stream %s is %.0f %% full: it refuses what comes when it is", want.Name, 100*used), true
}

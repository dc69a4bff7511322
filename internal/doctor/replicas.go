package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
)

// catchUp is how long a copy may be behind: one under load is never quite level.
const catchUp = 3 * time.Second

// replicas looks whether as many copies follow as are declared.
func replicas(ctx context.Context, v *visit) ([]Finding, error) {
	infos, err := v.streams.get(ctx)
	if err != nil {
		return nil, err
	}
	want := v.o.Settings.Topology.Replicas
	if infos, err = v.caughtUp(ctx, infos, want); err != nil {
		return nil, err
	}
	var found []Finding
	for _, name := range stream.Names() {
		// Fewer copies than declared are a field of the stream's topology.
		if c := copiesOf(infos[name]); c.current < want && infos[name].Config.Replicas >= want {
			found = append(found, fail("start the servers that are down, or restart the one that does not follow ('nats stream info "+name+"')",
				"stream %s has %d of %d copies that follow%s", name, c.current, want, c.words()))
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("every stream has %d %s", want, plural(want, "copy, as declared", "copies that follow, as declared"))}, nil
}

// caughtUp reads the streams again until their copies follow, or for long enough.
func (v *visit) caughtUp(ctx context.Context, infos streams, want int) (streams, error) {
	deadline := time.NewTimer(min(catchUp, v.o.Timeout/3))
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		follow := true
		for _, name := range stream.Names() {
			if infos[name] == nil {
				return nil, &trouble{infos.missing(name)}
			}
			follow = follow && copiesOf(infos[name]).current >= want
		}
		if follow {
			return infos, nil
		}
		select {
		case <-deadline.C:
			return infos, nil
		case <-ctx.Done():
			return infos, nil
		case <-tick.C:
		}
		var err error
		if infos, err = v.readStreams(ctx); err != nil {
			return nil, err
		}
	}
}

// copies are what a stream's leader says of its copies, itself included.
type copies struct {
	current int
	behind  []string
}

func copiesOf(info *jetstream.StreamInfo) copies {
	if info.Cluster == nil {
		return copies{current: 1} // a server alone
	}
	var c copies
	if info.Cluster.Leader != "" {
		c.current++
	}
	for _, peer := range info.Cluster.Replicas {
		switch {
		case peer.Offline:
			c.behind = append(c.behind, peer.Name+" is offline")
		case !peer.Current:
			c.behind = append(c.behind, fmt.Sprintf("%s is %d operations behind, last heard %s ago", peer.Name, peer.Lag, peer.Active.Round(100*time.Millisecond)))
		default:
			c.current++
		}
	}
	return c
}

func (c copies) words() string {
	if len(c.behind) == 0 {
		return ""
	}
	return ": " + strings.Join(c.behind, ", ")
}

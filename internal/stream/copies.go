package stream

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Copy is one server's copy of a stream, as the stream's leader sees it.
type Copy struct {
	Stream, Server string
	Lag            uint64        // operations of which it has not said that it has them
	Silent         time.Duration // since the leader heard from it
	Offline        bool
	// Behind: it was behind in the round before too, and has not moved or not
	// been heard since. A copy under load is never quite level.
	Behind bool
}

// Unaware is a consumer that does not know of a message that its stream's leader
// has for it, for two rounds under one leader. It would not deliver it.
type Unaware struct {
	Stream, Consumer string
	Leader           string // the server whose copy does not follow
	Sequence         uint64 // of the first message that it does not know of
	MoveErr          error  // nil: the stream's leader leads it now
}

// Durable names a consumer of a stream.
type Durable struct{ Stream, Name string }

// CopyWatch looks whether the copies of the streams follow, and whether
// consumers know of what their streams have. A consumer that does not is moved
// to the server of its stream's leader, which has everything: nothing else would
// deliver its messages, nobody would see it, and a move made in error costs a
// moment.
type CopyWatch struct {
	js     jetstream.JetStream
	behind map[place]uint64 // where the copy was in the round before
	blind  map[Durable]blindness
}

type place struct{ stream, server string }

type blindness struct {
	leader   string
	sequence uint64
}

// NewCopyWatch returns a watch that has seen nothing yet.
func NewCopyWatch(js jetstream.JetStream) *CopyWatch {
	return &CopyWatch{js: js, behind: map[place]uint64{}, blind: map[Durable]blindness{}}
}

// silence is how long a copy may be without a word: its leader writes to it each
// second.
const silence = 10 * time.Second

// lookPatience bounds the look at one stream or consumer: one that has no leader
// for long must not hide the others.
const lookPatience = 2 * mostPatience

// Round looks once at the streams and at the consumers on them. What can't be
// read now is left out, and said in the error; the rest stands.
func (w *CopyWatch) Round(ctx context.Context, durables []Durable) (copies []Copy, unaware []Unaware, err error) {
	streams := map[string]jetstream.Stream{}
	var failed []error
	bounded := func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, lookPatience) }
	for _, name := range Names() {
		once, cancel := bounded()
		s, err := openStream(once, w.js, name)
		cancel()
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if c := s.CachedInfo().Cluster; c == nil || len(c.Replicas) == 0 {
			continue // one copy: nothing has to follow
		}
		streams[name] = s
		copies = append(copies, w.copies(s.CachedInfo())...)
	}
	for _, d := range durables {
		s, replicated := streams[d.Stream]
		if !replicated {
			continue
		}
		once, cancel := bounded()
		u, err := w.consumer(once, s, d)
		cancel()
		if err != nil {
			failed = append(failed, err)
		} else if u != nil {
			unaware = append(unaware, *u)
		}
	}
	w.forget(durables)
	return copies, unaware, joinFew(failed)
}

func (w *CopyWatch) copies(info *jetstream.StreamInfo) []Copy {
	var all []Copy
	for _, peer := range info.Cluster.Replicas {
		c := Copy{Stream: info.Config.Name, Server: peer.Name, Lag: peer.Lag, Silent: peer.Active, Offline: peer.Offline}
		// What it lacks may grow while it moves: where it is counts. Lag is in entries
		// of the log and sequences are messages, but a copy that stands still does not
		// come nearer by either.
		at, reached := place{c.Stream, c.Server}, info.State.LastSeq-min(peer.Lag, info.State.LastSeq)
		follows := !peer.Offline && peer.Active < silence && peer.Lag == 0
		before, was := w.behind[at]
		switch {
		case follows:
			delete(w.behind, at)
		default:
			c.Behind = was && (peer.Offline || peer.Active >= silence || reached <= before)
			w.behind[at] = reached
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Copy) int { return cmp.Compare(a.Server, b.Server) })
	return all
}

func (w *CopyWatch) consumer(ctx context.Context, s jetstream.Stream, d Durable) (*Unaware, error) {
	c, err := ask(ctx, func(ctx context.Context) (jetstream.Consumer, error) { return s.Consumer(ctx, d.Name) })
	if err != nil {
		return nil, fmt.Errorf("read consumer %s: %w", d.Name, err)
	}
	info, leader := c.CachedInfo(), s.CachedInfo().Cluster.Leader
	var seq uint64
	if info.Cluster != nil && info.Cluster.Leader != leader { // else it knows all there is
		if seq, err = unaware(ctx, s, info); err != nil {
			return nil, err
		}
	}
	if info.Cluster == nil || !w.again(d, blindness{info.Cluster.Leader, seq}) {
		return nil, nil
	}
	return &Unaware{
		Stream: d.Stream, Consumer: d.Name, Leader: info.Cluster.Leader, Sequence: seq,
		MoveErr: stepDown(ctx, w.js, d.Stream, d.Name, leader),
	}, nil
}

// again reports whether a consumer does not know of the same message as in the
// round before, under the same leader. What it sees for the first time may have
// been stored a moment ago.
func (w *CopyWatch) again(d Durable, now blindness) bool {
	before, was := w.blind[d]
	if now.sequence == 0 || was && now == before {
		delete(w.blind, d)
		return now.sequence != 0
	}
	w.blind[d] = now
	return false
}

// forget drops what is not watched any more.
func (w *CopyWatch) forget(durables []Durable) {
	for d := range w.blind {
		if !slices.Contains(durables, d) {
			delete(w.blind, d)
		}
	}
}

// joinFew says what failed, without a line for each of a thousand.
func joinFew(failed []error) error {
	switch len(failed) {
	case 0:
		return nil
	case 1:
		return failed[0]
	}
	return fmt.Errorf("%w (and %d more)", failed[0], len(failed)-1)
}

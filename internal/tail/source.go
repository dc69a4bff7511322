package tail

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// message is what a stream has stored.
type message struct {
	jetstream.Msg
	source   *source
	at       time.Time
	sequence uint64
	more     bool // others wait behind it
}

// source is a stream that is followed.
type source struct {
	stream   string
	consumer jetstream.Consumer
	waiting  bool          // something is there to be read, as far as merge knows
	next     chan struct{} // merge has written the last message
}

// open begins at a time, or behind what the stream holds now. The place is a
// sequence: a consumer that has to be made anew before the first message came
// must not skip what was stored meanwhile.
func open(ctx context.Context, js jetstream.JetStream, name string, filters []string, since time.Time) (*source, error) {
	s, err := js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	cfg := jetstream.OrderedConsumerConfig{
		FilterSubjects: filters, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.CachedInfo().State.LastSeq + 1,
	}
	if !since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &since
	}
	c, err := s.OrderedConsumer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &source{stream: name, consumer: c, waiting: c.CachedInfo().NumPending > 0, next: make(chan struct{}, 1)}, nil
}

// follow reads until ctx ends.
func (s *source) follow(ctx context.Context, to chan<- message) error {
	return Follow(ctx, s.consumer, func(m jetstream.Msg) bool { return s.hand(ctx, to, m) })
}

// Follow hands over every message of an ordered consumer until ctx ends, or each
// returns false. A connection that is closed for good is an error.
func Follow(ctx context.Context, c jetstream.Consumer, each func(jetstream.Msg) (more bool)) error {
	messages, err := c.Messages()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next()
		switch {
		case errors.Is(err, jetstream.ErrMsgIteratorClosed):
			return nil
		case errors.Is(err, jetstream.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionClosed):
			return err // for good
		case err != nil:
			pause(ctx) // the ordered consumer recovers by itself, or not at all
			continue
		}
		if !each(m) {
			return nil
		}
	}
}

// hand gives a message to merge, and returns once it is written; false: ctx has
// ended.
func (s *source) hand(ctx context.Context, to chan<- message, m jetstream.Msg) bool {
	stored := message{Msg: m, source: s, at: time.Now()}
	if meta, err := m.Metadata(); err == nil {
		stored.at, stored.sequence, stored.more = meta.Timestamp, meta.Sequence.Stream, meta.NumPending > 0
	}
	select {
	case to <- stored:
	case <-ctx.Done():
		return false
	}
	select {
	case <-s.next:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause keeps a stream that can't be read from being asked without end.
func pause(ctx context.Context) {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

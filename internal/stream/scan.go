package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Window is which part of a stream a person asks for, by when it was stored.
type Window struct {
	Since, Until time.Time // zero: without a bound; both are included
}

// ErrStop ends a listing early, without an error.
var ErrStop = errors.New("enough")

// scan hands over what a stream holds now on a subject, oldest first, one
// message at a time: however much there is, little of it is in memory. What is
// stored meanwhile is left out, and what is deleted meanwhile may be missing.
type scan struct {
	js          jetstream.JetStream
	stream      string
	filter      string
	window      Window
	last        uint64 // the last sequence that is read; 0: the stream's last when it begins
	headersOnly bool
	ahead       int // messages on their way to us; 0: scanAhead
}

const (
	scanAhead = 64
	scanPause = 2 * time.Second // without a message, until the stream is asked whether there are more
)

// run calls each until there is no more, or it returns an error. before hears
// how many messages there are.
func (s scan) run(ctx context.Context, before func(total uint64), each func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	held, err := s.js.Stream(ctx, s.stream)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", s.stream, err)
	}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{s.filter}, HeadersOnly: s.headersOnly, InactiveThreshold: time.Minute}
	if !s.window.Since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &s.window.Since
	}
	c, err := s.js.OrderedConsumer(ctx, s.stream, cfg)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", s.stream, err)
	}
	if before != nil {
		before(c.CachedInfo().NumPending)
	}
	if s.last == 0 {
		s.last = held.CachedInfo().State.LastSeq
	}
	at := c.CachedInfo().Delivered.Stream
	if c.CachedInfo().NumPending == 0 {
		if more, err := s.more(ctx, held, at+1, s.last); err != nil || !more {
			return err
		}
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(cmp.Or(s.ahead, scanAhead)))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", s.stream, err)
	}
	defer messages.Stop()
	err = s.walk(ctx, held, messages, at, each)
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// walk goes on behind a sequence. A consumer that is through may be on a copy that
// is behind: whether there is more is asked of the stream, whose leader answers.
func (s scan) walk(ctx context.Context, held jetstream.Stream, messages jetstream.MessagesContext, at uint64, each func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	for {
		m, err := next(ctx, messages)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			more, moreErr := s.more(ctx, held, at+1, s.last)
			if moreErr != nil || !more {
				return moreErr
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("read stream %s: %w", s.stream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", s.stream, err)
		}
		at = meta.Sequence.Stream
		if meta.Timestamp.Before(s.window.Since) {
			if at >= s.last || meta.NumPending == 0 {
				return nil
			}
			continue // a server takes a time that it can't count (2999) for any
		}
		if at > s.last || !s.window.Until.IsZero() && meta.Timestamp.After(s.window.Until) {
			return nil
		}
		if err := each(m, meta); err != nil {
			return err
		}
		if at == s.last {
			return nil
		}
		if meta.NumPending == 0 {
			if more, err := s.more(ctx, held, at+1, s.last); err != nil || !more {
				return err
			}
		}
	}
}

func next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // a message that is here already would be as good a choice to Next
	}
	ctx, cancel := context.WithTimeout(ctx, scanPause)
	defer cancel()
	return messages.Next(jetstream.NextContext(ctx))
}

// more reports whether there is still a message from a sequence on: the last
// ones may have been deleted while they were waited for.
func (s scan) more(ctx context.Context, held jetstream.Stream, from, last uint64) (bool, error) {
	m, err := held.GetMsg(ctx, from, jetstream.WithGetMsgSubject(s.filter))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return false, nil
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return true, nil // it can't be read now
	case err != nil:
		return false, fmt.Errorf("read stream %s: %w", s.stream, err)
	}
	return m.Sequence <= last, nil
}

// wild is a token of a filter: anything where nothing is asked for.
func wild(token string) string {
	if token == "" {
		return "*"
	}
	return token
}

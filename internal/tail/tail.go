// Package tail follows the streams and says in plain lines what arrives and
// what leaves, for a person who watches.
package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/settlehook/settlehook/internal/plain"
	"github.com/settlehook/settlehook/internal/stream"
)

// describers say in a line what a message of each stream is.
var describers = map[string]func(jetstream.Msg) (Line, error){
	stream.Callbacks: callbackLine, stream.Payments: eventLine,
	stream.Parked: parkedLine, stream.Quarantine: quarantineLine,
}

// Tail follows CALLBACKS, PAYMENTS, PARKED and QUARANTINE. It reads the streams
// and not the subjects: what a stream refused was never said.
type Tail struct {
	consumers map[string]jetstream.Consumer // by stream
	out       *lineWriter
}

// Open begins at the messages that are stored from now on; Run writes them.
func Open(ctx context.Context, js jetstream.JetStream, out io.Writer) (*Tail, error) {
	t := &Tail{consumers: map[string]jetstream.Consumer{}, out: &lineWriter{out: out}}
	for name := range describers {
		c, err := js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
		if err != nil {
			return nil, fmt.Errorf("follow %s: %w", name, err)
		}
		t.consumers[name] = c
	}
	return t, nil
}

// Run writes a line for every message until ctx ends.
func (t *Tail) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for name, c := range t.consumers {
		g.Go(func() error {
			err := Follow(ctx, c, func(m jetstream.Msg) { t.out.line(m, lineOf(name, m)) })
			if err != nil {
				return fmt.Errorf("follow %s: %w", name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func lineOf(streamName string, m jetstream.Msg) string {
	l, err := Describe(streamName, m)
	if err != nil {
		return fmt.Sprintf("? %s: %v", m.Subject(), err)
	}
	return l.String()
}

// Follow hands over every message of a consumer until ctx ends.
func Follow(ctx context.Context, c jetstream.Consumer, each func(jetstream.Msg)) error {
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
		case err != nil:
			pause(ctx) // the ordered consumer recovers by itself, or not at all
			continue
		}
		each(m)
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

// lineWriter keeps lines whole, and a terminal safe from what outsiders wrote.
type lineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *lineWriter) line(m jetstream.Msg, text string) {
	at := time.Now()
	if meta, err := m.Metadata(); err == nil {
		at = meta.Timestamp
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintf(w.out, "%s  %s\n", at.Local().Format(time.TimeOnly), plain.Line(text))
}

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

	"github.com/settlehook/settlehook/internal/stream"
)

// Follow writes a line for every message stored from now on in CALLBACKS,
// PAYMENTS, PARKED and QUARANTINE, until ctx ends. It reads the streams and not
// the subjects: what a stream refused was never said.
func Follow(ctx context.Context, js jetstream.JetStream, out io.Writer) error {
	w := &lineWriter{out: out}
	g, ctx := errgroup.WithContext(ctx)
	for name, describe := range map[string]func(jetstream.Msg) (string, error){
		stream.Callbacks: callbackLine, stream.Payments: eventLine,
		stream.Parked: parkedLine, stream.Quarantine: quarantineLine,
	} {
		c, err := js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
		if err != nil {
			return fmt.Errorf("follow %s: %w", name, err)
		}
		g.Go(func() error { return follow(ctx, c, describe, w) })
	}
	return g.Wait()
}

func follow(ctx context.Context, c jetstream.Consumer, describe func(jetstream.Msg) (string, error), w *lineWriter) error {
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
			continue // the ordered consumer recovers by itself
		}
		text, err := describe(m)
		if err != nil {
			text = fmt.Sprintf("? %s: %v", m.Subject(), err)
		}
		w.line(m, text)
	}
}

// lineWriter keeps lines whole.
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
	_, _ = fmt.Fprintf(w.out, "%s  %s\n", at.Local().Format(time.TimeOnly), text)
}

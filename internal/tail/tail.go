// Package tail follows the streams and says in plain lines what arrives and
// what leaves, for a person who watches, or in JSON for a program.
package tail

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// Options say what is followed, and how it is written. The zero value follows
// everything from now on, in plain lines.
type Options struct {
	Merchant string // of this merchant
	Flow     string // of this flow: collect or pay
	Order    string // of this order id
	// Outcomes are those of the events that are wanted; with any, nothing else is
	// followed.
	Outcomes   []events.Outcome
	EventsOnly bool
	Since      time.Time // begin with what was stored then; zero: from now on

	JSON  bool // an object on each line
	Color bool // marks in colour, for a terminal
}

// Tail follows CALLBACKS, PAYMENTS, PARKED and QUARANTINE. It reads the streams
// and not the subjects: what a stream refused was never said.
type Tail struct {
	sources []*source
	out     io.Writer
	options Options
}

// Open begins at the messages that are stored from now on, or at those of a time;
// Run writes them.
func Open(ctx context.Context, js jetstream.JetStream, out io.Writer, o Options) (*Tail, error) {
	t := &Tail{out: out, options: o}
	filters := o.filters()
	for _, name := range slices.Sorted(maps.Keys(filters)) {
		s, err := open(ctx, js, name, filters[name], o.Since)
		if err != nil {
			return nil, fmt.Errorf("follow %s: %w", name, err)
		}
		t.sources = append(t.sources, s)
	}
	return t, nil
}

// Run writes a line for every message until ctx ends, those of different streams
// in the order of their times as far as they wait to be read.
func (t *Tail) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	messages := make(chan message)
	for _, s := range t.sources {
		g.Go(func() error {
			if err := s.follow(ctx, messages); err != nil {
				return fmt.Errorf("follow %s: %w", s.stream, err)
			}
			return nil
		})
	}
	g.Go(func() error { return merge(ctx, t.sources, messages, t.write) })
	return g.Wait()
}

// write writes what is wanted of a message.
func (t *Tail) write(m message) error {
	e := describe(m)
	if t.options.Order != "" && e.Stream != stream.Payments && e.OrderID != t.options.Order {
		return nil // of PAYMENTS the server gave this order's alone
	}
	line := e.text(t.options.Color)
	if t.options.JSON {
		line = e.json()
	}
	if _, err := io.WriteString(t.out, line+"\n"); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

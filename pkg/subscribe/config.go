package subscribe

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Stream is the name of the ledger's stream.
const Stream = "PAYMENTS"

// Config says what to read, and how. Only Durable has to be set.
type Config struct {
	// Durable names the consumer at the server, which keeps the position. Services
	// that share a name share the events.
	Durable string
	// Filters are subjects with wildcards, such as "payments.v1.settled.>"; they
	// must not overlap. Empty: all events.
	Filters []string
	// Start is where a new durable begins: [StartAll], the zero value, [StartNew] or
	// [StartAt]. A durable that exists goes on where it was.
	Start Start

	// Parallel bounds the handlers that run at once in this process, each with
	// another order. Default 8, at most InFlight.
	Parallel int
	// InFlight bounds the events that were delivered and are not yet acknowledged,
	// over all who share the durable, those included that wait for another attempt
	// (MaxAckPending). Default 256. With 1 the events come strictly in order.
	InFlight int
	// AckWait is how long the server waits for a sign of life before it gives an
	// event to somebody else. A handler may take longer: Run says in time that it is
	// still at work. Default 30 s.
	AckWait time.Duration
	// MinDelay and MaxDelay bound the pause before the next attempt at an event
	// that failed. It doubles from attempt to attempt. Default 1 s and 5 min.
	MinDelay, MaxDelay time.Duration
	// StopTimeout is how long handlers in work may take to finish once Run is told to
	// stop. Then their context ends. Default 25 s.
	StopTimeout time.Duration

	// OnUndecodable is told of each message that [events.Decode] refuses, or that
	// stands under another event's subject. Return nil once it is kept where
	// somebody will look: it is then acknowledged. With an error, or without this
	// function, the message comes again after a growing pause, up to MaxDelay. It
	// uses up one of InFlight meanwhile; the others go on around it.
	OnUndecodable RawHandler
	// OnUnknownType is told of each event whose type this version of pkg/events does
	// not know: a newer settlehook wrote it. [Skip] acknowledges them. Default: as
	// OnUndecodable.
	OnUnknownType RawHandler

	// Log hears of what failed and comes again. Bodies are never logged. Default:
	// nothing is logged.
	Log *slog.Logger
}

// Handler works on one event. With nil it is acknowledged and the position
// moves on; with an error it comes again after a growing pause. The context
// ends when the time to stop is over, see Config.StopTimeout.
//
// A handler that panics has failed.
type Handler func(ctx context.Context, d Delivery) error

// RawHandler takes a message that is no readable event. With nil it is
// acknowledged; with an error it comes again.
type RawHandler func(ctx context.Context, r Raw) error

// Skip is a [RawHandler] that drops what it gets, for Config.OnUnknownType.
func Skip(context.Context, Raw) error { return nil }

// Start is where a new durable begins to read.
type Start struct {
	policy jetstream.DeliverPolicy
	at     time.Time
}

// StartAll begins with the first event of the stream. It is the zero value.
func StartAll() Start { return Start{policy: jetstream.DeliverAllPolicy} }

// StartNew begins with what is stored after the durable was made.
func StartNew() Start { return Start{policy: jetstream.DeliverNewPolicy} }

// StartAt begins with the first event that was stored at this time or later.
func StartAt(t time.Time) Start {
	return Start{policy: jetstream.DeliverByStartTimePolicy, at: t.UTC()}
}

// Includes reports whether a durable that was made at a time begins before an
// event that was stored at another.
func (s Start) Includes(stored, made time.Time) bool {
	switch s.policy {
	case jetstream.DeliverNewPolicy:
		return stored.After(made)
	case jetstream.DeliverByStartTimePolicy:
		return !stored.Before(s.at)
	default:
		return true
	}
}

// ErrConfig is the error of a Config that makes no sense.
var ErrConfig = errors.New("subscribe: invalid config")

const allEvents = "payments.v1.>"

// leastAckWait keeps the signs of life apart far enough to arrive in time.
const leastAckWait = 100 * time.Millisecond

// complete fills in the defaults.
func (c Config) complete() (Config, error) {
	if len(c.Filters) == 0 {
		c.Filters = []string{allEvents}
	}
	c.InFlight = cmp.Or(c.InFlight, 256)
	c.Parallel = min(cmp.Or(c.Parallel, 8), c.InFlight)
	c.AckWait = cmp.Or(c.AckWait, 30*time.Second)
	c.MinDelay = cmp.Or(c.MinDelay, time.Second)
	c.MaxDelay = max(cmp.Or(c.MaxDelay, 5*time.Minute), c.MinDelay)
	c.StopTimeout = cmp.Or(c.StopTimeout, 25*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case c.Durable == "" || strings.ContainsAny(c.Durable, ".*> \t\r\n/\\"):
		return configError("Durable must be a name without dots, wildcards, slashes and white space")
	case c.Parallel < 1 || c.InFlight < 1:
		return configError("Parallel and InFlight must not be negative")
	case c.AckWait < leastAckWait:
		return configError("AckWait must be 100 ms or more")
	case c.MinDelay < time.Millisecond:
		return configError("MinDelay must be 1 ms or more")
	case c.StopTimeout < 0:
		return configError("StopTimeout must not be negative")
	}
	for _, f := range c.Filters {
		if !strings.HasPrefix(f, "payments.v1.") {
			return configError("filter " + f + " is outside of payments.v1.")
		}
	}
	return nil
}

func configError(why string) error { return &invalidConfigError{why} }

type invalidConfigError struct{ why string }

func (e *invalidConfigError) Error() string { return ErrConfig.Error() + ": " + e.why }
func (e *invalidConfigError) Unwrap() error { return ErrConfig }

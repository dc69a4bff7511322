package subscribe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Run hands events to h until ctx ends or the durable is gone. It returns nil
// when ctx ended and everything in hand was finished or given back. Other errors:
//
//   - [ErrConfig]: the Config makes no sense
//   - *[DurableError]: the durable is made otherwise than asked for
//   - *[StopError]: handlers did not end in time
//   - of jetstream: the stream can't be reached at the start, the durable was
//     removed ([jetstream.ErrConsumerDeleted], [jetstream.ErrConsumerNotFound]), or
//     the connection was closed ([jetstream.ErrConnectionClosed])
//
// A server that is away meanwhile is waited for.
func Run(ctx context.Context, js jetstream.JetStream, cfg Config, h Handler) error {
	cfg, err := cfg.complete()
	if err != nil {
		return err
	}
	if h == nil {
		return configError("there is no handler")
	}
	cons, err := cfg.open(ctx, js)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before anything was in hand
		}
		return err
	}
	// The handlers' context outlives ctx: what is in hand is finished.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	intake, halt := context.WithCancel(ctx)
	defer halt()
	r := &runner{
		cfg: cfg, cons: cons, work: work, stopping: intake.Done(), slots: make(chan struct{}, cfg.Parallel),
		lanes: map[string][]*message{}, inHand: map[*message]struct{}{}, log: cfg.Log.With(slog.String("durable", cfg.Durable)),
		deliver: func(ctx context.Context, raw Raw) error { return cfg.Deliver(ctx, raw, h) },
	}
	go r.keepAlive()
	pulled := r.pull(intake)
	halt()
	stopped := r.stop(cancel)
	// Acknowledgements and what was given back are still in the client's buffer.
	flush, done := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer done()
	if err := js.Conn().FlushWithContext(flush); err != nil {
		r.log.Warn("last acknowledgements not sure, events may come again", slog.Any("error", err))
	}
	return errors.Join(pulled, stopped)
}

const (
	flushTimeout = 2 * time.Second
	// pullHeartbeat is how often the server says that it has nothing to send.
	pullHeartbeat = time.Second
	// stopGrace is how long a handler may take to see that its context has ended.
	stopGrace = time.Second
)

// StopError means that handlers did not return in time although their context
// ended. Their events come again.
type StopError struct {
	Running int // handlers that still run
}

func (e *StopError) Error() string {
	return fmt.Sprintf("%d handlers still run after the time to stop: a handler must end when its context does", e.Running)
}

// runner is one call of Run.
type runner struct {
	cfg      Config
	cons     jetstream.Consumer
	deliver  func(ctx context.Context, raw Raw) error
	work     context.Context
	stopping <-chan struct{} // closed when nothing more is to be begun
	slots    chan struct{}   // one for each handler that runs
	log      *slog.Logger

	mu     sync.Mutex
	lanes  map[string][]*message // by order: what waits behind the one in work
	inHand map[*message]struct{} // delivered, and not settled
	wg     sync.WaitGroup        // of lanes
}

// pull takes in what the server sends until ctx ends.
func (r *runner) pull(ctx context.Context) error {
	messages, err := r.cons.Messages(jetstream.PullMaxMessages(r.cfg.InFlight), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return fmt.Errorf("pull from durable %q: %w", r.cfg.Durable, err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		switch {
		case err == nil:
			r.take(m)
		case ctx.Err() != nil:
			giveBackRest(messages)
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			// The server is away, or the durable is: pulls of a durable that is
			// gone are answered by nobody.
			if _, err := r.cons.Info(ctx); errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
				return fmt.Errorf("durable %q was removed: %w", r.cfg.Durable, err)
			}
		default:
			return fmt.Errorf("pull from durable %q: %w", r.cfg.Durable, err)
		}
	}
}

// giveBackRest returns what the client was sent and nobody has taken in yet.
func giveBackRest(messages jetstream.MessagesContext) {
	messages.Drain()
	for {
		m, err := messages.Next()
		if err != nil {
			return
		}
		_ = m.Nak() // without it the event comes after the ack wait
	}
}

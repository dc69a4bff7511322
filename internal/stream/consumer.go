package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/tracing"
)

// Processor works on one callback.
type Processor interface {
	Process(ctx context.Context, d reconcile.Delivery) reconcile.Result
}

// Gate says whether a merchant's gateway is worth asking.
type Gate interface {
	// Wait returns once it is. probe means: with one callback, to find out.
	Wait(ctx context.Context) (probe bool, err error)
	// Shut is closed when the gateway stops being worth asking.
	Shut() <-chan struct{}
}

// Observer hears of every delivery, for the one wide log line and the metrics.
type Observer interface {
	// Processed is called with the context of the delivery's trace.
	Processed(ctx context.Context, d reconcile.Delivery, res reconcile.Result, took time.Duration)
}

// ConsumerConfig is one merchant's share of a worker.
type ConsumerConfig struct {
	Merchant reconcile.Merchant
	Durable  jetstream.ConsumerConfig
	InFlight int           // callbacks of this merchant in work at once
	Timeout  time.Duration // of a publish
	Tracer   *tracing.Tracer
}

// Consumer pulls one merchant's callbacks, and works on several at once.
type Consumer struct {
	cfg       ConsumerConfig
	js        jetstream.JetStream
	processor Processor
	gate      Gate
	observer  Observer
	log       *zap.Logger
	ack       acknowledger
}

// NewConsumer wires a merchant's consumer.
func NewConsumer(cfg ConsumerConfig, js jetstream.JetStream, p Processor, g Gate, o Observer, log *zap.Logger) *Consumer {
	return &Consumer{
		cfg: cfg, js: js, processor: p, gate: g, observer: o,
		log: log.With(zap.String("consumer", cfg.Durable.Durable)),
		ack: acknowledger{js: js, timeout: cfg.Timeout},
	}
}

// pullRetry is the pause after a pull that failed.
const pullRetry = time.Second

// pullHeartbeat is how often the server says that it has nothing to send.
const pullHeartbeat = time.Second

// Run pulls until intake is done, and then finishes what it has. work bounds
// that: it ends the callbacks in hand when the time to drain is over.
func (c *Consumer) Run(intake, work context.Context) {
	for intake.Err() == nil {
		err := c.once(intake, work)
		if err == nil || intake.Err() != nil {
			continue
		}
		c.log.Warn("pull failed, trying again", zap.Error(err))
		pause(intake, pullRetry)
	}
}

func (c *Consumer) once(intake, work context.Context) error {
	probe, err := c.gate.Wait(intake)
	if err != nil {
		return err // intake is over
	}
	cons, err := openDurable(intake, c.js, Callbacks, c.cfg.Durable)
	if err != nil {
		return err
	}
	if probe {
		return c.probe(intake, work, cons)
	}
	return c.pull(intake, work, cons)
}

// probe tries the gateway with one callback, and leaves the rest in the stream.
func (c *Consumer) probe(intake, work context.Context, cons jetstream.Consumer) error {
	batch, err := cons.Fetch(1, jetstream.FetchContext(intake))
	if err != nil {
		return err
	}
	for m := range batch.Messages() {
		c.handle(work, m)
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// pull works on callbacks until intake is over or the gate shuts, and then on
// those it was sent already.
func (c *Consumer) pull(intake, work context.Context, cons jetstream.Consumer) error {
	messages, err := cons.Messages(
		jetstream.PullMaxMessages(c.cfg.InFlight),
		// The client asks for no more while it still sends a request, and
		// where the answers are worked off in that moment, nothing makes it
		// ask again but a missing heartbeat: the pull stalls for twice this.
		jetstream.PullHeartbeat(pullHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(false),
	)
	if err != nil {
		return err
	}
	stopped := make(chan struct{})
	var watch, workers sync.WaitGroup
	watch.Go(func() {
		select {
		case <-intake.Done():
		case <-c.gate.Shut():
		case <-stopped:
		}
		messages.Drain()
	})
	var failure error
	var once sync.Once
	for range c.cfg.InFlight {
		workers.Go(func() {
			for {
				m, err := messages.Next()
				if err != nil {
					once.Do(func() { failure = err; close(stopped) })
					return
				}
				c.handle(work, m)
			}
		})
	}
	workers.Wait()
	watch.Wait()
	if errors.Is(failure, jetstream.ErrMsgIteratorClosed) {
		return nil
	}
	return failure
}

func (c *Consumer) handle(work context.Context, m jetstream.Msg) {
	begun := time.Now()
	work, span := c.cfg.Tracer.Delivery(work, Callbacks, c.cfg.Durable.Durable, m.Headers())
	d, err := decodeCallback(m, c.cfg.Merchant)
	res := reconcile.Result{Disposition: reconcile.Park, Cause: "unreadable", Err: err}
	if err == nil {
		res = c.process(work, d)
	}
	if err := c.ack.settle(work, m, c.cfg.Merchant.ID, res); err != nil {
		c.log.Warn("acknowledgement not sure, the callback may come again", zap.Error(err),
			zap.Uint64("sequence", d.StreamSequence))
	}
	c.observer.Processed(work, d, res, time.Since(begun))
	tracing.Delivered(span, d, res)
}

// process parks a callback that makes the processor panic: left in the stream
// it would end every worker, with all merchants, again and again.
func (c *Consumer) process(work context.Context, d reconcile.Delivery) (res reconcile.Result) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("panic on a callback, parking it", zap.Any("panic", p), zap.Uint64("sequence", d.StreamSequence), tracing.IDs(work), zap.Stack("stack"))
			res = reconcile.Result{Disposition: reconcile.Park, Cause: "panic", Err: fmt.Errorf("panic: %v", p)}
		}
	}()
	return c.processor.Process(work, d)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

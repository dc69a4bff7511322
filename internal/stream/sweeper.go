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
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/internal/tracing"
	"github.com/settlehook/settlehook/pkg/events"
)

// SweepObserver hears of every order whose turn in the sweep came.
type SweepObserver interface {
	// Swept is called with the context of the turn's trace.
	Swept(ctx context.Context, due reconcile.Due, res reconcile.Result, took time.Duration)
}

// SweepConfig is one merchant's tier in a worker.
type SweepConfig struct {
	Merchant reconcile.Merchant
	Tier     sweep.Tier
	Durable  SweepDurable
	Clock    func() time.Time
	// Verify is how often the durable is opened anew, which verifies it: a live
	// update weakens one without a word.
	Verify time.Duration
	Tracer *tracing.Tracer
}

// SweepConsumer pulls one merchant's messages of one tier.
type SweepConsumer struct {
	cfg       SweepConfig
	js        jetstream.JetStream
	processor sweep.Processor
	observer  SweepObserver
	log       *zap.Logger
	ack       acknowledger
}

// NewSweepConsumer wires a tier of a merchant.
func NewSweepConsumer(cfg SweepConfig, js jetstream.JetStream, p sweep.Processor, o SweepObserver, log *zap.Logger) *SweepConsumer {
	return &SweepConsumer{
		cfg: cfg, js: js, processor: p, observer: o,
		log: log.With(zap.String("consumer", cfg.Durable.Config.Durable)),
	}
}

// How a tier pulls: some at once, since a turn is mostly waiting, for the
// streams' leaders, the gateway or the rate. Four workers take all the places
// there are.
const (
	sweepInFlight  = sweepAckPending / 4
	sweepHeartbeat = 5 * time.Second
)

// Run pulls until intake is done, and then finishes what it has. work bounds
// that.
func (s *SweepConsumer) Run(intake, work context.Context) {
	for intake.Err() == nil {
		if err := s.pull(intake, work); err != nil && intake.Err() == nil {
			s.log.Warn("pull failed, trying again", zap.Error(err))
			pause(intake, pullRetry)
		}
	}
}

func (s *SweepConsumer) pull(intake, work context.Context) error {
	intake, cancel := context.WithTimeout(intake, s.cfg.Verify)
	defer cancel()
	d := s.cfg.Durable
	cons, err := openDurable(intake, s.js, d.Stream, d.Config)
	if err != nil {
		return err
	}
	messages, err := cons.Messages(
		jetstream.PullMaxMessages(sweepInFlight),
		jetstream.PullHeartbeat(sweepHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(false),
	)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(intake, messages.Drain)
	defer stop()
	var workers sync.WaitGroup
	failures := make([]error, sweepInFlight)
	for i := range sweepInFlight {
		workers.Go(func() {
			for {
				m, err := messages.Next()
				if err != nil {
					failures[i] = err
					messages.Drain() // one that fails ends all
					return
				}
				s.handle(work, m)
			}
		})
	}
	workers.Wait()
	for _, err := range failures {
		if !errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return err
		}
	}
	return nil
}

func (s *SweepConsumer) handle(work context.Context, m jetstream.Msg) {
	begun := time.Now()
	msg, err := decodeSweep(m)
	if err != nil {
		// Nobody can act on it, and it stays in its stream.
		s.log.Error("a message that the sweep can't read is left out", zap.Error(err))
		s.settle(work, m, reconcile.Result{Disposition: reconcile.Acknowledge})
		return
	}
	work, turn := s.cfg.Tracer.Turn(work)
	due, res := s.process(work, msg)
	s.settle(work, m, res)
	if res.Cause != sweep.CauseNotDue {
		s.observer.Swept(work, due, res, time.Since(begun))
	}
	turn.End(due, res)
}

func (s *SweepConsumer) settle(work context.Context, m jetstream.Msg, res reconcile.Result) {
	if err := s.ack.settle(work, m, s.cfg.Merchant.ID, res); err != nil {
		s.log.Warn("acknowledgement not sure, the order may come again", zap.Error(err))
	}
}

// An order that makes the processor panic does so again after a pause: it may be
// about money. It does not for ever, since 64 of its kind take every place.
const (
	panicPause = 10 * time.Minute
	panicsEnd  = 24 * time.Hour // after its turn came
)

func (s *SweepConsumer) process(work context.Context, msg sweep.Message) (due reconcile.Due, res reconcile.Result) {
	now := s.cfg.Clock()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic on an order in the sweep", zap.Any("panic", p), zap.String("order_id", msg.Order.OrderID), zap.Stack("stack"))
			due.Order, due.Tier, due.Deliveries = msg.Order, s.cfg.Tier.Name, msg.Deliveries
			age := now.Sub(msg.Stored.Add(s.cfg.Tier.Delay))
			res = reconcile.Result{Disposition: reconcile.Redeliver, Cause: "panic", After: panicPause, Err: fmt.Errorf("panic: %v", p)}
			if s.cfg.Tier.Stage == reconcile.StageTier || age > panicsEnd {
				res.Disposition = reconcile.Acknowledge // the next tier looks, or nobody any more
			}
		}
	}()
	return s.cfg.Tier.Handle(work, s.processor, s.cfg.Merchant, msg, now)
}

// decodeSweep reads whose turn a message is. What it says is not needed: amounts
// are read anew from ORDERS and PAYMENTS when its turn has come.
func decodeSweep(m jetstream.Msg) (sweep.Message, error) {
	meta, err := m.Metadata()
	if err != nil {
		return sweep.Message{}, fmt.Errorf("message on %s: %w", m.Subject(), err)
	}
	msg := sweep.Message{Stored: meta.Timestamp, Sequence: meta.Sequence.Stream, Deliveries: meta.NumDelivered}
	if meta.Stream == Payments {
		parts, err := events.ParseSubject(m.Subject())
		msg.Order = parts.Order
		return msg, err
	}
	msg.Order, _, err = events.ParseOrderSubject(m.Subject())
	return msg, err
}

package subscribe

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// message is one delivery in hand.
type message struct {
	jetstream.Msg
	raw Raw
}

// take puts a message into the lane of its order: one at a time in a lane, the
// lanes side by side.
func (r *runner) take(m jetstream.Msg) {
	msg := &message{Msg: m, raw: Raw{Subject: m.Subject(), Body: m.Data()}}
	if meta, err := m.Metadata(); err == nil {
		msg.raw.Sequence, msg.raw.Attempt = meta.Sequence.Stream, meta.NumDelivered
	}
	key := laneOf(m.Subject())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inHand[msg] = struct{}{}
	waiting, busy := r.lanes[key]
	if busy {
		r.lanes[key] = append(waiting, msg)
		return
	}
	r.lanes[key] = nil
	r.wg.Go(func() { r.lane(key, msg) })
}

// laneOf names the order of a subject, the same in both flows: an order id is
// unique in its merchant. What is no subject of an event has a lane of its own.
func laneOf(subject string) string {
	parts, err := events.ParseSubject(subject)
	if err != nil {
		return subject
	}
	return events.EscapeToken(parts.Merchant) + "." + events.EscapeToken(parts.OrderID)
}

// lane works off one order until nothing of it is left.
func (r *runner) lane(key string, msg *message) {
	for ; msg != nil; msg = r.next(key) {
		select {
		case <-r.stopping:
			r.giveBack(msg)
			continue
		case r.slots <- struct{}{}:
		}
		select {
		case <-r.stopping: // both were possible: nothing is begun any more
			r.giveBack(msg)
		default:
			r.handle(msg)
		}
		<-r.slots
	}
}

// next takes the next message of a lane, or closes the lane.
func (r *runner) next(key string) *message {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.lanes[key]
	if len(waiting) == 0 {
		delete(r.lanes, key)
		return nil
	}
	r.lanes[key] = waiting[1:]
	return waiting[0]
}

// handle works on a message and tells the server what became of it.
func (r *runner) handle(msg *message) {
	err := r.deliver(r.work, msg.raw)
	if err == nil {
		r.acknowledge(msg)
		return
	}
	pause := r.cfg.delay(msg.raw.Sequence, msg.raw.Attempt)
	log := r.log.With(slog.String("subject", msg.raw.Subject), slog.Uint64("sequence", msg.raw.Sequence),
		slog.Uint64("attempt", msg.raw.Attempt), slog.Any("error", err))
	var panicked *PanicError
	if errors.As(err, &panicked) {
		log = log.With(slog.String("stack", string(panicked.Stack)))
	}
	log.Warn("event failed and comes again", slog.Duration("after", pause))
	r.settled(msg)
	if err := msg.NakWithDelay(pause); err != nil {
		log.Warn("event not given back, it comes after the ack wait", slog.Any("cause", err))
	}
}

// acknowledge waits until the server has stored that the event is done with:
// the position survives whatever happens next. Without an answer the event comes
// again, and its id is known by then.
func (r *runner) acknowledge(msg *message) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.work), r.ackTimeout())
	defer cancel()
	err := msg.DoubleAck(ctx)
	r.settled(msg)
	if err != nil {
		r.log.Warn("acknowledgement not sure, the event may come again", slog.Any("error", err),
			slog.Uint64("sequence", msg.raw.Sequence))
	}
}

// ackTimeout bounds the wait for the server's word.
func (r *runner) ackTimeout() time.Duration { return min(r.cfg.AckWait, 5*time.Second) }

// giveBack returns a message that was not begun, for somebody else to take at
// once.
func (r *runner) giveBack(msg *message) {
	r.settled(msg)
	if err := msg.Nak(); err != nil {
		r.log.Warn("event not given back, it comes after the ack wait", slog.Any("error", err),
			slog.Uint64("sequence", msg.raw.Sequence))
	}
}

// settled ends the signs of life for a message.
func (r *runner) settled(msg *message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.inHand, msg)
}

// keepAlive says for everything in hand, in work or waiting its turn, that it is
// not lost, until the work is over.
func (r *runner) keepAlive() {
	tick := time.NewTicker(r.cfg.AckWait / 3)
	defer tick.Stop()
	for {
		select {
		case <-r.work.Done():
			return
		case <-tick.C:
		}
		for _, msg := range r.held() {
			// An error means a closed connection, of which pull hears too, or an
			// acknowledgement in between.
			_ = msg.InProgress()
		}
	}
}

func (r *runner) held() []*message {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*message, 0, len(r.inHand))
	for msg := range r.inHand {
		list = append(list, msg)
	}
	return list
}

// stop gives back what was not begun, and waits for what was. expire ends the
// handlers' context.
func (r *runner) stop(expire context.CancelFunc) error {
	finished := make(chan struct{})
	go func() { r.wg.Wait(); close(finished) }()
	if within(finished, r.cfg.StopTimeout) {
		return nil
	}
	expire()
	if within(finished, stopGrace) {
		return nil
	}
	return &StopError{Running: len(r.held())}
}

func within(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

package contracttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// held are the streams that are held to the contract, with what tells that a message
// is settlehook's: what else a test put there is not looked at.
var held = map[string]struct {
	ours  func(jetstream.Msg) bool
	wrong func(jetstream.Msg) error
}{
	"PAYMENTS":   {isEvent, message},
	"ORDERS":     {isEvent, message},
	"BALANCES":   {isEvent, message},
	"PARKED":     {carries("Settlehook-Deliveries"), shelved},
	"QUARANTINE": {carries("Settlehook-Received-At"), shelved},
}

func isEvent(m jetstream.Msg) bool { return m.Headers().Get("Content-Type") == events.ContentType }

// carries tells settlehook's own by a header that tests which write a message by hand
// leave out.
func carries(header string) func(jetstream.Msg) bool {
	return func(m jetstream.Msg) bool { return m.Headers().Get(header) != "" }
}

// Streams holds every event of PAYMENTS, ORDERS and BALANCES to its schema, and to
// the subject that it is on, and the headers of what was parked or refused to
// theirs. Streams that are not there hold none. It returns how many messages it has
// read.
func Streams(ctx context.Context, js jetstream.JetStream) (int, error) {
	read := 0
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(held)) {
		err := each(ctx, js, name, func(m jetstream.Msg) {
			if !held[name].ours(m) {
				return
			}
			read++
			if err := held[name].wrong(m); err != nil && len(wrong) < mostWrong {
				wrong = append(wrong, fmt.Errorf("%s: %w\n%s", m.Subject(), err, m.Data()))
			}
		})
		if err != nil {
			return read, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return read, errors.Join(wrong...)
}

// mostWrong bounds what a test prints.
const mostWrong = 10

func message(m jetstream.Msg) error {
	if err := Event(m.Data()); err != nil {
		return err
	}
	if e, err := events.Decode(m.Data()); err == nil {
		return on(m.Subject(), e.NATSSubject())
	}
	if b, err := events.DecodeBalance(m.Data()); err == nil {
		return on(m.Subject(), b.NATSSubject())
	}
	o, err := events.DecodeOrder(m.Data())
	if err != nil {
		return fmt.Errorf("pkg/events can't read what its schemas accept: %w", err)
	}
	return on(m.Subject(), o.NATSSubject())
}

func on(subject, want string) error {
	if subject != want {
		return fmt.Errorf("it belongs on %s", want)
	}
	return nil
}

// each reads a stream as it is now, from its beginning.
func each(ctx context.Context, js jetstream.JetStream, name string, look func(jetstream.Msg)) error {
	s, err := ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.Stream(ctx, name) })
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	left := s.CachedInfo().State.Msgs
	if left == 0 {
		return nil
	}
	c, err := ask(ctx, func(ctx context.Context) (jetstream.Consumer, error) {
		return js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{})
	})
	if err != nil {
		return err
	}
	messages, err := c.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for ; left > 0; left-- {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		look(m)
	}
	return nil
}

// A cluster that elects its leader refuses a question or lets it fall, so each is
// put again until there is an answer, for as long as an election may take.
const (
	oncePatience = 2 * time.Second
	askPatience  = 30 * time.Second
)

func ask[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	for {
		once, cancel := context.WithTimeout(ctx, oncePatience)
		got, err := question(once)
		cancel()
		if err == nil || errors.Is(err, jetstream.ErrStreamNotFound) || ctx.Err() != nil {
			return got, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

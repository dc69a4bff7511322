package subscribe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// DurableError means that a durable of this name exists, but is made otherwise
// than the Config asks for. Nothing was changed.
type DurableError struct {
	Durable string
	Differs []string // one text for each difference
}

func (e *DurableError) Error() string {
	return fmt.Sprintf("durable %q of stream %s is there, but differs: %s; use another name, set the Config to what is there, "+
		"or change the consumer", e.Durable, Stream, strings.Join(e.Differs, "; "))
}

// openTimeout bounds one call to make or look at the durable.
const openTimeout = 10 * time.Second

// open returns the durable, and makes it if it is not there.
func (c Config) open(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	cons, err := js.Consumer(ctx, Stream, c.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		// Of two that make it at once, one makes it and both get it: the server
		// takes the same config a second time.
		cons, err = js.CreateConsumer(ctx, Stream, c.durable())
		if errors.Is(err, jetstream.ErrConsumerExists) {
			cons, err = js.Consumer(ctx, Stream, c.Durable)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open durable %q of stream %s: %w", c.Durable, Stream, err)
	}
	if differs := differences(c.durable(), cons.CachedInfo().Config); len(differs) > 0 {
		return nil, &DurableError{Durable: c.Durable, Differs: differs}
	}
	return cons, nil
}

func (c Config) durable() jetstream.ConsumerConfig {
	want := jetstream.ConsumerConfig{
		Durable:        c.Durable,
		FilterSubjects: c.Filters,
		DeliverPolicy:  c.Start.policy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        c.AckWait,
		MaxDeliver:     -1, // the server never gives an event up
		MaxAckPending:  c.InFlight,
	}
	if !c.Start.at.IsZero() {
		want.OptStartTime = &c.Start.at
	}
	return want
}

// differences says in what a durable is otherwise than asked for.
func differences(want, got jetstream.ConsumerConfig) []string {
	var all []string
	differ := func(name string, want, got any) {
		if want != got {
			all = append(all, fmt.Sprintf("%s is %v, asked for %v", name, got, want))
		}
	}
	differ("filters", filters(want), filters(got))
	differ("start", start(want), start(got))
	differ("ack policy", want.AckPolicy, got.AckPolicy)
	differ("ack wait", want.AckWait, got.AckWait)
	differ("max ack pending", want.MaxAckPending, got.MaxAckPending)
	differ("max deliver", want.MaxDeliver, got.MaxDeliver)
	// What would keep events back, or bodies, or change who gets them.
	differ("headers only", false, got.HeadersOnly)
	differ("paused until", "never", pausedUntil(got))
	differ("backoff", "none", backOff(got))
	differ("priority groups", 0, len(got.PriorityGroups))
	differ("push subject", "", got.DeliverSubject)
	return all
}

func filters(c jetstream.ConsumerConfig) string {
	list := slices.Clone(c.FilterSubjects)
	if c.FilterSubject != "" {
		list = append(list, c.FilterSubject)
	}
	slices.Sort(list)
	return "[" + strings.Join(list, " ") + "]"
}

func start(c jetstream.ConsumerConfig) string {
	if c.OptStartTime != nil {
		return c.OptStartTime.UTC().Format(time.RFC3339Nano)
	}
	return c.DeliverPolicy.String()
}

func pausedUntil(c jetstream.ConsumerConfig) string {
	if c.PauseUntil == nil || c.PauseUntil.IsZero() {
		return "never"
	}
	return c.PauseUntil.UTC().Format(time.RFC3339)
}

func backOff(c jetstream.ConsumerConfig) string {
	if len(c.BackOff) == 0 {
		return "none"
	}
	return fmt.Sprint(c.BackOff)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// service is an order service: it creates orders, and hears what becomes of them.
type service struct {
	merchant string
	gateway  *gateway.Client
	js       jetstream.JetStream
}

// create has an order created, and returns where it is paid. While nobody knows
// whether it exists, it tries again under the same id, which the gateway takes
// once. An order that an earlier try made is there, but where it is paid was lost
// with the answer.
func (s service) create(ctx context.Context, order gateway.CollectOrder) (url string, err error) {
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		made, err := s.gateway.CreateCollect(ctx, order)
		if errors.As(err, new(*gateway.ExistsError)) {
			return "", nil
		}
		if !errors.As(err, new(*gateway.UnknownError)) || pause > 10*time.Second {
			return made.URL, err
		}
		<-time.After(pause)
	}
}

// follow tells what becomes of an order until tell has heard enough. It reads
// the stream, not the subject, which carries what the stream refused too.
func (s service) follow(ctx context.Context, order string, tell func(events.Payment) (more bool)) error {
	consumer, err := s.js.OrderedConsumer(ctx, "PAYMENTS", jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{events.GuardFilter(s.merchant, order), events.ReviewFilter(s.merchant, order)},
	})
	if err != nil {
		return fmt.Errorf("follow order %s: %w", order, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("follow order %s: %w", order, err)
	}
	defer messages.Stop()
	for {
		message, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("follow order %s: %w", order, err)
		}
		event, err := events.Decode(message.Data())
		if err != nil || !tell(event.Data.Common()) {
			return err
		}
	}
}

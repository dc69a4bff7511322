// Command subscriber is a small, complete downstream service: it books settled
// and reversed money once, in the order in which settlehook said it.
//
//	go run ./examples/subscriber -nats nats://127.0.0.1:4222 -sandbox
//
// Two things make it safe to copy. The durable consumer remembers how far this
// service has read, and the journal remembers which events are booked: the
// stream delivers at least once, the event id is the same each time, and what
// is booked already is only acknowledged.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

func main() {
	url := flag.String("nats", nats.DefaultURL, "NATS server")
	path := flag.String("journal", "journal.jsonl", "file the bookings are written to")
	sandbox := flag.Bool("sandbox", false, "book events of the sandbox, which no real money stands behind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *url, *path, *sandbox)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "subscriber:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url, path string, sandbox bool) (err error) {
	journal, err := OpenJournal(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	nc, err := nats.Connect(url, nats.Name("subscriber"), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "PAYMENTS", jetstream.ConsumerConfig{
		Durable: "bookkeeping",
		// The final outcomes; reviews are for people.
		FilterSubjects: []string{
			"payments.v1.settled.>", "payments.v1.failed.>", "payments.v1.reversed.>", "payments.v1.expired.>",
		},
		AckPolicy: jetstream.AckExplicitPolicy,
		AckWait:   30 * time.Second,
		// One at a time keeps the order of the stream even over redeliveries:
		// a reversed event never comes before its settled one.
		MaxAckPending: 1,
	})
	if err != nil {
		return err
	}
	return consume(ctx, consumer, &bookkeeper{journal: journal, sandbox: sandbox})
}

func consume(ctx context.Context, c jetstream.Consumer, b *bookkeeper) error {
	messages, err := c.Messages(jetstream.PullMaxMessages(1),
		jetstream.WithMessagesErrOnMissingHeartbeat(false)) // a server that is away comes back
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
			return err
		}
		if err := b.handle(m.Data()); err != nil {
			// Not acknowledged: it comes again once somebody has looked.
			return fmt.Errorf("%s: %w", m.Subject(), err)
		}
		// An acknowledgement that is lost brings the event again, and the
		// journal knows it.
		_ = m.Ack()
	}
}

// bookkeeper turns events into bookings.
type bookkeeper struct {
	journal *Journal
	sandbox bool
}

// handle returns nil once the event needs nothing more from this service.
func (b *bookkeeper) handle(body []byte) error {
	event, err := events.Decode(body)
	var unknown *events.UnknownTypeError
	switch {
	case errors.As(err, &unknown):
		fmt.Println("skipped, of a newer settlehook:", unknown.Type)
		return nil
	case err != nil:
		return err // breaks the contract: stop and let a person look
	case !event.Data.Common().LiveMode && !b.sandbox:
		fmt.Println("skipped, no real money:", event.ID)
		return nil
	}
	switch event.Data.(type) {
	case events.Settled, events.Reversed:
		return b.book(event)
	default:
		// Failed and expired move no money: the order may be released.
		return nil
	}
}

// book writes the booking unless it is written already. Direction says which
// way the balance at the gateway moves; a reversal books the opposite of what
// its settled event booked, beside it.
func (b *bookkeeper) book(event events.Event) error {
	p := event.Data.Common()
	isNew, err := b.journal.Book(Booking{
		ID: event.ID, Day: p.BookingDate, Merchant: p.Merchant, Order: p.OrderID,
		Direction: p.Direction, Amount: p.Amount, Net: p.Net, Currency: p.Currency,
	})
	if err == nil && isNew {
		fmt.Println("booked", event.ID, p.Direction, p.Amount, p.Currency)
	}
	return err
}

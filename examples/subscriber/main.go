// Command subscriber is a small, complete downstream service: it books settled
// and reversed money once, in the order in which settlehook said it.
//
//	go run ./examples/subscriber -nats nats://127.0.0.1:4222 -sandbox
//
// Two things make it safe to copy. The durable consumer of pkg/subscribe remembers
// how far this service has read, and the journal remembers which events are
// booked: an event comes at least once, its id is the same each time, and what is
// booked already is only acknowledged.
package main

import (
	"cmp"
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
	"github.com/settlehook/settlehook/pkg/subscribe"
)

func main() {
	url := flag.String("nats", cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL), "NATS servers, comma-separated; NATS_URL")
	inbox := flag.String("inbox", cmp.Or(os.Getenv("NATS_INBOX_PREFIX"), "_INBOX"),
		"where answers come to, as the user's permissions say; NATS_INBOX_PREFIX")
	path := flag.String("journal", "journal.jsonl", "file the bookings are written to")
	sandbox := flag.Bool("sandbox", false, "book events of the sandbox, which no real money stands behind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *url, *inbox, *path, *sandbox)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "subscriber:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url, inbox, path string, sandbox bool) (err error) {
	journal, err := OpenJournal(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	nc, err := nats.Connect(url, nats.Name("subscriber"), nats.CustomInboxPrefix(inbox), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b := &bookkeeper{journal: journal, sandbox: sandbox, stop: stop}
	if err := subscribe.Run(ctx, js, b.config(), b.handle); err != nil {
		return err
	}
	return b.failed
}

// bookkeeper turns events into bookings.
type bookkeeper struct {
	journal *Journal
	sandbox bool
	stop    context.CancelFunc // ends the service
	failed  error              // why it was ended; nil: it was told to
}

func (b *bookkeeper) config() subscribe.Config {
	return subscribe.Config{
		Durable: "bookkeeping",
		// The final outcomes; reviews are for people.
		Filters: []string{
			"payments.v1.settled.>", "payments.v1.failed.>", "payments.v1.reversed.>", "payments.v1.expired.>",
		},
		// One at a time keeps the order of the stream even over redeliveries:
		// a reversed event never comes before its settled one.
		InFlight: 1,
		// A booking takes milliseconds: what a crash had in hand comes again soon.
		AckWait: 5 * time.Second,
		OnUnknownType: func(_ context.Context, r subscribe.Raw) error {
			fmt.Println("skipped, of a newer settlehook:", r.Err)
			return nil
		},
		OnUndecodable: func(_ context.Context, r subscribe.Raw) error {
			return b.giveUp(fmt.Errorf("%s: %w", r.Subject, r.Err)) // breaks the contract
		},
	}
}

// giveUp ends the service. The event at hand is not acknowledged: it comes again
// once somebody has looked.
func (b *bookkeeper) giveUp(err error) error {
	b.failed = err
	b.stop()
	return err
}

// handle returns nil once the event needs nothing more from this service.
func (b *bookkeeper) handle(_ context.Context, d subscribe.Delivery) error {
	if !d.Event.Data.Common().LiveMode && !b.sandbox {
		fmt.Println("skipped, no real money:", d.Event.ID)
		return nil
	}
	switch d.Event.Data.(type) {
	case events.Settled, events.Reversed:
		if err := b.book(d.Event); err != nil {
			return b.giveUp(err) // the journal has to be opened again
		}
	}
	// Failed and expired move no money: the order may be released.
	return nil
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

package subscribe_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

// A service of its own: connect, run until told to stop.
func ExampleRun() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	nc, err := nats.Connect("nats://downstream@127.0.0.1:4222",
		nats.CustomInboxPrefix("_INBOX_downstream"), nats.MaxReconnects(-1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		fmt.Println(err)
		return
	}
	db := newDatabase()
	err = subscribe.Run(ctx, js, subscribe.Config{
		Durable:       "bookkeeping",
		Filters:       []string{"payments.v1.settled.>", "payments.v1.reversed.>"},
		OnUnknownType: subscribe.Skip, // of a newer settlehook: this service has no use for them
		OnUndecodable: func(_ context.Context, r subscribe.Raw) error {
			return fmt.Errorf("sequence %d: somebody has to look: %w", r.Sequence, r.Err)
		},
	}, db.handle)
	if err != nil {
		fmt.Println(err)
	}
}

// The id of the event is inserted under a unique constraint, in the transaction
// that books: whatever comes again finds its id there, and changes nothing.
func Example_bookOnce() {
	source := eventstest.NewSource(7) // repeats deliveries, as JetStream may
	order := []eventstest.Option{eventstest.Order("A.17"), eventstest.Amount("1000", "12.50")}
	if err := source.Publish(eventstest.Settled(order...), eventstest.Reversed(order...)); err != nil {
		fmt.Println(err)
	}
	db := newDatabase()
	if err := source.Drain(context.Background(), subscribe.Config{Durable: "bookkeeping"}, db.handle); err != nil {
		fmt.Println(err)
	}
	for _, row := range db.bookings {
		fmt.Println(row)
	}
	// Output:
	// m1001/A%2E17/settled credit 987.50 INR
	// m1001/A%2E17/reversed debit 987.50 INR
}

// database stands for one with transactions.
type database struct {
	mu       sync.Mutex
	ids      map[string]bool // primary key of the table of events
	bookings []string
}

func newDatabase() *database { return &database{ids: map[string]bool{}} }

func (db *database) handle(_ context.Context, d subscribe.Delivery) error {
	db.mu.Lock()         // BEGIN
	defer db.mu.Unlock() // COMMIT
	if db.ids[d.Event.ID] {
		return nil // INSERT INTO events ... ON CONFLICT DO NOTHING inserted no row
	}
	db.ids[d.Event.ID] = true
	switch data := d.Event.Data.(type) {
	case events.Settled, events.Reversed:
		p := data.Common()
		db.bookings = append(db.bookings, fmt.Sprint(d.Event.ID, " ", p.Direction, " ", p.Net, " ", p.Currency))
	case events.Failed, events.Expired, events.Review, events.Resolved: // move no money
	}
	return nil
}

// An event says which one no longer holds. With more than one event in flight a
// redelivery may come behind the event that supersedes it: then it is known
// already that it no longer holds.
func Example_supersession() {
	source := eventstest.NewSource(3)
	expired := eventstest.Expired()
	settled := eventstest.Settled(eventstest.Supersedes(expired.ID))
	if err := source.Publish(expired, settled); err != nil {
		fmt.Println(err)
	}
	var (
		superseded = map[string]bool{} // a table of ids, in the same transaction
		shipped    bool
	)
	handle := func(_ context.Context, d subscribe.Delivery) error {
		if d.Event.ID == expired.ID && d.Attempt == 1 {
			return errors.New("the database is away") // so it comes again, behind settled
		}
		superseded[d.Event.Data.Common().Supersedes] = true
		if superseded[d.Event.ID] {
			return nil // late: something newer was said of this order
		}
		switch d.Event.Data.(type) {
		case events.Settled:
			shipped = true
		case events.Failed, events.Expired, events.Reversed:
			shipped = false
		}
		return nil
	}
	if err := source.Drain(context.Background(), subscribe.Config{Durable: "shop"}, handle); err != nil {
		fmt.Println(err)
	}
	fmt.Println("shipped:", shipped)
	// Output: shipped: true
}

// A new durable reads again what was stored since a time. The ids are those of
// the first reading, so what is booked stays booked once.
func ExampleStartAt() {
	source := eventstest.NewSource(1)
	if err := source.Publish(eventstest.Settled()); err != nil {
		fmt.Println(err)
	}
	db := newDatabase()
	for _, cfg := range []subscribe.Config{
		{Durable: "bookkeeping"},
		{Durable: "bookkeeping-replay-1", Start: subscribe.StartAt(time.Now().Add(-24 * time.Hour))},
	} {
		if err := source.Drain(context.Background(), cfg, db.handle); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(len(db.bookings), "booking")
	// Output: 1 booking
}

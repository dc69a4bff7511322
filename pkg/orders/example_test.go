package orders_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

// An order is registered before it is created at the gateway; pkg/gateway does
// both, and takes the registration back after a definite refusal.
func Example() {
	url, stop := installation()
	defer stop()

	nc, err := nats.Connect(url, nats.ReconnectBufSize(-1))
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		panic(err)
	}
	book := orders.NewBook(js, 5*time.Second)

	order := events.SubmittedOrder{
		Flow: events.FlowCollect, Merchant: "m1001",
		Amount: events.MustParseAmount("1000.00"), Currency: "INR",
	}
	// An event of each kind, of one order after the other.
	event := func(build func(string, time.Time, events.SubmittedOrder) (events.OrderEvent, error), id string) events.OrderEvent {
		order.OrderID = id
		e, err := build("local", time.Now(), order)
		if err != nil {
			panic(err)
		}
		return e
	}
	ctx := context.Background()

	// The gateway refuses to create the first order, and has no such order.
	fresh, err := book.Submit(ctx, event(events.NewSubmitted, "20260504-0001"))
	fmt.Println("registered:", fresh, err)
	fmt.Println("withdrawn:", book.Withdraw(ctx, event(events.NewWithdrawn, "20260504-0001")))
	_, err = book.Submit(ctx, event(events.NewSubmitted, "20260504-0001"))
	fmt.Println("used up:", errors.Is(err, orders.ErrWithdrawn))

	// Of the second nobody knows whether it was created, so it is tried again:
	// from then on it keeps its registration, whatever an attempt is told.
	for range 2 {
		fresh, err := book.Submit(ctx, event(events.NewSubmitted, "20260504-0002"))
		fmt.Println("registered:", fresh, err)
	}
	err = book.Withdraw(ctx, event(events.NewWithdrawn, "20260504-0002"))
	fmt.Println("kept:", errors.Is(err, orders.ErrRepeated))
	// Output:
	// registered: true <nil>
	// withdrawn: <nil>
	// used up: true
	// registered: true <nil>
	// registered: false <nil>
	// kept: true
}

// installation starts a NATS server with the streams of settlehook.
func installation() (url string, stop func()) {
	dir, err := os.MkdirTemp("", "orders-example")
	if err != nil {
		panic(err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		panic(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		panic("NATS is not ready")
	}
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := stream.Setup(ctx, js, topology()); err != nil {
		panic(err)
	}
	return s.ClientURL(), func() {
		s.Shutdown()
		s.WaitForShutdown()
		_ = os.RemoveAll(dir)
	}
}

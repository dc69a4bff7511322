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
		Flow: events.FlowCollect, Merchant: "m1001", OrderID: "20260504-0001",
		Amount: events.MustParseAmount("1000.00"), Currency: "INR",
	}
	registration, err := events.NewSubmitted("local", time.Now(), order)
	if err != nil {
		panic(err)
	}
	for range 2 { // a repeat is harmless
		fresh, err := book.Submit(context.Background(), registration)
		fmt.Println("registered:", fresh, err)
	}

	// The gateway refused to create it, and has no such order.
	withdrawal, err := events.NewWithdrawn("local", time.Now(), order)
	if err != nil {
		panic(err)
	}
	fmt.Println("withdrawn:", book.Withdraw(context.Background(), withdrawal))

	_, err = book.Submit(context.Background(), registration)
	fmt.Println("again:", errors.Is(err, orders.ErrWithdrawn))
	// Output:
	// registered: true <nil>
	// registered: false <nil>
	// withdrawn: <nil>
	// again: true
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

// Command orderservice is a small order service: it has a payer pay one order,
// and says what settlehook made of it. What such a service is made of stands in
// service.go; here is where its settings come from.
//
//	go run ./examples/orderservice
//
// The defaults fit 'make run'. Open the address that it prints and pay; pay less
// than was asked, and a review comes instead of the settled event.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/orders"
	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// shop is what an order service is configured with.
type shop struct {
	nats, gateway, notify, account, order, amount string
	key                                           sign.Secret
}

func main() {
	var s shop
	flag.StringVar(&s.nats, "nats", nats.DefaultURL, "NATS server of settlehook")
	flag.StringVar(&s.gateway, "gateway", "http://127.0.0.1:8888", "payment gateway")
	flag.StringVar(&s.notify, "notify", "http://127.0.0.1:8080", "settlehook's receiver, as the gateway reaches it")
	flag.StringVar(&s.account, "account", "8801", "merchant account at the gateway, whose key is GATEWAY_KEY")
	flag.StringVar(&s.order, "order", "shop-"+strconv.FormatInt(time.Now().UnixMilli(), 36), "order id, unique")
	flag.StringVar(&s.amount, "amount", "1000.00", "amount in rupees")
	flag.Parse()
	s.key = sign.Secret(cmp.Or(os.Getenv("GATEWAY_KEY"), "sandbox-secret-one")) // which is no secret
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "orderservice:", err)
		os.Exit(1)
	}
}

// run creates the order, and says what becomes of it until it is settled.
func (s shop) run(ctx context.Context, out io.Writer) error {
	amount, amountErr := events.ParseAmount(s.amount)
	keys, keyErr := sign.NewKeyring("", sign.Key{ID: "key", Secret: s.key})
	nc, err := nats.Connect(s.nats, nats.ReconnectBufSize(-1)) // what was not registered in time stays unregistered
	if err := errors.Join(err, keyErr, amountErr); err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	client, err := gateway.NewClient(gateway.Config{
		BaseURL: s.gateway, Account: s.account, Keyring: keys, NotifyBase: s.notify,
		Merchant: "m1001", Installation: "local", Currency: "INR", Rules: region.Rules{Region: region.India},
		Orders: orders.NewBook(js, 5*time.Second),
	})
	if err != nil {
		return err
	}
	service := service{merchant: "m1001", gateway: client, js: js}
	order := gateway.CollectOrder{PayCode: "101", OrderID: s.order}
	order.Amount, _ = amount.Decimal()
	url, err := service.create(ctx, order)
	if err != nil {
		return err
	}
	if url == "" {
		_, _ = fmt.Fprintf(out, "order %s: created, but the answer was lost, and with it where to pay; start again for another order\n", s.order)
		return nil
	}
	_, _ = fmt.Fprintf(out, "order %s: pay at %s\n", s.order, url)
	return service.follow(ctx, s.order, func(p events.Payment) bool {
		_, _ = fmt.Fprintf(out, "order %s: %s, %s %s, match: %s\n", p.OrderID, p.Outcome, p.Amount, p.Currency, p.Match)
		return p.Outcome != events.OutcomeSettled
	})
}

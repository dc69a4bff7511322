package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// memory is an order book for the examples; an order service uses the Book of
// pkg/orders, which stores in NATS.
type memory map[string]events.OrderEvent

func (m memory) Submit(_ context.Context, e events.OrderEvent) (fresh bool, err error) {
	_, before := m[e.ID]
	m[e.ID] = e
	return !before, nil
}

func (m memory) Withdraw(_ context.Context, e events.OrderEvent) error {
	m[e.ID] = e
	return nil
}

// exampleGateway answers each endpoint with a text.
func exampleGateway(answers map[string]string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}))
}

// exampleClient is what an order service in India sets up once at its start.
func exampleClient(address string, book gateway.Orders) *gateway.Client {
	keys, err := sign.NewKeyring("2026", sign.Key{ID: "2026", Secret: "from the environment"})
	if err != nil {
		panic(err)
	}
	client, err := gateway.NewClient(gateway.Config{
		BaseURL: address, Account: "8801", Keyring: keys,
		Orders: book, Merchant: "m1001", Installation: "prod", Currency: "INR",
		Rules: region.Rules{Region: region.India}, NotifyBase: "https://pay.example",
	})
	if err != nil {
		panic(err)
	}
	return client
}

func ExampleClient_CreateCollect() {
	server := exampleGateway(map[string]string{
		"/collect/create": `{"code":200,"success":true,"data":{"url":"https://gateway.example/cashier/7f3a"}}`,
	})
	defer server.Close()
	book := memory{}
	client := exampleClient(server.URL, book)

	collection, err := client.CreateCollect(context.Background(), gateway.CollectOrder{
		PayCode: "101", OrderID: "A17", Amount: decimal.MustParse("1000.00"),
		CallbackURL: "https://shop.example/thanks",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("send the payer to", collection.URL)
	registered := book["m1001/A17/submitted/collect"].Data
	fmt.Println("registered:", registered.Amount, registered.Currency)
	// Output:
	// send the payer to https://gateway.example/cashier/7f3a
	// registered: 1000.00 INR
}

func ExampleClient_CreatePay() {
	server := exampleGateway(map[string]string{
		"/pay/create": `{"code":200,"success":true,"data":{"platOrderId":"122145557788"}}`,
	})
	defer server.Close()
	client := exampleClient(server.URL, memory{})

	order := gateway.PayOrder{
		PayCode: "202", OrderID: "P5", Amount: decimal.MustParse("250"), BankAccount: "50100123456789",
		CustomName: "Asha Rao", Remark: "HDFC0001234", Number: "919876543210",
	}
	payout, err := client.CreatePay(context.Background(), order)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("taken on as", payout.PlatOrderID)
	fmt.Println(order) // safe to log
	// Output:
	// taken on as 122145557788
	// PayOrder{payCode:202 amount:250 orderId:P5 bankAccount:[redacted] customName:[redacted] remark:[redacted] number:[redacted]}
}

// Each error of a create asks for something else.
func ExampleClient_CreateCollect_errors() {
	const (
		noOrder = `{"code":400,"success":false,"desc":"order does not exist"}`
		refused = `{"code":400,"success":false,"desc":"channel closed"}`
	)
	whatToDo := func(err error) string {
		var (
			field   *region.FieldError
			notSent *gateway.TransportError
			refused *gateway.RefusedError
			exists  *gateway.ExistsError
			unknown *gateway.UnknownError
		)
		// UnknownError first: it wraps the error that caused it.
		switch {
		case errors.As(err, &unknown):
			return "may exist: ask, or repeat with the same id " + unknown.OrderID
		case errors.As(err, &exists):
			return "exists, " + exists.Order.Status.String() + ": wait for its event"
		case errors.As(err, &refused) && refused.Withdrawn:
			return "refused (" + refused.Desc + "): correct it, take a new id"
		case errors.As(err, &refused):
			return "refused (" + refused.Desc + "): correct it, keep the id"
		case errors.As(err, &notSent):
			return "not sent: repeat with the same id"
		case errors.As(err, &field):
			return "wrong " + field.Field + ": correct it"
		case errors.Is(err, gateway.ErrNotAnnounced):
			return "not announced: repeat with the same id"
		}
		return "created"
	}
	order := gateway.CollectOrder{PayCode: "101", OrderID: "A17", Amount: decimal.MustParse("1000.00")}
	for _, answers := range []map[string]string{
		{"/collect/create": `{"code":200,"success":true,"data":{"url":"https://gateway.example/cashier/7f3a"}}`},
		{"/collect/create": `{"code":500,"success":false,"desc":"busy"}`},
		{"/collect/create": refused, "/order/query": noOrder},
		{"/collect/create": refused, "/order/query": `{"code":200,"success":true,"data":{"orderId":"A17","status":0}}`},
	} {
		server := exampleGateway(answers)
		_, err := exampleClient(server.URL, memory{}).CreateCollect(context.Background(), order)
		fmt.Println(whatToDo(err))
		server.Close()
	}

	client := exampleClient("http://127.0.0.1:1", memory{}) // nobody there
	_, err := client.CreateCollect(context.Background(), order)
	fmt.Println(whatToDo(err))

	order.Amount = decimal.MustParse("1000.005")
	_, err = client.CreateCollect(context.Background(), order)
	fmt.Println(whatToDo(err))
	fmt.Println(err)
	// Output:
	// created
	// may exist: ask, or repeat with the same id A17
	// refused (channel closed): correct it, take a new id
	// exists, submitted: wait for its event
	// not sent: repeat with the same id
	// wrong amount: correct it
	// invalid request: amount: give a plain decimal above zero with at most 2 decimals and 15 digits before them, such as 1000.00
}

func ExampleClient_QueryOrder() {
	server := exampleGateway(map[string]string{
		"/order/query": `{"code":200,"success":true,"data":{"orderId":"A17","platOrderId":"236130395249311744",` +
			`"status":1,"amount":1000.00,"fee":20.00,"utr":"310310600223"}}`,
	})
	defer server.Close()
	client := exampleClient(server.URL, nil) // asking needs no order book

	order, err := client.QueryOrder(context.Background(), "A17")
	var notFound *gateway.NotFoundError
	switch {
	case errors.As(err, &notFound):
		fmt.Println("no such order")
	case gateway.Unavailable(err):
		fmt.Println("ask again later:", err)
	case err != nil:
		fmt.Println("let a person look:", err)
	default:
		fmt.Println(order.Status, order.Amount, "fee", order.Fee)
	}
	// Output:
	// success 1000.00 fee 20.00
}

func ExampleClient_QueryBalance() {
	server := exampleGateway(map[string]string{
		"/order/balance": `{"code":200,"success":true,"data":{"balanceAll":1000.50,"balanceUsable":-20}}`,
	})
	defer server.Close()
	client := exampleClient(server.URL, nil)

	balance, err := client.QueryBalance(context.Background())
	if err != nil {
		fmt.Println("ask again later:", err)
		return
	}
	fmt.Println(balance.Usable, "of", balance.All)
	// Output:
	// -20 of 1000.50
}

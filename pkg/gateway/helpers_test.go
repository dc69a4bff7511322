package gateway_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// The paths of the four endpoints.
const (
	collectPath = "/collect/create"
	payPath     = "/pay/create"
	queryPath   = "/order/query"
	balancePath = "/order/balance"
)

// tape records what happened, in order.
type tape struct {
	mu    sync.Mutex
	steps []string
}

func (tp *tape) add(step string) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.steps = append(tp.steps, step)
}

func (tp *tape) expect(t testing.TB, want ...string) {
	t.Helper()
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if !slices.Equal(tp.steps, want) {
		t.Errorf("what happened: %q, want %q", tp.steps, want)
	}
}

// book is an order book that does as it is told.
type book struct {
	tape                   *tape
	fresh                  bool
	submitErr, withdrawErr error
	onSubmit               func()
	got                    []events.OrderEvent
}

func (b *book) Submit(_ context.Context, e events.OrderEvent) (bool, error) {
	b.tape.add("submit")
	b.got = append(b.got, e)
	if b.onSubmit != nil {
		b.onSubmit()
	}
	return b.fresh && b.submitErr == nil, b.submitErr
}

func (b *book) Withdraw(_ context.Context, e events.OrderEvent) error {
	b.tape.add("withdraw")
	b.got = append(b.got, e)
	return b.withdrawErr
}

// handlers are a gateway by endpoint.
type handlers map[string]http.HandlerFunc

// start runs a gateway and a client that announces to b; an endpoint without a
// handler must not be called.
func start(t testing.TB, b *book, hs handlers, adapt ...func(*gateway.Config)) *gateway.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.tape.add("POST " + r.URL.Path)
		if hs[r.URL.Path] == nil {
			t.Errorf("%s was called", r.URL.Path)
			return
		}
		hs[r.URL.Path](w, r)
	}))
	t.Cleanup(server.Close)
	cfg := announcing(t, server.URL, b)
	for _, f := range adapt {
		f(&cfg)
	}
	client, err := gateway.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// announcing is a configuration for creates.
func announcing(t testing.TB, base string, orders gateway.Orders) gateway.Config {
	t.Helper()
	return gateway.Config{
		BaseURL: base, Account: account, Keyring: ring(t), Now: func() time.Time { return noon },
		Orders: orders, Merchant: "m1", Installation: "prod", Currency: "INR",
		Rules: region.Rules{Region: region.None}, NotifyBase: "https://pay.example/in/",
	}
}

func amount(text string) decimal.Decimal { return decimal.MustParse(text) }

// Orders that every region but Brazil accepts.
func aCollect() gateway.CollectOrder {
	return gateway.CollectOrder{PayCode: "101", OrderID: "A1", Amount: amount("1000")}
}

func aPay() gateway.PayOrder {
	return gateway.PayOrder{
		PayCode: "202", OrderID: "A1", Amount: amount("1000"), BankAccount: "50100123456789", CustomName: "Asha Rao",
		Remark: "HDFC0001234", Number: "919876543210",
	}
}

// kind is one of the creates, for tests of what both must do.
type kind struct {
	name, path string
	data       string // of a success
	create     func(context.Context, *gateway.Client) error
}

func creates() []kind {
	return []kind{
		{"collect", collectPath, `{"url":"https://gateway.example/cashier/x"}`, func(ctx context.Context, c *gateway.Client) error {
			_, err := c.CreateCollect(ctx, aCollect())
			return err
		}},
		{"pay", payPath, `{"platOrderId":"122145557788"}`, func(ctx context.Context, c *gateway.Client) error {
			_, err := c.CreatePay(ctx, aPay())
			return err
		}},
	}
}

func success(data string) string {
	return `{"code":200,"success":true,"msg":"success","desc":"","data":` + data + `}`
}

func refusal(desc string) string {
	return `{"code":400,"success":false,"desc":"` + desc + `","data":null}`
}

// The ways a call can go wrong.

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, success(`{}`))
	}
}

// raw sends a text instead of an HTTP answer and closes the connection.
func raw(reply string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, reply)
		_ = conn.Close()
	}
}

// hang answers nothing until the client goes away.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func shortly(c *gateway.Config) { c.Timeout = 100 * time.Millisecond }

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/orders"
	"github.com/settlehook/settlehook/pkg/region"
)

// payment is an order that a person pays, or not, at the cashier page, and what
// finance is told afterwards.
type payment struct {
	order string
	acts  []chromedp.Action[chromedp.Void]
	state string // at the cashier, as data-state

	outcome events.Outcome
	reason  string // "" for whatever it is
	match   events.Match
	amount  string // "" where it is not compared
}

func payments() []payment {
	pay := func(text string) []chromedp.Action[chromedp.Void] {
		return []chromedp.Action[chromedp.Void]{
			chromedp.SendKeys(chromedp.ID("other-amount"), text), chromedp.Click(chromedp.ID("pay-other")),
		}
	}
	click := func(id string) []chromedp.Action[chromedp.Void] {
		return []chromedp.Action[chromedp.Void]{chromedp.Click(chromedp.ID(id))}
	}
	return []payment{
		{order: "paid", acts: click("pay"), state: "settled", outcome: events.OutcomeSettled, match: events.ThreeWay, amount: "1000.00"},
		{order: "underpaid", acts: pay("999.99"), state: "short-paid", outcome: events.OutcomeReview, reason: "amount_mismatch", amount: "999.99"},
		{order: "overpaid", acts: pay("1000.01"), state: "over-paid", outcome: events.OutcomeReview, reason: "amount_mismatch", amount: "1000.01"},
		{order: "failed", acts: click("fail"), state: "failed", outcome: events.OutcomeFailed},
	}
}

// TestCashier: orders that an order service announced and created over HTTP are
// paid, paid wrongly and let fail in a browser at the page that the gateway
// answered with; the browser ends in the shop, and finance is told what
// happened, once each.
func TestCashier(t *testing.T) {
	w := newWorld(t, 1)
	service := w.orderService(alice)
	shop, visits := startShop(t)
	browser := testserver.Chromium(t)
	tabs := map[string]context.Context{}
	for _, p := range payments() {
		made, err := service.CreateCollect(t.Context(), gateway.CollectOrder{
			PayCode: "upi", OrderID: p.order, Amount: dec("1000.00"), CallbackURL: shop + "/thanks/" + p.order + "?lang=en",
		})
		if err != nil {
			t.Fatal(err)
		}
		if !made.Sandbox || made.OrderID != p.order {
			t.Errorf("created %+v", made)
		}
		tabs[p.order] = testserver.ChromiumTab(browser, t)
		atCashier(tabs[p.order], t, made.URL, p)
	}
	// Each tab moves on by itself; they do so side by side.
	for _, p := range payments() {
		inShop(tabs[p.order], t, visits[p.order], shop+"/thanks/"+p.order+"?lang=en")
	}
	if err := w.gateways[alice].WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.await("an event of every order", func() bool { return int(w.count(stream.Payments)) >= len(payments()) })
	w.await("all callbacks decided", func() bool { return w.drained(alice) })
	l := w.ledger()
	for _, p := range payments() {
		told(t, l.of(alice, p.order), p)
	}
	if parked := w.count(stream.Parked); parked != 0 {
		t.Errorf("%d callbacks parked", parked)
	}
}

// orderService is the client with which a merchant creates orders.
func (w *world) orderService(merchant string) *gateway.Client {
	w.t.Helper()
	m, ok := w.merchants.Get(merchant)
	if !ok {
		w.t.Fatalf("no merchant %s", merchant)
	}
	c, err := gateway.NewClient(gateway.Config{
		BaseURL: m.Gateway, Account: m.Account, Keyring: m.Keyring, Merchant: m.ID, Installation: installation,
		Currency: m.Currency, Rules: region.Rules{Region: m.Region}, NotifyBase: "http://" + w.receiver.http,
		Orders: orders.NewBook(w.js, 5*time.Second),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.CloseIdleConnections)
	return c
}

// startShop is where the payers come from. visits has who came back, by order.
func startShop(t *testing.T) (base string, visits map[string]chan *http.Request) {
	t.Helper()
	visits = map[string]chan *http.Request{}
	for _, p := range payments() {
		visits[p.order] = make(chan *http.Request, 4)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /thanks/{order}", func(w http.ResponseWriter, r *http.Request) {
		if came, ok := visits[r.PathValue("order")]; ok {
			came <- r
		}
		_, _ = io.WriteString(w, `<!doctype html><title>Shop</title><h1 id="thanks">Thank you</h1>`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, visits
}

// atCashier opens the page and does there what the payment says.
func atCashier(tab context.Context, t *testing.T, url string, p payment) {
	t.Helper()
	opened, err := chromedp.RunResponse(tab, chromedp.Navigate(url))
	if err != nil || opened.Status != http.StatusOK {
		t.Fatalf("%s: the cashier page at %s: %+v, %v", p.order, url, opened, err)
	}
	sees(tab, t, "order", p.order)
	sees(tab, t, "amount", "1000.00 INR")
	closed, err := chromedp.RunResponse(tab, p.acts...)
	if err != nil || closed.Status != http.StatusOK {
		t.Fatalf("%s: after the payment: %+v, %v", p.order, closed, err)
	}
	state, err := chromedp.Run(tab, chromedp.AttributeValue(chromedp.ID("state"), "data-state"))
	if err != nil || state.Value != p.state {
		t.Errorf("%s: the cashier says %q, %v, want %q", p.order, state.Value, err, p.state)
	}
}

func sees(tab context.Context, t *testing.T, id, want string) {
	t.Helper()
	if got, err := chromedp.Run(tab, chromedp.Text(chromedp.ID(id))); err != nil || got != want {
		t.Errorf("#%s says %q, %v, want %q", id, got, err, want)
	}
}

// inShop waits until the tab is back in the shop.
func inShop(tab context.Context, t *testing.T, visits <-chan *http.Request, want string) {
	t.Helper()
	select {
	case <-visits:
	case <-time.After(patience):
		t.Fatalf("the browser did not come to %s within %s", want, patience)
	}
	if err := chromedp.Do(tab, chromedp.WaitVisible(chromedp.ID("thanks"))); err != nil {
		t.Fatal(err)
	}
	if at, err := chromedp.Run(tab, chromedp.Location()); err != nil || at != want {
		t.Errorf("the browser ended at %q, %v, want %q", at, err, want)
	}
}

// told checks what the ledger says about an order.
func told(t *testing.T, chain []events.Event, p payment) {
	t.Helper()
	if len(chain) != 1 {
		t.Errorf("%s: %d events, want 1: %s", p.order, len(chain), fmt.Sprint(chain))
		return
	}
	got := chain[0].Data.Common()
	if got.Outcome != p.outcome || p.reason != "" && got.Reason != p.reason {
		t.Errorf("%s: %s because of %s, want %s %s", p.order, got.Outcome, got.Reason, p.outcome, p.reason)
	}
	if p.match != "" && got.Match != p.match {
		t.Errorf("%s: match %s, want %s", p.order, got.Match, p.match)
	}
	if p.amount != "" && got.Amount.String() != p.amount {
		t.Errorf("%s: amount %s, want %s", p.order, got.Amount, p.amount)
	}
	if got.SubmittedAmount.String() != "1000.00" {
		t.Errorf("%s: submitted amount %s, want 1000.00", p.order, got.SubmittedAmount)
	}
	if got.LiveMode {
		t.Errorf("%s: the event passes for real money", p.order)
	}
}

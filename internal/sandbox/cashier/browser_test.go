package cashier_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/settlehook/settlehook/internal/sandbox/cashier"
	"github.com/settlehook/settlehook/internal/testserver"
)

// payer is a person with a browser, at a cashier and afterwards in a shop.
type payer struct {
	t    *testing.T // that plays now
	tab  context.Context
	desk *fakeDesk
	base string // of the cashier
	shop string // its callbackUrl

	visits chan *http.Request // of the shop

	complaints func() []string // the browser's
}

// callback is the path and query that the shop gave to come back by.
const callback = "/thanks?cart=7&note=a%26b%3Dc;(x)"

// backTimeout bounds the wait for the browser to move on, on a busy machine.
const backTimeout = 30 * time.Second

// newPayer serves a desk and a shop, and opens a tab.
func newPayer(browser context.Context, t *testing.T, edits ...func(*cashier.Bill)) *payer {
	t.Helper()
	p := &payer{t: t, visits: make(chan *http.Request, 8)}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/thanks" {
			http.NotFound(w, r) // the icon, which browsers look for
			return
		}
		p.visits <- r
		_, _ = io.WriteString(w, `<!doctype html><title>Shop</title><h1 id="thanks">Thank you</h1>`)
	}))
	t.Cleanup(shop.Close)
	p.shop = shop.URL + callback
	p.desk = newDesk(append([]func(*cashier.Bill){returningTo(p.shop)}, edits...)...)
	server := httptest.NewServer(cashier.Handler(p.desk))
	t.Cleanup(server.Close)
	p.base = server.URL
	p.tab, p.complaints = testserver.WatchedTab(browser, t)
	return p
}

func (p *payer) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.tab, actions...); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// goes does something that loads a page, and checks that page's status.
func (p *payer) goes(status int64, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	res, err := chromedp.RunResponse(p.tab, actions...)
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
	if res.Status != status {
		p.t.Fatalf("%s answered %d, want %d", res.URL, res.Status, status)
	}
}

func (p *payer) opens() {
	p.t.Helper()
	p.goes(200, chromedp.Navigate(p.base+"/cashier/"+token))
}

// sees checks the text of an element.
func (p *payer) sees(id, want string) {
	p.t.Helper()
	got, err := chromedp.Run(p.tab, chromedp.Text(chromedp.ID(id)))
	if err != nil {
		p.t.Fatalf("#%s: %v", id, err)
	}
	if got != want {
		p.t.Errorf("#%s says %q, want %q", id, got, want)
	}
}

func evaluate[T any](p *payer, script string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.tab, chromedp.Evaluate[T](script))
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return value
}

// comesBack checks that the browser reaches the shop, by the address given and
// without one to come from.
func (p *payer) comesBack() {
	p.t.Helper()
	select {
	case r := <-p.visits:
		if r.RequestURI != callback {
			p.t.Errorf("the shop was asked for %q, want %q", r.RequestURI, callback)
		}
		if from := r.Referer(); from != "" {
			p.t.Errorf("the shop learnt where its visitor came from: %q", from)
		}
		if r.Method != http.MethodGet {
			p.t.Errorf("the shop was asked by %s", r.Method)
		}
	case <-time.After(backTimeout):
		p.t.Fatalf("the browser did not come to the shop within %s", backTimeout)
	}
	p.do(chromedp.WaitVisible(chromedp.ID("thanks")))
	if at, err := chromedp.Run(p.tab, chromedp.Location()); err != nil || at != p.shop {
		p.t.Errorf("the browser ended at %q, %v, want %q", at, err, p.shop)
	}
}

// isClean checks that the browser had nothing to complain about.
func (p *payer) isClean() {
	p.t.Helper()
	for _, said := range p.complaints() {
		p.t.Errorf("the browser says: %s", said)
	}
}

func (p *payer) paid(want ...string) {
	p.t.Helper()
	if got := p.desk.called(); !slices.Equal(got, want) {
		p.t.Errorf("the desk was asked for %q, want %q", got, want)
	}
}

func click(id string) chromedp.Action[chromedp.Void] { return chromedp.Click(chromedp.ID(id)) }

func typing(id, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.ID(id), text)
}

// scene is something that a person does, and whether the browser then comes to
// the shop by itself.
type scene struct {
	name  string
	play  func(*payer)
	back  bool
	edits []func(*cashier.Bill)
}

// TestInBrowser: what a person does at the page, in Chromium. The results stay
// for some seconds before the browser is sent on: all scenes are played before
// it is waited for.
func TestInBrowser(t *testing.T) {
	browser := testserver.Chromium(t)
	payers := map[string]*payer{}
	for _, s := range scenes() {
		p := newPayer(browser, t, s.edits...)
		played := t.Run(s.name, func(t *testing.T) {
			p.t = t
			s.play(p)
			p.isClean()
		})
		if played && s.back {
			payers[s.name] = p
		}
	}
	for name, p := range payers {
		t.Run(name+" and back", func(t *testing.T) {
			p.t = t
			p.comesBack()
			p.isClean()
		})
	}
}

func scenes() []scene {
	const evil = `"><script>document.title='hacked'</script><img src=x onerror="document.title='hacked'">`
	return []scene{
		{name: "pay", back: true, play: func(p *payer) {
			p.opens()
			p.sees("order", "A-1001")
			p.sees("amount", "1000.00 INR")
			p.sees("pay", "Pay 1000.00 INR")
			p.goes(200, click("pay"))
			p.sees("state", "Paid")
			p.sees("result", "1000.00 INR was paid in full.")
			p.paid("pay 1000.00")
		}},
		{name: "underpay", back: true, play: func(p *payer) {
			p.opens()
			p.goes(200, typing("other-amount", "900.50"), click("pay-other"))
			p.sees("state", "Short-paid")
			p.sees("result", "900.50 INR of 1000.00 INR was paid.")
			p.paid("pay 900.50")
		}},
		{name: "overpay by the enter key", back: true, play: func(p *payer) {
			p.opens()
			p.goes(200, typing("other-amount", "1200\r"))
			p.sees("state", "Over-paid")
			p.sees("result", "1200.00 INR was paid where 1000.00 INR was asked.")
			p.paid("pay 1200")
		}},
		{name: "fail", back: true, play: func(p *payer) {
			p.opens()
			p.goes(200, click("fail"))
			p.sees("state", "Payment failed")
			p.paid("fail")
		}},
		{name: "slip of the pen", back: true, play: slipOfThePen},
		{name: "paid in another tab", back: true, play: func(p *payer) {
			p.opens()
			p.desk.close("settled", "1000.00")
			p.goes(409, click("pay"))
			p.sees("late", "This order was closed already. Nothing was changed.")
			p.sees("state", "Paid")
			p.paid()
		}},
		{name: "back by the link", play: func(p *payer) {
			p.opens()
			p.goes(200, click("pay"))
			p.goes(200, click("back"))
			p.comesBack()
		}},
		{name: "no way back", edits: []func(*cashier.Bill){returningTo("")}, play: func(p *payer) {
			p.opens()
			p.goes(200, click("pay"))
			p.sees("stay", "You can close this page.")
		}},
		{name: "by a name, without https", back: true, play: func(p *payer) {
			// Browsers tell such a page's server little about where a form comes
			// from; the page must work all the same.
			p.base = strings.Replace(p.base, "127.0.0.1", "cashier.test", 1)
			p.opens()
			p.goes(200, click("pay"))
			p.sees("state", "Paid")
		}},
		{name: "hostile order", edits: []func(*cashier.Bill){func(b *cashier.Bill) {
			b.OrderID, b.ReturnURL = evil, "javascript:document.title='hacked'//"+evil
		}}, play: func(p *payer) {
			p.opens()
			p.sees("order", evil)
			p.goes(200, click("pay"))
			p.sees("order", evil)
			p.sees("return", "javascript:document.title='hacked'//"+evil)
			if title := evaluate[string](p, `document.title`); title != "Paid · Sandbox cashier" {
				p.t.Errorf("the title is %q", title)
			}
			if n := evaluate[int](p, `document.querySelectorAll("script, img, a, iframe").length`); n != 0 {
				p.t.Errorf("the page has %d elements of the order's making", n)
			}
		}},
	}
}

// slipOfThePen types an amount that cannot be read, and then one that can.
func slipOfThePen(p *payer) {
	p.opens()
	p.goes(400, typing("other-amount", "10,5"), click("pay-other"))
	p.sees("amount-fault", "Write the amount in digits with a point, such as 1000.00.")
	if kept := evaluate[string](p, `document.activeElement.value`); kept != "10,5" {
		p.t.Errorf("the field with the slip holds %q, or is not where typing goes", kept)
	}
	p.goes(200, chromedp.Clear(chromedp.ID("other-amount")), typing("other-amount", "10.5"), click("pay-other"))
	p.sees("state", "Short-paid")
	p.paid("pay 10.5")
}

package e2e

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// consoleRun is 'settlehook console' as a process, with a person's browser at it.
type consoleRun struct {
	w          *world
	cmd        *exec.Cmd
	out        *output
	base       string
	tab        context.Context
	complaints func() []string
}

var loginURL = regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/login\?token=[A-Z0-9]+`)

func (w *world) startConsole(browser context.Context) *consoleRun {
	w.t.Helper()
	c := &consoleRun{w: w, out: &output{}, cmd: exec.Command(filepath.Join(binaries, "settlehook"), "console", "--listen", "127.0.0.1:0")}
	for name, value := range w.env {
		c.cmd.Env = append(c.cmd.Env, name+"="+value)
	}
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	var login []string
	w.await("the console prints its address", func() bool {
		login = loginURL.FindStringSubmatch(c.out.tail(64 << 10))
		return login != nil
	})
	c.base = login[1]
	c.tab, c.complaints = testserver.WatchedTab(browser, w.t)
	c.do(chromedp.EmulateViewport(1200, 960), chromedp.Navigate(login[0]))
	return c
}

func (c *consoleRun) do(actions ...chromedp.Action[chromedp.Void]) {
	c.w.t.Helper()
	if err := chromedp.Do(c.tab, actions...); err != nil {
		c.w.t.Fatalf("browser: %v", err)
	}
}

// keys goes to an element as the tabulator does, and types.
func keys(selector, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(selector), text)
}

// shows waits for a text of the page.
func (c *consoleRun) shows(selector, text string) {
	c.w.t.Helper()
	c.w.await(selector+" says "+text, func() bool {
		holds, err := chromedp.Run(c.tab, chromedp.Evaluate[bool](
			`[...document.querySelectorAll(`+quote(selector)+`)].some((e) => e.textContent.includes(`+quote(text)+`))`))
		return err == nil && holds
	})
}

func quote(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// isClean checks that no text of an outsider's ran, and that the browser had nothing
// to complain about.
func (c *consoleRun) isClean() {
	c.w.t.Helper()
	if hacked, err := chromedp.Run(c.tab, chromedp.Evaluate[bool](`"hacked" in window`)); err != nil || hacked {
		c.w.t.Errorf("a remark ran: %v, %v", hacked, err)
	}
	for _, said := range c.complaints() {
		c.w.t.Errorf("the browser says: %s", said)
	}
}

// maxPicture bounds a picture in bytes: it goes into the README.
const maxPicture = 200 << 10

// photograph takes a picture of the page, and writes it into the folder that
// CONSOLE_SCREENSHOTS names, if it does.
func (c *consoleRun) photograph(name, scheme string) {
	c.w.t.Helper()
	_, err := chromedp.Call(c.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	if err != nil {
		c.w.t.Fatal(err)
	}
	if _, err := chromedp.Run(c.tab, chromedp.Evaluate[bool](`document.activeElement.blur(), scrollTo(0, 0), true`)); err != nil {
		c.w.t.Fatal(err)
	}
	picture, err := chromedp.Run(c.tab, chromedp.CaptureScreenshot())
	if err != nil {
		c.w.t.Fatal(err)
	}
	if len(picture) > maxPicture {
		c.w.t.Errorf("the picture %s has %d bytes, want at most %d", name, len(picture), maxPicture)
	}
	if folder := os.Getenv("CONSOLE_SCREENSHOTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, "console-"+name+".png"), picture, 0o644); err != nil {
			c.w.t.Fatal(err)
		}
	}
}

// stop ends the console as Ctrl-C does.
func (c *consoleRun) stop() {
	c.w.t.Helper()
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		c.w.t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		c.w.t.Errorf("the console ended with %v:\n%s", err, c.out.tail(64<<10))
	}
}

const hostileRemark = `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">`

// TestConsole: a person at the console sees a payment of the cashier page appear,
// finds it, resolves a review whose remark would like to be a script, and redrives
// what was parked while a gateway was down; all by the keyboard.
func TestConsole(t *testing.T) {
	w := newWorld(t, 1, "PARK_AFTER=2s")
	w.day()
	w.traffic(shop.Traffic{Total: 15, Rate: 30, Creators: 4})
	w.await("all callbacks decided", func() bool { return w.drained(alice) && w.drained(bob) })
	browser := testserver.Chromium(t)
	c := w.startConsole(browser)
	c.shows("#connection", "Live")

	// The first key leads past the navigation.
	c.do(chromedp.KeyEvent("\t"))
	if first, err := chromedp.Run(c.tab, chromedp.Evaluate[string](`document.activeElement.textContent`)); err != nil || first != "Skip to the content" {
		t.Errorf("the first stop of the tabulator is %q, %v", first, err)
	}

	w.paysAtCashier(browser, "shop-1042")
	c.shows("#flow tr.fresh", "shop-1042")
	c.shows("#flow tr.fresh", "1000.00 INR credit")
	c.do(keys("#pause", "\r"))
	c.shows("#pause", "Resume")
	c.do(keys("#pause", "\r"))
	short := w.quietOrders(alice, sandbox.Change{Action: sandbox.Settle, Paid: dec("900.00"), Silent: true}, "shop-1043")[0]
	said := pushOf(short)
	said.remark = hostileRemark
	w.mustAccept("collect", alice, said.body(alice))
	c.shows("#flow tr.fresh", "amount_mismatch")
	c.w.await("the day is read", func() bool {
		read, err := chromedp.Run(c.tab, chromedp.Evaluate[bool](`!document.getElementById("figures").textContent.includes("still being read")`))
		return err == nil && read
	})
	c.photograph("live", "light")

	// Find the payment.
	c.do(keys("#find", "shop-1042\r"), chromedp.WaitVisible(chromedp.ID("summary")))
	c.shows("#summary", "settled 1000.00 INR")
	for _, kind := range []string{"submitted", "callback", "settled"} {
		c.shows(".timeline .state", kind)
	}
	c.resolves("shop-1043")
	c.do(keys("#find", "shop-1043\r"), chromedp.WaitVisible(chromedp.CSS(".timeline .s-resolved")))
	c.photograph("order", "light")
	c.redrives()
	c.isClean()
	c.stop()
	w.ledger().holds(t, alice, "shop-1043", "review amount_mismatch", "settled", "resolved amount_mismatch")
	w.ledger().holds(t, bob, "shop-1044", "settled")
}

// paysAtCashier pays an order of merchant alice at the gateway's page.
func (w *world) paysAtCashier(browser context.Context, order string) {
	w.t.Helper()
	made, err := w.orderService(alice).CreateCollect(w.t.Context(), gateway.CollectOrder{
		PayCode: "upi", OrderID: order, Amount: dec("1000.00"), CallbackURL: "http://127.0.0.1:1/thanks",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	cashier := testserver.ChromiumTab(browser, w.t)
	if err := chromedp.Do(cashier, chromedp.Navigate(made.URL), chromedp.Click(chromedp.ID("pay")), chromedp.WaitVisible(chromedp.ID("result"))); err != nil {
		w.t.Fatal(err)
	}
}

// resolves settles the review of an order over what was paid.
func (c *consoleRun) resolves(order string) {
	c.w.t.Helper()
	c.do(keys("#find", order+"\r"), keys(".next a", "\r"), chromedp.WaitVisible(chromedp.ID("remark")))
	if remark, err := chromedp.Run(c.tab, chromedp.Text(chromedp.ID("remark"))); err != nil || remark != hostileRemark {
		c.w.t.Errorf("the remark is %q, %v", remark, err)
	}
	c.do(keys("#ask", "\r"))
	c.shows(".evidence th", "Order query, now")
	c.isClean()
	c.do(keys("input[value=settled]", " "), keys("#why", "Part payment, agreed with the shop by phone"))
	c.photograph("review", "dark")
	c.do(keys("#why", "\r"), chromedp.WaitVisible(chromedp.ID("would")))
	c.shows("#would", "tells settled over 900.00 INR")
	c.do(keys("#resolve", "\r"), chromedp.WaitVisible(chromedp.ID("resolution")))
	c.shows(".notice", "and the review is closed")
	c.shows("#resolution", "Part payment, agreed with the shop by phone")
}

// redrives puts a callback back that was parked while its gateway was down.
func (c *consoleRun) redrives() {
	c.w.t.Helper()
	c.w.gateways[bob].OverrideMerchant(bob, sandbox.QueryAnswer{HTTPStatus: 500})
	late := c.w.quietOrders(bob, sandbox.Change{Action: sandbox.Settle, Silent: true}, "shop-1044")[0]
	c.w.mustAccept("collect", bob, pushOf(late).body(bob))
	c.w.await("it is parked", func() bool { return c.w.count(stream.Parked) == 1 })
	c.w.gateways[bob].OverrideMerchant(bob, sandbox.QueryAnswer{})
	c.do(chromedp.Navigate(c.base+"/parked"), keys("input[name=sequence]", " "), keys("#redrive", "\r"), chromedp.WaitVisible(chromedp.CSS(".notice")))
	c.shows(".notice", "1: redriven")
	c.do(chromedp.Navigate(c.base + "/"))
	c.shows("#flow tr", "shop-1044")
	c.w.await("it is decided", func() bool { return len(c.w.ledger().of(bob, "shop-1044")) == 1 })
}

// day puts a day of an installation into the ledger, for the charts: outcomes by the
// hour, more of them by day than by night.
func (w *world) day() {
	w.t.Helper()
	draw := rand.New(rand.NewPCG(7, 7))
	now := time.Now()
	n := 0
	for ago := range 24 {
		at := now.Add(-time.Duration(ago) * time.Hour)
		for range 8 + (12-abs(at.Hour()-13))*2 + draw.IntN(6) {
			n++
			w.tell(at.Add(-time.Duration(draw.IntN(3000))*time.Second/1000), orderID("day", n), draw)
		}
	}
}

func abs(n int) int { return max(n, -n) }

// tell appends one event of a day.
func (w *world) tell(at time.Time, order string, draw *rand.Rand) {
	w.t.Helper()
	amount := events.MustParseAmount(dec("1000.00").String())
	took := time.Duration(4+draw.ExpFloat64()*30) * time.Millisecond
	if draw.IntN(12) == 0 { // the gateway's query lagged
		took = time.Duration(500+draw.IntN(4000)) * time.Millisecond
	}
	p := events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect, Merchant: alice, Account: "88-" + alice,
		OrderID: order, PlatOrderID: "P-" + order, Amount: amount, Currency: "INR", BookingDate: events.BookingDate(at, time.UTC),
		Evidence: events.Evidence{
			ReceivedAt: at.Add(-took), ConfirmedAt: at,
			Callback: &events.CallbackEvidence{Status: 1, Amount: amount}, Query: &events.QueryEvidence{Status: 1, Amount: amount},
		},
	}
	var data events.Data = events.Settled{Payment: p}
	switch n := draw.IntN(100); {
	case n < 12:
		p.Match = ""
		data = events.Failed{Payment: p}
	case n < 15:
		p.Reason, p.Match = "lagging", ""
		data = events.Review{Payment: p, Case: events.CaseTail(p.Order(), p.Reason)}
	}
	e, err := events.New(installation, at, data)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.js.Publish(w.t.Context(), e.NATSSubject(), body); err != nil {
		w.t.Fatal(err)
	}
}

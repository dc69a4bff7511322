package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// month is a merchant's October at the sandbox gateway, whose clock the test sets.
// What the ledger was told is the test's, as the worker would tell it, or wrong on
// purpose.
type month struct {
	*world
	m     *config.Merchant
	g     *sandbox.Server
	clock atomic.Pointer[time.Time]
	want  map[string]finance.Class
}

func newMonth(t *testing.T) *month {
	t.Helper()
	addr := testserver.FreeAddr(t)
	w := &world{t: t, nats: testserver.NATSProcess(t), redis: testserver.Redis(t)}
	file := writeMerchants(t, map[string]string{alice: addr, bob: addr})
	w.env = environment(w, file, nil)
	w.setUp(file)
	n := &month{world: w, m: w.merchant(alice), want: map[string]finance.Class{}}
	n.at(1, 0)
	g, err := sandbox.New(sandbox.Config{
		Addr: addr, AdminAddr: "127.0.0.1:0", Merchants: up.SandboxMerchants(w.merchants), NotifyBase: "http://127.0.0.1:1",
		Now: func() time.Time { return *n.clock.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	n.g, w.gateways = g, map[string]*sandbox.Server{n.m.ID: g}
	return n
}

// at sets the clock to an hour of October where the merchant is; day 0 is the last
// of September, day 32 the first of November.
func (n *month) at(day, hour int) {
	n.set(time.Date(2026, time.October, day, hour, 0, 0, 0, n.m.Location))
}

func (n *month) set(at time.Time) { n.clock.Store(&at) }

func (n *month) now() time.Time { return *n.clock.Load() }

func (n *month) pass(d time.Duration) { n.set(n.now().Add(d)) }

func (n *month) send(subject string, event any) {
	n.t.Helper()
	body, err := json.Marshal(event)
	if err == nil {
		_, err = n.js.Publish(n.t.Context(), subject, body)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// create registers an order of 1000 and creates it.
func (n *month) create(flow sandbox.Flow, id string) {
	n.t.Helper()
	e, err := events.NewSubmitted(installation, n.now(), events.SubmittedOrder{
		Flow: events.Flow(flow), Merchant: n.m.ID, OrderID: id, Amount: events.MustParseAmount("1000"), Currency: n.m.Currency,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.send(e.NATSSubject(), e)
	n.exist(flow, id)
}

// exist creates an order that nobody registered.
func (n *month) exist(flow sandbox.Flow, id string) {
	n.t.Helper()
	_, err := n.g.CreateOrder(n.t.Context(), sandbox.NewOrder{Merchant: n.m.ID, Flow: flow, OrderID: id, Amount: dec("1000")})
	if err != nil {
		n.t.Fatal(err)
	}
	n.pass(time.Minute)
}

func (n *month) change(id string, c sandbox.Change) {
	n.t.Helper()
	if _, err := n.g.Apply(n.m.ID, id, c); err != nil {
		n.t.Fatal(err)
	}
	n.pass(time.Minute)
}

func (n *month) pay(id string) { n.t.Helper(); n.change(id, sandbox.Change{Action: sandbox.Settle}) }

// tell tells what the gateway has of an order now, as a kind of event, after change.
func (n *month) tell(id string, kind func(events.Payment) events.Data, change func(*events.Payment)) {
	n.t.Helper()
	r := n.record(n.m.ID, id)
	p := events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.ThreeWay, Flow: events.Flow(r.Flow), Merchant: n.m.ID, Account: n.m.Account,
		OrderID: id, PlatOrderID: r.PlatOrderID, Amount: amountOf(r.Paid), Fee: amountOf(r.Fee), SubmittedAmount: amountOf(r.Submitted),
		Currency: n.m.Currency, BookingDate: events.BookingDate(n.now(), n.m.Location),
	}
	if change != nil {
		change(&p)
	}
	_, p.Net = events.Net(events.OutcomeSettled, p.Flow, n.m.PayFee, p.Amount, p.Fee)
	e, err := events.New(installation, n.now(), kind(p))
	if err != nil {
		n.t.Fatal(err)
	}
	n.send(e.NATSSubject(), e)
}

func amountOf(d decimal.Decimal) events.Amount {
	a, err := events.NewAmount(d)
	if err != nil {
		panic(err)
	}
	return a
}

func asSettled(p events.Payment) events.Data { return events.Settled{Payment: p} }

func asFailed(p events.Payment) events.Data {
	p.Net = events.Amount{}
	return events.Failed{Payment: p}
}

func asReversed(p events.Payment) events.Data {
	p.Supersedes = events.ID(p.Merchant, p.OrderID, events.OutcomeSettled)
	return events.Reversed{Payment: p}
}

func asReview(reason string) func(events.Payment) events.Data {
	return func(p events.Payment) events.Data {
		p.Reason, p.Match, p.Net = reason, "", events.Amount{}
		return events.Review{Payment: p, Case: events.CaseTail(p.Order(), reason)}
	}
}

// ordinary lets orders run their ways, and the ledger be told as it was.
func (n *month) ordinary(flow sandbox.Flow, id string) {
	n.t.Helper()
	n.create(flow, id+"-settled")
	n.pay(id + "-settled")
	n.tell(id+"-settled", asSettled, nil)
	n.create(flow, id+"-failed")
	n.change(id+"-failed", sandbox.Change{Action: sandbox.Fail})
	n.tell(id+"-failed", asFailed, nil)
	n.create(flow, id+"-reversed")
	n.pay(id + "-reversed")
	n.tell(id+"-reversed", asSettled, nil)
	paid := n.record(n.m.ID, id+"-reversed")
	n.change(id+"-reversed", sandbox.Change{Action: sandbox.Reverse})
	n.tell(id+"-reversed", asReversed, func(p *events.Payment) { p.Amount, p.Fee = amountOf(paid.Paid), amountOf(paid.Fee) })
}

// plant plants one difference of each class, on a day of its own.
func (n *month) plant() {
	n.t.Helper()
	begin := func(day int, id string, c finance.Class) string {
		n.at(day, 12)
		n.want[id] = c
		return id
	}
	id := begin(2, "never-told", finance.MissingWithUs)
	n.create(sandbox.Collect, id)
	n.pay(id)

	id = begin(6, "paid-short", finance.AmountShort)
	n.create(sandbox.Collect, id)
	n.change(id, sandbox.Change{Action: sandbox.Settle, Paid: dec("900")})
	n.tell(id, asReview("amount_mismatch"), nil)

	id = begin(8, "booked-too-little", finance.AmountOver)
	n.create(sandbox.Collect, id)
	n.pay(id)
	n.tell(id, asSettled, func(p *events.Payment) { p.Amount = events.MustParseAmount("999") })

	id = begin(10, "reversed-in-silence", finance.StatusDiffers)
	n.create(sandbox.Pay, id)
	n.pay(id)
	n.tell(id, asSettled, nil)
	n.change(id, sandbox.Change{Action: sandbox.Reverse, Silent: true})

	id = begin(12, "another-fee", finance.FeeDiffers)
	n.create(sandbox.Pay, id)
	n.pay(id)
	n.tell(id, asSettled, func(p *events.Payment) { p.Fee = events.MustParseAmount("1") })

	id = begin(14, "twice_1", finance.DuplicatePayment)
	n.exist(sandbox.Collect, id)
	n.pay(id)
	n.tell(id, asReview("duplicate_payment"), func(p *events.Payment) { p.SubmittedAmount = events.Amount{} })

	id = begin(16, "never-paid", finance.StillOpen)
	n.create(sandbox.Pay, id)

	id = begin(4, "invented", finance.MissingAtGateway)
	n.exist(sandbox.Collect, "real")
	n.pay("real")
	n.tell("real", asSettled, nil)
	n.tell("real", asSettled, func(p *events.Payment) { p.OrderID, p.PlatOrderID = id, "" })
}

// snapshot asks the gateway's balance, as the worker does, some seconds after a
// midnight.
func (n *month) snapshot(midnight time.Time) {
	n.t.Helper()
	n.set(midnight.Add(3 * time.Second))
	client, err := gateway.NewClient(gateway.Config{BaseURL: n.m.Gateway, Account: n.m.Account, Keyring: n.m.Keyring})
	if err != nil {
		n.t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	b, err := client.QueryBalance(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	all, err := events.NewSigned(b.All)
	if err != nil {
		n.t.Fatal(err)
	}
	e, err := events.NewBalance(installation, events.BalanceSnapshot{
		Merchant: n.m.ID, Account: n.m.Account, Currency: n.m.Currency, Date: events.BookingDate(n.now(), n.m.Location),
		All: all, Usable: all, AskedAt: n.now(), AnsweredAt: n.now(),
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.send(e.NATSSubject(), e)
}

// TestSandboxMonth: of a month at the sandbox gateway, with a difference of every
// class planted among ordinary orders, a statement finds each, names it rightly,
// and nothing else; and the balance comes out. By the bill, by the order query,
// and of the month when it is closed.
func TestSandboxMonth(t *testing.T) {
	n := newMonth(t)
	october, err := finance.ParsePeriod("2026-10")
	if err != nil {
		t.Fatal(err)
	}
	begins, ends := october.Begins(n.m.Location), october.Ends(n.m.Location)
	n.at(-5, 12)
	n.ordinary(sandbox.Collect, "september")
	n.overMidnight(begins, "into-october")
	for day := 1; day <= 31; day++ {
		n.at(day, 8)
		n.ordinary(sandbox.Collect, fmt.Sprintf("c%d", day))
		n.ordinary(sandbox.Pay, fmt.Sprintf("p%d", day))
	}
	n.plant()
	n.at(20, 12)
	for _, m := range []sandbox.Movement{
		{Merchant: n.m.ID, Kind: sandbox.Withdrawal, Amount: dec("25000.50"), Reference: "W-1"},
		{Merchant: n.m.ID, Kind: sandbox.Adjustment, Direction: events.Credit, Amount: dec("3.25")},
	} {
		if _, err := n.g.Move(m); err != nil {
			t.Fatal(err)
		}
	}
	n.overMidnight(ends, "into-november")
	n.at(35, 12)
	n.ordinary(sandbox.Pay, "november")
	n.statements()
	n.operate("close", "--merchant", n.m.ID, "--period", "2026-10", "--yes")
	n.statements()
}

// overMidnight lets an order be paid seconds before a midnight, with its push, and
// be confirmed after it; between the two the balance is read.
func (n *month) overMidnight(midnight time.Time, id string) {
	n.t.Helper()
	n.want[id] = finance.CarriedOver
	n.set(midnight.Add(-2 * time.Minute))
	n.create(sandbox.Collect, id)
	n.set(midnight.Add(-20 * time.Second))
	n.pay(id)
	n.snapshot(midnight)
	n.set(midnight.Add(time.Minute))
	n.tell(id, asSettled, func(p *events.Payment) {
		p.Evidence = events.Evidence{
			Fingerprint: "s1-r0-1000", ReceivedAt: midnight.Add(-10 * time.Second), Callback: &events.CallbackEvidence{Status: 1, Amount: p.Amount},
		}
	})
}

// statements makes the statement by the bill and by the order query.
func (n *month) statements() {
	n.t.Helper()
	folder := n.t.TempDir()
	bill, movements := filepath.Join(folder, "bill.csv"), filepath.Join(folder, "movements.csv")
	n.bill(n.m.ID, bill, movements)
	for name, flags := range map[string][]string{
		"bill": {"--bill", bill}, "order query": {"--rate", "2000", "--answers", filepath.Join(folder, "answers.jsonl")},
	} {
		s := n.statement(append(flags, "--merchant", n.m.ID, "--period", "2026-10", "--movements", movements, "--sandbox", "-o", "json")...)
		got := map[string]finance.Class{}
		for _, d := range s.Differences {
			if other, twice := got[d.OrderID]; twice {
				n.t.Errorf("by the %s %s is %s and %s", name, d.OrderID, other, d.Class)
			}
			got[d.OrderID] = d.Class
		}
		if !maps.Equal(got, n.want) {
			n.t.Errorf("by the %s: %s\nwant %s", name, listed(got), listed(n.want))
		}
		if !s.Equation.Closes() || s.Clean() || len(s.Equation.Movements) != 2 {
			n.t.Errorf("by the %s the balance does not come out: %+v", name, s.Equation)
		}
		n.t.Logf("by the %s: %d orders, %d events, closed: %t, %v, unexplained %s", name, s.Orders, s.Equation.Events, s.Closed, s.Counts, s.Equation.Unexplained)
	}
}

func listed(classes map[string]finance.Class) string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(classes)) {
		all = append(all, id+": "+string(classes[id]))
	}
	return strings.Join(all, ", ")
}

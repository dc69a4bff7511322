package finance_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// world is a merchant in November: what its gateway did, and what its ledger was
// told, each on its own.
type world struct {
	t      tester
	zone   *time.Location
	period finance.Period
	ledger []finance.Line
	orders []registration
	bill   []finance.Said // in the order of time
	moves  []finance.Movement
}

type tester interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

type registration struct {
	events.SubmittedOrder
	at        time.Time
	withdrawn bool
}

func newWorld(t tester) *world {
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	p, err := finance.ParsePeriod("2026-11")
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, zone: zone, period: p}
}

// at is a time of the month in the merchant's zone.
func (w *world) at(day, hour int) time.Time {
	return time.Date(2026, 11, day, hour, 0, 0, 0, w.zone)
}

func (w *world) submit(o events.Order, amount string, at time.Time) {
	w.orders = append(w.orders, registration{events.SubmittedOrder{
		Flow: o.Flow, Merchant: "m1", OrderID: o.OrderID, Amount: events.MustParseAmount(amount), Currency: "INR",
	}, at, false})
}

// gateway lets something happen at the gateway.
func (w *world) gateway(o events.Order, state finance.State, amount, fee string, at time.Time) {
	w.bill = append(w.bill, finance.Said{Flow: o.Flow, OrderID: o.OrderID, State: state, Amount: events.MustParseAmount(amount), Fee: events.MustParseAmount(fee), At: at})
}

func (w *world) payment(o events.Order, amount, fee, submitted string, at time.Time) events.Payment {
	p := events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: o.Flow, Merchant: "m1", Account: "8801", OrderID: o.OrderID,
		Currency: "INR", LiveMode: true, BookingDate: events.BookingDate(at, w.zone),
	}
	if submitted != "" {
		p.SubmittedAmount, p.Match = events.MustParseAmount(submitted), events.ThreeWay
	}
	if amount != "" {
		p.Amount, p.Fee = events.MustParseAmount(amount), events.MustParseAmount(fee)
		_, p.Net = events.Net(events.OutcomeSettled, o.Flow, events.PayFeeAdded, p.Amount, p.Fee)
	}
	return p
}

// tell tells an outcome.
func (w *world) tell(data func(events.Payment) events.Data, o events.Order, amount, fee, submitted string, at time.Time) {
	w.told(data(w.payment(o, amount, fee, submitted, at)), at)
}

func (w *world) told(data events.Data, at time.Time) {
	e, err := events.New("prod", at, data)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ledger = append(w.ledger, finance.Line{Sequence: uint64(len(w.ledger) + 1), StoredAt: at, Event: e})
}

func settled(p events.Payment) events.Data { return events.Settled{Payment: p} }

func failed(p events.Payment) events.Data {
	p.Net, p.Match = events.Amount{}, ""
	return events.Failed{Payment: p}
}

func reversed(p events.Payment) events.Data {
	p.Supersedes = events.ID(p.Merchant, p.OrderID, events.OutcomeSettled)
	return events.Reversed{Payment: p}
}

func review(reason string) func(events.Payment) events.Data {
	return func(p events.Payment) events.Data {
		p.Reason, p.Match, p.Net = reason, "", events.Amount{}
		return events.Review{Payment: p, Case: events.CaseTail(p.Order(), reason)}
	}
}

// balance is the gateway's at a moment: what it did by then, and the movements.
func (w *world) balance(at time.Time) *finance.Snapshot {
	sum, _ := finance.ParseSum("5000")
	paid, times := map[string]finance.Sum{}, map[string]int{}
	for _, s := range w.bill {
		if s.At.After(at) {
			continue
		}
		change := finance.Sum{}
		switch s.State {
		case finance.Paid:
			_, net := events.Net(events.OutcomeSettled, s.Flow, events.PayFeeAdded, s.Amount, s.Fee)
			change = finance.SumOf(net)
			if s.Flow == events.FlowPay {
				change = finance.Sum{}.Minus(change)
			}
			paid[s.OrderID] = change
			times[s.OrderID]++
		case finance.Reversed, finance.Failed:
			if times[s.OrderID] > 0 {
				change = finance.Sum{}.Minus(paid[s.OrderID])
				times[s.OrderID]--
			}
		}
		sum = sum.Plus(change)
	}
	for _, m := range w.moves {
		if !m.At.After(at) {
			sum = sum.Plus(m.Change)
		}
	}
	return &finance.Snapshot{Balance: sum, At: at}
}

// statement holds the world against itself, by its bill or by the answers that its
// order query gives at the end.
func (w *world) statement(byBill bool) finance.Statement {
	w.t.(interface{ Helper() }).Helper()
	opening, final := w.period.Begins(w.zone).Add(3*time.Second), w.period.Ends(w.zone).Add(5*time.Second)
	r := finance.NewReconciler(finance.Scope{
		Merchant: "m1", Currency: "INR", Period: w.period, Zone: w.zone, PayFee: events.PayFeeAdded, LiveMode: true,
		Opening: w.balance(opening), Final: w.balance(final),
	}, byBill)
	for _, o := range w.orders {
		r.Register(o.SubmittedOrder, o.at)
		if o.withdrawn {
			r.Withdraw(o.Flow, o.OrderID)
		}
	}
	for _, l := range w.ledger {
		r.Book(l)
	}
	for _, m := range w.moves {
		r.Move(m)
	}
	if byBill {
		const beyond = 24 * time.Hour // what a bill should reach beyond its period
		for _, s := range w.bill {
			if s.At.After(w.period.Begins(w.zone).Add(-beyond)) && s.At.Before(w.period.Ends(w.zone).Add(beyond)) {
				r.Say(s)
			}
		}
		return r.Statement()
	}
	for _, o := range r.Wanted() {
		said := finance.Said{Flow: o.Flow, OrderID: o.OrderID, State: finance.Unknown}
		for _, s := range w.bill {
			if s.Flow == o.Flow && s.OrderID == o.OrderID {
				said = s
				said.At = time.Time{}
				if s.State == finance.Reversed {
					said.State = finance.Failed
				}
			}
		}
		r.Say(said)
	}
	return r.Statement()
}

func names(s finance.Statement) []string {
	all := []string{}
	for _, d := range s.Differences {
		all = append(all, fmt.Sprintf("%s %s", d.Class, d.OrderID))
	}
	slices.Sort(all)
	return all
}

// course is something that may become of an order. It expects the differences that
// it names, by a bill and by the order query.
type course struct {
	name        string
	bill, query []finance.Class
	happen      func(w *world, o events.Order, at time.Time)
}

const minute = time.Minute

func courses() []course {
	one := func(c ...finance.Class) []finance.Class { return c }
	return []course{
		{"settled", nil, nil, func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.gateway(o, finance.Paid, "1000", "20", at.Add(minute))
			w.tell(settled, o, "1000", "20", "1000", at.Add(2*minute))
		}},
		{"failed", nil, nil, func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.gateway(o, finance.Failed, "0", "0", at.Add(minute))
			w.tell(failed, o, "", "", "1000", at.Add(2*minute))
		}},
		{"reversed", nil, nil, func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Paid, "1000", "20", at.Add(minute))
			w.tell(settled, o, "1000", "20", "", at.Add(2*minute))
			w.gateway(o, finance.Reversed, "1000", "20", at.Add(3*minute))
			w.tell(reversed, o, "1000", "20", "", at.Add(4*minute))
		}},
		{"taken back, and the bill says failed", nil, nil, func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Paid, "1000", "20", at.Add(minute))
			w.tell(settled, o, "1000", "20", "", at.Add(2*minute))
			w.gateway(o, finance.Failed, "1000", "20", at.Add(3*minute))
			w.tell(reversed, o, "1000", "20", "", at.Add(4*minute))
		}},
		{"late success", nil, nil, func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Failed, "0", "0", at.Add(minute))
			w.tell(failed, o, "", "", "", at.Add(2*minute))
			w.gateway(o, finance.Paid, "1000", "20", at.Add(3*minute))
			w.tell(settled, o, "1000", "20", "", at.Add(4*minute))
		}},
		{"withdrawn", nil, nil, func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.orders[len(w.orders)-1].withdrawn = true
		}},
		{"missing with us", one(finance.MissingWithUs), one(finance.MissingWithUs), func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.gateway(o, finance.Paid, "1000", "20", at.Add(minute))
		}},
		{"missing at the gateway", one(finance.MissingAtGateway), one(finance.MissingAtGateway), func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.tell(settled, o, "1000", "20", "1000", at.Add(2*minute))
		}},
		{"paid short, review open", one(finance.AmountShort), one(finance.AmountShort), func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.gateway(o, finance.Paid, "900", "18", at.Add(minute))
			w.tell(review("amount_mismatch"), o, "900", "18", "1000", at.Add(2*minute))
		}},
		{"paid short, booked so", one(finance.AmountShort), one(finance.AmountShort), func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.gateway(o, finance.Paid, "900", "18", at.Add(minute))
			w.tell(func(p events.Payment) events.Data {
				p.Via, p.Reason, p.Match = events.ViaOperator, "by_operator", events.TwoWay
				return events.Settled{Payment: p}
			}, o, "900", "18", "1000", at.Add(2*minute))
		}},
		{"the gateway says more", one(finance.AmountOver), one(finance.AmountOver), func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.gateway(o, finance.Paid, "1001", "20", at.Add(minute))
			w.tell(settled, o, "1000", "20", "1000", at.Add(2*minute))
		}},
		{"another fee", one(finance.FeeDiffers), one(finance.FeeDiffers), func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Paid, "1000", "25", at.Add(minute))
			w.tell(settled, o, "1000", "20", "", at.Add(2*minute))
		}},
		{"another amount and fee", one(finance.AmountShort, finance.FeeDiffers), one(finance.AmountShort, finance.FeeDiffers), func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Paid, "999", "25", at.Add(minute))
			w.tell(settled, o, "1000", "20", "", at.Add(2*minute))
		}},
		{"reversed in silence", one(finance.StatusDiffers), one(finance.StatusDiffers), func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Paid, "1000", "20", at.Add(minute))
			w.tell(settled, o, "1000", "20", "", at.Add(2*minute))
			w.gateway(o, finance.Reversed, "1000", "20", at.Add(3*minute))
		}},
		{"told as failed, paid", one(finance.StatusDiffers), one(finance.StatusDiffers), func(w *world, o events.Order, at time.Time) {
			w.tell(failed, o, "", "", "", at.Add(minute))
			w.gateway(o, finance.Paid, "1000", "20", at.Add(2*minute))
		}},
		{"told as reversed, paid", one(finance.StatusDiffers), one(finance.StatusDiffers), func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Paid, "1000", "20", at.Add(minute))
			w.tell(settled, o, "1000", "20", "", at.Add(2*minute))
			w.tell(reversed, o, "1000", "20", "", at.Add(4*minute))
		}},
		{"open", one(finance.StillOpen), one(finance.StillOpen), func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.gateway(o, finance.Open, "0", "0", at)
		}},
		{"registered, never created", one(finance.StillOpen), one(finance.StillOpen), func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
		}},
		{"lagging review, failed", one(finance.StillOpen), one(finance.StillOpen), func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.tell(review("lagging"), o, "", "", "1000", at.Add(minute))
			w.gateway(o, finance.Failed, "0", "0", at.Add(2*minute))
		}},
		{"review of a paid order", one(finance.StatusDiffers), one(finance.StatusDiffers), func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Paid, "1000", "20", at.Add(2*minute))
			w.tell(review("unregistered"), o, "", "", "", at.Add(minute))
		}},
		{"a second payment under another id", one(finance.DuplicatePayment), one(finance.DuplicatePayment), func(w *world, o events.Order, at time.Time) {
			w.gateway(o, finance.Paid, "1000", "20", at.Add(minute))
			w.tell(review("duplicate_payment"), o, "1000", "20", "", at.Add(2*minute))
		}},
		{"a review that was resolved", nil, nil, func(w *world, o events.Order, at time.Time) {
			w.submit(o, "1000", at)
			w.gateway(o, finance.Paid, "1000", "20", at.Add(minute))
			w.tell(review("lagging"), o, "", "", "1000", at.Add(2*minute))
			w.tell(settled, o, "1000", "20", "1000", at.Add(3*minute))
			p := w.payment(o, "1000", "20", "1000", at.Add(3*minute))
			p.Reason, p.Net = "lagging", events.Amount{}
			w.told(events.Resolved{Payment: p, Case: events.CaseTail(o, "lagging"), By: "settlehook", Why: "confirmed"}, at.Add(3*minute))
		}},
	}
}

// TestCourses gives each course a statement of its own, for both flows.
func TestCourses(t *testing.T) {
	for _, c := range courses() {
		for _, flow := range []events.Flow{events.FlowCollect, events.FlowPay} {
			for _, byBill := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/bill=%t", c.name, flow, byBill), func(t *testing.T) {
					w := newWorld(t)
					c.happen(w, events.Order{Flow: flow, Merchant: "m1", OrderID: "A1"}, w.at(5, 12))
					s := w.statement(byBill)
					want := c.query
					if byBill {
						want = c.bill
					}
					var got []finance.Class
					for _, d := range s.Differences {
						got = append(got, d.Class)
					}
					if !slices.Equal(got, want) || !s.Equation.Closes() {
						t.Errorf("differences %v, want %v; unexplained %s of %+v", s.Differences, want, s.Equation.Unexplained, s.Equation)
					}
					clean := !slices.ContainsFunc(want, finance.Class.NeedsPerson)
					if s.Clean() != clean {
						t.Errorf("clean is %t", s.Clean())
					}
				})
			}
		}
	}
}

// TestTwiceInTheBill: an order that the gateway took money for twice.
func TestTwiceInTheBill(t *testing.T) {
	w := newWorld(t)
	o := events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1"}
	w.gateway(o, finance.Paid, "1000", "20", w.at(5, 1))
	w.gateway(o, finance.Paid, "1000", "20", w.at(5, 2))
	w.tell(settled, o, "1000", "20", "", w.at(5, 3))
	s := w.statement(true)
	if got := names(s); !slices.Equal(got, []string{"duplicate_payment A1"}) || !s.Equation.Closes() || s.Differences[0].Effect.String() != "980" {
		t.Errorf("%+v, %+v", s.Differences, s.Equation)
	}
}

// aroundMidnight has an order paid before a midnight and booked after it, as a push of
// the time between says.
func (w *world) aroundMidnight(o events.Order, midnight time.Time) {
	w.gateway(o, finance.Paid, "1000", "20", midnight.Add(-minute))
	p := w.payment(o, "1000", "20", "", midnight.Add(minute))
	p.Evidence = events.Evidence{Fingerprint: "s1-r0-1000", ReceivedAt: midnight.Add(-minute / 2), Callback: &events.CallbackEvidence{Status: 1}}
	w.told(events.Settled{Payment: p}, midnight.Add(minute))
}

// TestCarriedOver: orders at the ends of the month, on whose sides the gateway's
// balance and the books have them.
func TestCarriedOver(t *testing.T) {
	for name, tt := range map[string]struct {
		happen      func(w *world, o events.Order)
		bill, query bool // whether it shows
	}{
		"paid before midnight, confirmed after, as the push said": {func(w *world, o events.Order) { w.aroundMidnight(o, w.period.Ends(w.zone)) }, true, true},
		"paid and confirmed between midnight and the reading of the balance": {func(w *world, o events.Order) {
			end := w.period.Ends(w.zone)
			w.gateway(o, finance.Paid, "1000", "20", end.Add(time.Second))
			w.tell(settled, o, "1000", "20", "", end.Add(2*time.Second))
		}, true, true},
		"paid before the month, confirmed in it, as the push said": {func(w *world, o events.Order) {
			w.aroundMidnight(o, w.period.Begins(w.zone))
		}, true, true},
		"submitted in the month, paid and confirmed in the next": {func(w *world, o events.Order) {
			end := w.period.Ends(w.zone)
			w.submit(o, "1000", end.Add(-minute))
			w.gateway(o, finance.Paid, "1000", "20", end.Add(time.Hour))
			w.tell(settled, o, "1000", "20", "1000", end.Add(time.Hour+minute))
		}, true, true},
		"all of it in the next": {func(w *world, o events.Order) {
			end := w.period.Ends(w.zone)
			w.submit(o, "1000", end.Add(minute))
			w.gateway(o, finance.Paid, "1000", "20", end.Add(time.Hour))
			w.tell(settled, o, "1000", "20", "1000", end.Add(time.Hour+minute))
		}, false, false},
		"all of it in the one before": {func(w *world, o events.Order) {
			begin := w.period.Begins(w.zone)
			w.submit(o, "1000", begin.Add(-time.Hour))
			w.gateway(o, finance.Paid, "1000", "20", begin.Add(-2*minute))
			w.tell(settled, o, "1000", "20", "1000", begin.Add(-minute))
		}, false, false},
	} {
		for _, byBill := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/bill=%t", name, byBill), func(t *testing.T) {
				w := newWorld(t)
				tt.happen(w, events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1"})
				want := []string{}
				if tt.bill && byBill || tt.query && !byBill {
					want = []string{"carried_over A1"}
				}
				s := w.statement(byBill)
				if got := names(s); !slices.Equal(got, want) || !s.Equation.Closes() || !s.Clean() {
					t.Errorf("%+v, want %v; %+v", s.Differences, want, s.Equation)
				}
			})
		}
	}
}

// TestAfterTheBill: what becomes of an order after its period's bill has ended. The
// ledger is read to its end, and so is the order query.
func TestAfterTheBill(t *testing.T) {
	for name, tt := range map[string]struct {
		happen      func(w *world, o events.Order)
		bill, query string // the class
	}{
		"settled, reversed later": {func(w *world, o events.Order) {
			w.submit(o, "1000", w.at(5, 1))
			w.gateway(o, finance.Paid, "1000", "20", w.at(5, 2))
			w.tell(settled, o, "1000", "20", "1000", w.at(5, 3))
			w.gateway(o, finance.Reversed, "1000", "20", w.at(45, 2))
			w.tell(reversed, o, "1000", "20", "1000", w.at(45, 3))
		}, "", "carried_over"},
		"settled before, reversed in the period, paid again later": {func(w *world, o events.Order) {
			w.gateway(o, finance.Paid, "1000", "20", w.at(-3, 2))
			w.tell(settled, o, "1000", "20", "", w.at(-3, 3))
			w.gateway(o, finance.Reversed, "1000", "20", w.at(5, 2))
			w.tell(reversed, o, "1000", "20", "", w.at(5, 3))
			w.gateway(o, finance.Paid, "1000", "20", w.at(45, 2))
			w.tell(settled, o, "1000", "20", "", w.at(45, 3))
		}, "", ""},
		"failed, paid later": {func(w *world, o events.Order) {
			w.submit(o, "1000", w.at(5, 1))
			w.gateway(o, finance.Failed, "0", "0", w.at(5, 2))
			w.tell(failed, o, "", "", "1000", w.at(5, 3))
			w.gateway(o, finance.Paid, "1000", "20", w.at(45, 2))
			w.tell(settled, o, "1000", "20", "1000", w.at(45, 3))
		}, "", "carried_over"},
		"open, paid later": {func(w *world, o events.Order) {
			w.submit(o, "1000", w.at(5, 1))
			w.gateway(o, finance.Open, "0", "0", w.at(5, 2))
			w.gateway(o, finance.Paid, "1000", "20", w.at(45, 2))
			w.tell(settled, o, "1000", "20", "1000", w.at(45, 3))
		}, "still_open", "carried_over"},
		"settled over midnight, reversed later": {func(w *world, o events.Order) {
			w.aroundMidnight(o, w.period.Ends(w.zone))
			w.gateway(o, finance.Reversed, "1000", "20", w.at(45, 2))
			w.tell(reversed, o, "1000", "20", "", w.at(45, 3))
		}, "carried_over", "carried_over"},
		"booked for nothing, reversed later": {func(w *world, o events.Order) {
			w.tell(settled, o, "1000", "20", "", w.at(5, 3))
			w.tell(reversed, o, "1000", "20", "", w.at(45, 3))
		}, "missing_at_the_gateway", "missing_at_the_gateway"},
		"told as failed over midnight, paid": {func(w *world, o events.Order) {
			end := w.period.Ends(w.zone)
			w.gateway(o, finance.Paid, "1000", "20", end.Add(-minute))
			w.tell(failed, o, "", "", "", end.Add(minute))
		}, "status_differs", ""},
	} {
		for _, byBill := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/bill=%t", name, byBill), func(t *testing.T) {
				w := newWorld(t)
				tt.happen(w, events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1"})
				want, class := []string{}, tt.query
				if byBill {
					class = tt.bill
				}
				if class != "" {
					want = append(want, class+" A1")
				}
				s := w.statement(byBill)
				// By the query nobody knows of money that the ledger has nothing about.
				closes := byBill || name != "told as failed over midnight, paid"
				if got := names(s); !slices.Equal(got, want) || s.Equation.Closes() != closes {
					t.Errorf("%+v, want %v; %+v", s.Differences, want, s.Equation)
				}
			})
		}
	}
}

// TestPaidAgain: a reversal takes one payment back.
func TestPaidAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		bill []finance.State
		want []string
	}{
		"paid, taken back, paid":         {[]finance.State{finance.Paid, finance.Reversed, finance.Paid}, []string{}},
		"paid twice, one refunded":       {[]finance.State{finance.Paid, finance.Paid, finance.Reversed}, []string{}},
		"paid three times, one refunded": {[]finance.State{finance.Paid, finance.Paid, finance.Paid, finance.Reversed}, []string{"duplicate_payment A1"}},
		"all taken back":                 {[]finance.State{finance.Paid, finance.Paid, finance.Reversed, finance.Reversed}, []string{"status_differs A1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1"}
			for i, state := range tt.bill {
				w.gateway(o, state, "1000", "20", w.at(5, 1+i))
			}
			w.tell(settled, o, "1000", "20", "", w.at(5, 12))
			if s := w.statement(true); !slices.Equal(names(s), tt.want) || !s.Equation.Closes() {
				t.Errorf("%+v, want %v; %+v", s.Differences, tt.want, s.Equation)
			}
		})
	}
}

// TestSweptOverMidnight: without a push nobody knows when the money moved. By the
// query the rest is unexplained, and the order is named.
func TestSweptOverMidnight(t *testing.T) {
	w := newWorld(t)
	o, end := events.Order{Flow: events.FlowPay, Merchant: "m1", OrderID: "A1"}, w.period.Ends(w.zone)
	w.gateway(o, finance.Paid, "1000", "20", end.Add(-minute))
	w.tell(settled, o, "1000", "20", "", end.Add(2*time.Hour))
	s := w.statement(false)
	if s.Clean() || s.Equation.Unexplained.String() != "-1020" || len(s.Suspects) != 1 || s.Suspects[0].OrderID != "A1" {
		t.Errorf("%+v", s)
	}
	if s := w.statement(true); !s.Clean() || len(s.Suspects) != 0 || !slices.Equal(names(s), []string{"carried_over A1"}) {
		t.Errorf("by the bill: %+v", s)
	}
}

func TestMovements(t *testing.T) {
	w := newWorld(t)
	withdrawal := finance.Sum{}.Minus(sum(t, "250.5"))
	w.moves = []finance.Movement{
		{Date: "2026-11-10", At: w.at(10, 9), Kind: "withdrawal", Change: withdrawal},
		{Date: "2026-11-12", At: w.at(12, 9), Kind: "topup", Change: sum(t, "100")},
		{Date: "2026-12-01", At: w.at(31, 9), Kind: "topup", Change: sum(t, "7")}, // December
	}
	s := w.statement(true)
	if !s.Clean() || len(s.Equation.Movements) != 2 || s.Equation.Moved.String() != "-150.5" {
		t.Errorf("%+v", s.Equation)
	}
	w.moves[0].At = time.Time{} // the day alone is known
	w.moves = append(w.moves, finance.Movement{Date: "2026-10-31", Kind: "adjustment", Change: sum(t, "1")})
	opening := w.balance(w.period.Begins(w.zone))
	if got := opening.Balance.String(); got != "4750.5" {
		t.Fatalf("the balance begins with %s", got) // a movement without a time is before all
	}
	r := finance.NewReconciler(finance.Scope{Merchant: "m1", Currency: "INR", Period: w.period, Zone: w.zone, Opening: opening, Final: opening}, true)
	for _, m := range w.moves {
		r.Move(m)
	}
	if e := r.Statement().Equation; len(e.Movements) != 1 || e.Unexplained.String() != "250.5" {
		t.Errorf("%+v", e)
	}
}

// TestWithoutBalances: an equation needs both balances, and the net of each event.
func TestWithoutBalances(t *testing.T) {
	w := newWorld(t)
	r := finance.NewReconciler(finance.Scope{Merchant: "m1", Currency: "INR", Period: w.period, Zone: w.zone, LiveMode: true}, false)
	o := events.Order{Flow: events.FlowPay, Merchant: "m1", OrderID: "A1"}
	w.tell(func(p events.Payment) events.Data { p.Net = events.Amount{}; return events.Settled{Payment: p} }, o, "10", "1", "", w.at(3, 3))
	w.tell(func(p events.Payment) events.Data { p.LiveMode = false; return events.Settled{Payment: p} }, events.Order{Flow: events.FlowPay, OrderID: "A2"}, "10", "1", "", w.at(3, 4))
	for _, l := range w.ledger {
		r.Book(l)
	}
	r.Say(finance.Said{Flow: events.FlowPay, OrderID: "A1", State: finance.Unasked})
	s := r.Statement()
	if s.Clean() || s.Equation.Closes() || s.Equation.WithoutNet != 1 || s.OtherMode != 1 || s.Unanswered != 1 || s.Equation.Events != 1 {
		t.Errorf("%+v", s)
	}
}

// TestOutcomesFromBefore: of an order whose outcome is older than the events that
// were read, it is asked for.
func TestOutcomesFromBefore(t *testing.T) {
	w := newWorld(t)
	o := events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1"}
	w.tell(settled, o, "1000", "20", "", w.at(-40, 3))
	w.tell(review("changed"), o, "", "", "", w.at(3, 3))
	opening := w.balance(w.at(1, 0))
	r := finance.NewReconciler(finance.Scope{Merchant: "m1", Currency: "INR", Period: w.period, Zone: w.zone, LiveMode: true, Opening: opening, Final: opening}, false)
	r.Book(w.ledger[1])
	if untold := r.Untold(); len(untold) != 1 || untold[0] != o {
		t.Fatalf("untold: %v", untold)
	}
	r.Recall(w.ledger[0].Event)
	r.Say(finance.Said{Flow: o.Flow, OrderID: "A1", State: finance.Paid, Amount: events.MustParseAmount("1000"), Fee: events.MustParseAmount("20")})
	if s := r.Statement(); !s.Clean() || len(s.Differences) != 0 || len(r.Untold()) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestMonths mixes courses at random: each order has the differences of its course,
// nobody has others, and the balance closes.
func TestMonths(t *testing.T) {
	all := courses()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		byBill := rapid.Bool().Draw(t, "bill")
		var want []string
		type todo struct {
			at     time.Time
			course course
			order  events.Order
		}
		var list []todo
		for i := range rapid.IntRange(0, 30).Draw(t, "orders") {
			flow := rapid.SampledFrom([]events.Flow{events.FlowCollect, events.FlowPay}).Draw(t, "flow")
			c := all[rapid.IntRange(0, len(all)-1).Draw(t, "course")]
			at := w.at(rapid.IntRange(1, 29).Draw(t, "day"), rapid.IntRange(1, 23).Draw(t, "hour"))
			list = append(list, todo{at, c, events.Order{Flow: flow, Merchant: "m1", OrderID: fmt.Sprintf("A%d", i)}})
		}
		slices.SortFunc(list, func(a, b todo) int { return a.at.Compare(b.at) })
		for _, l := range list {
			l.course.happen(w, l.order, l.at)
			classes := l.course.query
			if byBill {
				classes = l.course.bill
			}
			for _, c := range classes {
				want = append(want, string(c)+" "+l.order.OrderID)
			}
		}
		slices.Sort(want)
		s := w.statement(byBill)
		if got := names(s); !slices.Equal(got, append([]string{}, want...)) || !s.Equation.Closes() {
			t.Fatalf("got %v, want %v; %+v", strings.Join(got, ", "), strings.Join(want, ", "), s.Equation)
		}
		sum := finance.Sum{}
		for c := range maps.Values(s.Equation.Differences) {
			sum = sum.Plus(c)
		}
		for _, d := range s.Differences {
			sum = sum.Minus(d.Effect)
		}
		if sum.Sign() != 0 {
			t.Fatalf("the classes come to %s more than the differences", sum)
		}
	})
}

package e2e

import (
	"sync"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// TestBooksAndLedgerAgree: 10,000 orders of two merchants through receiver and
// worker as processes; afterwards the gateway's books and the ledger agree,
// order by order and amount by amount, and every refused push is in
// quarantine.
func TestBooksAndLedgerAgree(t *testing.T) {
	const perMerchant = 5_000
	// A reversal follows a minute after the settled push, which has to be time
	// enough to ask about it.
	w := newWorldAt(t, 60, 1)
	// Some orders' pushes are forged: refused, kept, and never a word to the
	// worker.
	forged := w.forgeSome(perMerchant / 100)

	var wg sync.WaitGroup
	for _, g := range w.gateways {
		wg.Go(func() {
			report, err := g.RunTraffic(t.Context(), sandbox.Traffic{Total: perMerchant, Rate: 500, Creators: 16})
			if err != nil || report.Created != perMerchant {
				t.Errorf("traffic: %+v, %v", report, err)
			}
			if err := g.WaitIdle(t.Context()); err != nil {
				t.Errorf("gateway: %v", err)
			}
		})
	}
	wg.Wait()
	w.pushTheTruth(perMerchant / 100)
	w.await("all callbacks decided", func() bool { return w.drained(alice) && w.drained(bob) })

	l := w.ledger()
	orders, told := 0, map[events.Outcome]int{}
	for _, g := range w.gateways {
		for _, record := range g.Books() {
			orders++
			w.agree(record, l.of(record.Merchant, record.OrderID), told)
			delete(l, record.Merchant+"/"+record.OrderID)
		}
	}
	for key := range l {
		t.Errorf("the ledger has events of %s, which the gateway does not know", key)
	}
	refused := w.refusedPushes()
	if kept := int(w.count(stream.Quarantine)); kept != refused || kept < forged {
		t.Errorf("%d refused pushes, %d of them in quarantine", refused, kept)
	}
	if parked := w.count(stream.Parked); parked != 0 {
		t.Errorf("%d callbacks parked", parked)
	}
	if orders != 2*perMerchant+forged {
		t.Errorf("%d orders, want %d", orders, 2*perMerchant+forged)
	}
	t.Logf("%d orders, events %v, %d refused pushes, all in quarantine", orders, told, refused)
}

// forgeSome makes the gateways' hand-made orders push forged bodies.
func (w *world) forgeSome(n int) int {
	w.t.Helper()
	total := 0
	for id, g := range w.gateways {
		for i := range n {
			o := sandbox.NewOrder{Merchant: id, Flow: sandbox.Collect, OrderID: orderID("forged", i), Amount: dec("10.00")}
			o.Course = course(w.t, "settled", o.Amount)
			g.OverridePush(id, o.OrderID, sandbox.PushEdit{Body: forge})
			if _, err := g.CreateOrder(w.t.Context(), o); err != nil {
				w.t.Fatal(err)
			}
			total++
		}
	}
	return total
}

// pushTheTruth follows when the forged pushes were all refused.
func (w *world) pushTheTruth(n int) {
	w.t.Helper()
	for id, g := range w.gateways {
		for i := range n {
			g.OverridePush(id, orderID("forged", i), sandbox.PushEdit{})
			if p, err := g.PushNow(w.t.Context(), id, orderID("forged", i)); err != nil || !p.Accepted {
				w.t.Fatalf("true push after forged ones: %+v, %v", p, err)
			}
		}
	}
}

// refusedPushes counts the pushes that were answered with anything but
// success.
func (w *world) refusedPushes() int {
	n := 0
	for _, g := range w.gateways {
		for _, record := range g.Books() {
			for _, p := range record.Pushes {
				if !p.Accepted {
					n++
				}
			}
		}
	}
	return n
}

// agree holds one order's events to the gateway's books.
func (w *world) agree(r sandbox.Record, chain []events.Event, told map[events.Outcome]int) {
	w.t.Helper()
	var outcomes []events.Event
	reviews := 0
	for _, e := range chain {
		told[e.Outcome()]++
		switch {
		case e.Outcome().Final():
			outcomes = append(outcomes, e)
		case e.Outcome() == events.OutcomeReview:
			reviews++
		}
	}
	holdChain(w.t, outcomes)
	switch r.State {
	case "settled":
		expect(w.t, r, outcomes, events.OutcomeSettled)
	case "failed":
		expect(w.t, r, outcomes, events.OutcomeFailed)
	case "reversed":
		if len(outcomes) == 0 && reviews > 0 {
			// Reversed before anybody could ask: no query ever said success, so
			// nothing may settle, and a person has it.
			told["reversed before it was asked about"]++
			return
		}
		expect(w.t, r, outcomes, events.OutcomeSettled, events.OutcomeReversed)
	case "short-paid":
		if len(outcomes) != 0 || reviews != 1 {
			w.t.Errorf("%s: short-paid order has %d outcomes and %d reviews, want an open review", r.OrderID, len(outcomes), reviews)
		}
		return
	default:
		w.t.Errorf("%s ended as %q", r.OrderID, r.State)
	}
	if reviews != 0 {
		w.t.Errorf("%s: %d reviews of a plain order", r.OrderID, reviews)
	}
}

// expect holds outcomes and amounts to the books.
func expect(t *testing.T, r sandbox.Record, got []events.Event, want ...events.Outcome) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s (%s): %d outcomes, want %v", r.OrderID, r.State, len(got), want)
		return
	}
	for i, e := range got {
		p := e.Data.Common()
		if e.Outcome() != want[i] {
			t.Errorf("%s: outcome %d is %s, want %s", r.OrderID, i, e.Outcome(), want[i])
		}
		amount, known := p.Amount.Decimal()
		paid := r.Paid
		if e.Outcome() == events.OutcomeFailed {
			paid = r.Shown()
		}
		if !known || amount.Cmp(paid) != 0 {
			t.Errorf("%s: %s over %s, the gateway says %s", r.OrderID, e.Outcome(), p.Amount, paid)
		}
		if string(p.Flow) != string(r.Flow) || p.PlatOrderID != r.PlatOrderID || p.LiveMode || p.Match != events.ThreeWay {
			t.Errorf("%s: %s says flow %s, platform order %s, livemode %t, match %s", r.OrderID, e.Outcome(), p.Flow, p.PlatOrderID, p.LiveMode, p.Match)
		}
	}
}

// holdChain asserts that every outcome but the first supersedes the one
// before.
func holdChain(t *testing.T, outcomes []events.Event) {
	t.Helper()
	for i, e := range outcomes {
		if i > 0 && e.Data.Common().Supersedes != outcomes[i-1].ID {
			t.Errorf("%s follows %s without superseding it", e.ID, outcomes[i-1].ID)
		}
	}
}

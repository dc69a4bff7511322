package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

// TestBooksAndLedgerAgree: 10,000 orders of two merchants, created over the
// API of gateways that do every mischief there is, through receiver and worker
// as processes; afterwards the gateways' books and the ledger agree, order by
// order and amount by amount, and every push that nobody signed is in
// quarantine. What no push tells, the sweep finds.
func TestBooksAndLedgerAgree(t *testing.T) {
	const perMerchant = 5_000
	// A reversal follows half a minute or more after the settled push, which has
	// to be time enough to ask about it.
	// The sweep's turn comes when the gateway has pushed for the last time, after
	// 32 s at this scale.
	w := newWorldAt(t, 60, sandbox.Hostile(), 1, "SWEEP_DELAYS=36s,40s", "SWEEP_LOOK_BACK=15s", "SWEEP_SHARE=1")
	reports := w.traffic(shop.Traffic{Total: perMerchant, Rate: 150, Creators: 16})
	w.await("all callbacks decided", func() bool { return w.drained(alice) && w.drained(bob) })
	w.await("the sweep has asked about all orders", func() bool { return w.swept(alice, 2) && w.swept(bob, 2) })

	l, b := w.ledger(), &balance{t: t, told: map[string]int{}}
	for _, g := range w.gateways {
		for _, record := range g.Books() {
			b.agree(record, l.of(record.Merchant, record.OrderID))
			delete(l, record.Merchant+"/"+record.OrderID)
		}
	}
	for key := range l {
		t.Errorf("the ledger has events of %s, which the gateway does not know", key)
	}
	w.nothingElseRefused()
	if parked := w.count(stream.Parked); parked != 0 {
		t.Errorf("%d callbacks parked", parked)
	}
	created, refused := 0, 0
	for _, report := range reports {
		created, refused = created+report.Created, refused+report.Refused
	}
	if created != b.orders || created+refused != 2*perMerchant {
		t.Errorf("%d orders created and %d refused, and %d in the books without second payments", created, refused, b.orders)
	}
	// Every order was registered once, and every refused one withdrawn.
	if submitted, withdrawn := w.said("submitted"), w.said("withdrawn"); submitted != created+refused || withdrawn != refused {
		t.Errorf("%d orders registered and %d withdrawn after %d created and %d refused", submitted, withdrawn, created, refused)
	}
	t.Logf("%d orders created, %d refused; told: %v", created, refused, b.told)
	w.mischiefHappened()
}

// traffic lets every merchant's order service make orders, and waits until all
// that follows has happened.
func (w *world) traffic(traffic shop.Traffic) []shop.Report {
	w.t.Helper()
	var all sync.WaitGroup
	reports := make([]shop.Report, 0, len(w.gateways))
	var mu sync.Mutex
	for id, g := range w.gateways {
		s := w.shop(id, g)
		all.Go(func() {
			report, err := s.Run(w.t.Context(), traffic)
			if err != nil {
				w.t.Errorf("order service of %s: %v", id, err)
			}
			ctx, cancel := context.WithTimeout(w.t.Context(), patience)
			defer cancel()
			if err := g.WaitIdle(ctx); err != nil {
				w.t.Errorf("gateway of %s: %v", id, err)
			}
			mu.Lock()
			defer mu.Unlock()
			reports = append(reports, report)
		})
	}
	all.Wait()
	return reports
}

// shop is the order service of one merchant.
func (w *world) shop(merchant string, g *sandbox.Server) *shop.Shop {
	w.t.Helper()
	s, err := up.NewShop(up.Shop{
		Gateway: g, Merchants: []*config.Merchant{w.merchant(merchant)}, Notify: "http://" + w.receiver.http,
		Installation: installation, Orders: orders.NewBook(w.js, 5*time.Second), Timeout: 2 * time.Second, Seed: 7, Run: merchant, Log: zap.NewNop(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) merchant(id string) *config.Merchant {
	w.t.Helper()
	m, ok := w.merchants.Get(id)
	if !ok {
		w.t.Fatalf("no merchant %s", id)
	}
	return m
}

// nothingElseRefused: every push that must be taken was, at last where one got
// no answer on a busy machine, and every other is in quarantine.
func (w *world) nothingElseRefused() {
	w.t.Helper()
	refused := 0
	for _, g := range w.gateways {
		for _, record := range g.Books() {
			silent := record.Mischief[sandbox.PushNone] > 0 || record.Mischief[sandbox.ReversalSilent] > 0
			if !record.Accepted && !silent {
				w.t.Errorf("%s: nobody took its last state: %+v", record.OrderID, record.Pushes)
			}
			for _, p := range record.Pushes {
				switch {
				case p.HTTPStatus != 0 && p.Must() && !p.Accepted:
					w.t.Errorf("%s: refused: %+v", record.OrderID, p)
				case p.HTTPStatus != 0 && !p.Must() && p.Accepted:
					w.t.Errorf("%s: nobody signed this, and it was accepted: %+v", record.OrderID, p)
				case p.HTTPStatus != 0 && !p.Must():
					refused++
				}
			}
		}
	}
	if kept := int(w.count(stream.Quarantine)); kept != refused {
		w.t.Errorf("%d refused pushes, and %d in quarantine", refused, kept)
	}
}

// mischiefHappened: all of it did.
func (w *world) mischiefHappened() {
	w.t.Helper()
	total := map[sandbox.Mischief]int{}
	for _, g := range w.gateways {
		for m, n := range g.Mischief() {
			total[m] += n
		}
	}
	var list strings.Builder
	for _, m := range sandbox.Mischiefs() {
		fmt.Fprintf(&list, "\n%-22s %5d", m, total[m])
		if total[m] == 0 {
			w.t.Errorf("%s happened %d times, its rate is %g", m, total[m], sandbox.Hostile()[m])
		}
	}
	w.t.Logf("mischief:%s", list.String())
}

// balance compares the gateway's books with the ledger.
type balance struct {
	t      *testing.T
	orders int // without second payments, which nobody created
	told   map[string]int
}

// agree holds one order's events to the gateway's books.
func (b *balance) agree(r sandbox.Record, chain []events.Event) {
	b.t.Helper()
	if r.Duplicates == "" {
		b.orders++
	}
	c := sortOut(chain)
	for _, e := range chain {
		b.told[string(e.Outcome())]++
		if e.Data.Common().Via == events.ViaSweep {
			b.told[string(e.Outcome())+" by the sweep"]++
		}
	}
	holdChain(b.t, c.outcomes)
	holdAmounts(b.t, r, c.outcomes)
	got := c.String()
	want := expected(r)
	for _, w := range want {
		if got == w {
			if got != want[0] {
				b.told["by another way: "+lifeOf(r)+" as "+got]++
			}
			return
		}
	}
	b.t.Errorf("%s %s (%s, mischief %v): the ledger has %q, want one of %q", r.Flow, r.OrderID, lifeOf(r), r.Mischief, got, want)
}

// lifeOf names the states of an order's life.
func lifeOf(r sandbox.Record) string {
	var states []string
	for _, s := range r.History {
		states = append(states, s.State)
	}
	return strings.Join(states, " ")
}

// expected is what the ledger may hold about an order, the usual first:
// outcomes in their order, and "?" for an open review behind them.
func expected(r sandbox.Record) []string {
	switch life := strings.TrimPrefix(lifeOf(r), "submitted "); {
	case r.Duplicates != "":
		return []string{"?"} // a second payment: for a person
	case life == "settled":
		return []string{"settled"}
	case life == "failed":
		return []string{"failed"}
	case life == "short-paid", life == "over-paid":
		return []string{"?"}
	case life == "failed settled" && r.Flow == sandbox.Collect:
		// The failure may be past before anybody could ask about it.
		return []string{"failed settled", "settled", "settled ?", "failed settled ?"}
	case life == "failed settled":
		// A payout that was told failed may have been paid again.
		return []string{"failed ?", "settled", "settled ?"}
	case life == "settled reversed":
		// A success that is past before anybody could ask is never told; a push of
		// it that comes late contradicts the query.
		return []string{"settled reversed", "settled reversed ?", "?", "failed ?", "failed"}
	default:
		return nil
	}
}

// contents is one order's part of the ledger.
type contents struct {
	outcomes []events.Event
	open     int // reviews
}

func sortOut(chain []events.Event) contents {
	var c contents
	for _, e := range chain {
		switch {
		case e.Outcome().Final():
			c.outcomes = append(c.outcomes, e)
		case e.Outcome() == events.OutcomeReview:
			c.open++
		default:
			c.open-- // resolved
		}
	}
	return c
}

func (c contents) String() string {
	var words []string
	for _, e := range c.outcomes {
		words = append(words, string(e.Outcome()))
	}
	if c.open > 0 {
		words = append(words, "?")
	}
	return strings.Join(words, " ")
}

// holdAmounts holds the outcomes' amounts, ids and flow to the books.
func holdAmounts(t *testing.T, r sandbox.Record, outcomes []events.Event) {
	t.Helper()
	for _, e := range outcomes {
		p := e.Data.Common()
		amount, known := p.Amount.Decimal()
		paid := r.Paid
		if e.Outcome() == events.OutcomeFailed && r.State == "failed" {
			paid = r.Shown()
		}
		if e.Outcome() == events.OutcomeFailed && r.State != "failed" {
			paid = r.Submitted
		}
		if !known || amount.Cmp(paid) != 0 {
			t.Errorf("%s: %s over %s, the gateway says %s", r.OrderID, e.Outcome(), p.Amount, paid)
		}
		fee, known := p.Fee.Decimal()
		if e.Outcome() == events.OutcomeFailed && known && !fee.IsZero() {
			t.Errorf("%s: failed with fee %s", r.OrderID, p.Fee)
		}
		if e.Outcome() != events.OutcomeFailed && (!known || fee.Cmp(r.Fee) != 0) {
			t.Errorf("%s: %s with fee %s, the gateway says %s", r.OrderID, e.Outcome(), p.Fee, r.Fee)
		}
		if asked, known := p.SubmittedAmount.Decimal(); r.Duplicates == "" && (!known || asked.Cmp(r.Submitted) != 0) {
			t.Errorf("%s: %s says that %s was submitted, and it was %s", r.OrderID, e.Outcome(), p.SubmittedAmount, r.Submitted)
		}
		holdNet(t, r, e)
		if string(p.Flow) != string(r.Flow) || p.PlatOrderID != r.PlatOrderID || p.LiveMode || p.Match != matchOf(p) {
			t.Errorf("%s: %s says flow %s, platform order %s, livemode %t, match %s", r.OrderID, e.Outcome(), p.Flow, p.PlatOrderID, p.LiveMode, p.Match)
		}
	}
}

// matchOf counts the statements behind an outcome of a registered order: the
// sweep has no callback.
func matchOf(p events.Payment) events.Match {
	if p.Via == events.ViaSweep && p.Evidence.Callback == nil {
		return events.TwoWay
	}
	return events.ThreeWay
}

// holdNet holds what an outcome does to the merchant's balance to what it did at
// the gateway.
func holdNet(t *testing.T, r sandbox.Record, e events.Event) {
	t.Helper()
	p := e.Data.Common()
	in := (r.Flow == sandbox.Collect) == (e.Outcome() == events.OutcomeSettled)
	direction, change := events.Debit, r.Fee
	switch {
	case e.Outcome() == events.OutcomeFailed:
		if p.Direction != events.None || p.Net.Known() {
			t.Errorf("%s: failed moves %s %s", r.OrderID, p.Direction, p.Net)
		}
		return
	case in:
		direction = events.Credit
	}
	switch {
	case r.Flow == sandbox.Collect:
		change = r.Fee.Neg()
	case r.Merchant == bob: // his fees come out of the payout's amount
		change = decimal.Zero
	}
	want, err := r.Paid.Add(change)
	if err != nil {
		t.Fatal(err)
	}
	net, known := p.Net.Decimal()
	if p.Direction != direction || !known || net.Cmp(want) != 0 {
		t.Errorf("%s: %s moves %s %s, the gateway moved %s %s", r.OrderID, e.Outcome(), p.Direction, p.Net, direction, want)
	}
	if e.Outcome() == events.OutcomeSettled && p.UTR != r.UTR || p.BookingDate == "" {
		t.Errorf("%s: %s has utr %q, booking date %q; the gateway says utr %q", r.OrderID, e.Outcome(), p.UTR, p.BookingDate, r.UTR)
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

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
	"github.com/settlehook/settlehook/test/ledgercheck"
)

// TestBooksAndLedgerAgree: 10,000 orders of two merchants, created over the
// API of gateways that do every mischief there is, through receiver and worker
// as processes; afterwards the gateways' books and the ledger agree, order by
// order and amount by amount, and every push that nobody signed is in
// quarantine. What no push tells, the sweep finds. And finance's statement comes out.
func TestBooksAndLedgerAgree(t *testing.T) {
	const perMerchant = 5_000
	// A reversal follows half a minute or more after the settled push, which has
	// to be time enough to ask about it.
	// The sweep's turn comes when the gateway has pushed for the last time, after
	// 32 s at this scale.
	w := newWorldAt(t, 60, sandbox.Hostile(), 1, "SWEEP_DELAYS=36s,40s", "SWEEP_LOOK_BACK=15s", "SWEEP_SHARE=1")
	opened := w.opened()
	reports := w.traffic(shop.Traffic{Total: perMerchant, Rate: 150, Creators: 16})
	w.await("all callbacks decided", func() bool { return w.drained(alice) && w.drained(bob) })
	w.await("the sweep has asked about all orders", func() bool { return w.swept(alice, 2) && w.swept(bob, 2) })

	for id, date := range opened {
		w.statementComesOut(id, date, w.ledger())
	}
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
	for _, e := range chain {
		b.told[string(e.Outcome())]++
		if e.Data.Common().Via == events.ViaSweep {
			b.told[string(e.Outcome())+" by the sweep"]++
		}
	}
	o := booked(r)
	got, faults := o.Check(chain, true)
	for _, fault := range faults {
		b.t.Errorf("%s (mischief %v)", fault.Text, r.Mischief)
	}
	if want := o.Expected(true); len(want) > 0 && got != want[0] {
		b.told["by another way: "+strings.Join(o.Life, " ")+" as "+got]++
	}
}

// booked is an order of the gateway's books. Nothing was down, so that what no
// push told the sweep has found.
func booked(r sandbox.Record) ledgercheck.Order {
	payFee := events.PayFeeAdded
	if r.Merchant == bob {
		payFee = events.PayFeeIncluded
	}
	o := ledgercheck.FromSandbox(r, payFee)
	o.Told = true
	return o
}

// holdAmounts holds the outcomes' amounts, ids and flow to the books.
func holdAmounts(t *testing.T, r sandbox.Record, outcomes []events.Event) {
	t.Helper()
	for _, e := range outcomes {
		for _, fault := range booked(r).Money(e) {
			t.Errorf("%s %s", e.ID, fault)
		}
	}
}

// holdChain asserts that every outcome but the first supersedes the one
// before.
func holdChain(t *testing.T, outcomes []events.Event) {
	t.Helper()
	for _, fault := range ledgercheck.Chained(outcomes) {
		t.Error(fault)
	}
}

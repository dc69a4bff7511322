package stream

import (
	"testing"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/orders"
)

func openLedger(t testing.TB, b *bench) *Ledger {
	t.Helper()
	l, err := OpenLedger(within(t), b.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLedger(t *testing.T) {
	reconciletest.LedgerSuite(t, func(t testing.TB) reconcile.Ledger { return openLedger(t, newStreams(t)) })
}

// orderBook is the worker's reading of what order services write.
type orderBook struct {
	*OrderBook
	*orders.Book
}

func TestOrders(t *testing.T) {
	reconciletest.OrdersSuite(t, func(t testing.TB) reconciletest.OrderBook {
		js := newStreams(t).js
		o, err := OpenOrders(within(t), js, patience)
		if err != nil {
			t.Fatal(err)
		}
		return orderBook{o, orders.NewBook(js, patience)}
	})
}

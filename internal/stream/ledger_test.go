package stream

import (
	"testing"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
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

func TestOrders(t *testing.T) {
	reconciletest.OrdersSuite(t, func(t testing.TB) reconciletest.OrderBook {
		o, err := OpenOrders(within(t), newStreams(t).js, patience)
		if err != nil {
			t.Fatal(err)
		}
		return o
	})
}

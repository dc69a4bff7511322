package reconciletest_test

import (
	"testing"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
)

func TestLedger(t *testing.T) {
	reconciletest.LedgerSuite(t, func(testing.TB) reconcile.Ledger { return reconciletest.NewLedger() })
}

func TestPlainLedger(t *testing.T) {
	reconciletest.LedgerSuite(t, func(testing.TB) reconcile.Ledger { return reconciletest.NewPlainLedger() })
}

func TestOrders(t *testing.T) {
	reconciletest.OrdersSuite(t, func(testing.TB) reconciletest.OrderBook { return reconciletest.NewOrders() })
}

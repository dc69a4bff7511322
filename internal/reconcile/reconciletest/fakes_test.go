package reconciletest_test

import (
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
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

// kept counts the sequences that the server gives.
type kept struct {
	*reconciletest.Callbacks
	clock *reconciletest.Clock
	last  uint64
}

func (k *kept) Keep(_ testing.TB, order events.Order, cb callback.Callback, before uint64) uint64 {
	k.last++
	h := reconcile.Heard{Callback: cb, ReceivedAt: reconciletest.Start, StreamSequence: k.last}
	if before > 0 {
		h.StreamSequence = before
	}
	k.Callbacks.Keep(order, h)
	return k.last
}

func (k *kept) Now() time.Time {
	k.clock.Advance(time.Second)
	return k.clock.Now()
}

func TestCallbacks(t *testing.T) {
	reconciletest.CallbacksSuite(t, func(testing.TB) reconciletest.CallbackBook {
		clock := reconciletest.NewClock()
		return &kept{Callbacks: reconciletest.NewCallbacks(clock.Now), clock: clock}
	})
}

package reconcile_test

import (
	"testing"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
)

// TestForgedDoneMark: whoever can write to Redis can't have a callback dropped
// of whose order downstream has heard nothing: no mark of ours names no event.
func TestForgedDoneMark(t *testing.T) {
	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, paidReply)
	d := push(collectOrder, succ, "1000")
	if err := w.Claims.Done(t.Context(), d.ClaimKey(), 0); err != nil {
		t.Fatal(err)
	}
	res := deliver(t, worker(w, "w"), d)
	if res.Disposition != reconcile.Acknowledge || !res.Emitted {
		t.Errorf("%+v; want the mark ignored and the event emitted", res)
	}
	holds(t, w, "settled confirmed 1000.00")
}

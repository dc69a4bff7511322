package e2e

import (
	"context"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
)

// settleAndPush makes an order that settles and is pushed as gateways do.
func (w *world) settleAndPush(merchant, id string) {
	w.t.Helper()
	amount := dec("250.50")
	if _, err := w.gateways[merchant].CreateOrder(w.t.Context(), sandbox.NewOrder{
		Merchant: merchant, Flow: sandbox.Collect, OrderID: id, Amount: amount, Course: course(w.t, "settled", amount),
	}); err != nil {
		w.t.Fatal(err)
	}
}

// TestOneDeadGatewayStopsNobodyElse: one merchant's gateway hangs, refuses and
// fails; another merchant's callbacks are decided as before; and when the
// gateway is back, what waited is decided too.
func TestOneDeadGatewayStopsNobodyElse(t *testing.T) {
	w := newWorld(t, 1)
	const n = 100
	for name, dead := range map[string]sandbox.QueryAnswer{
		"hangs": {Hang: true}, "500": {HTTPStatus: 500}, "refuses": {Code: 400, Desc: "ip not allowed"},
	} {
		w.gateways[bob].OverrideMerchant(bob, dead)
		for i := range n {
			w.settleAndPush(bob, orderID(name, i))
			w.settleAndPush(alice, orderID(name, i))
		}
		if err := w.gateways[alice].WaitIdle(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.await(name+": the other merchant's callbacks are decided", func() bool { return w.drained(alice) })
		l := w.ledger()
		for i := range n {
			l.holds(t, alice, orderID(name, i), "settled")
			l.holds(t, bob, orderID(name, i))
		}
		w.gateways[bob].OverrideMerchant(bob, sandbox.QueryAnswer{})
		w.await(name+": what waited is decided", func() bool { return w.drained(bob) })
		l = w.ledger()
		for i := range n {
			l.holds(t, bob, orderID(name, i), "settled")
		}
	}
}

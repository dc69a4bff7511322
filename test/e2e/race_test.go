package e2e

import (
	"sync"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/pkg/events"
)

// TestRacingWorkersNeverContradict: two workers without Redis, and a gateway
// that changes its mind between their questions: the ledger never holds
// contradictory outcomes without supersession.
func TestRacingWorkersNeverContradict(t *testing.T) {
	w := newWorld(t, 2)
	w.redis.Kill() // claims would keep the workers apart
	const orders = 200
	ids := make([]string, orders)
	for i := range ids {
		ids[i] = orderID("race", i)
	}
	g := w.gateways[alice]
	success, failed := sandbox.QueryAnswer{Status: "1"}, sandbox.QueryAnswer{Status: "2"}
	var bodies [][]byte
	for _, order := range w.settledOrders(alice, ids...) {
		g.OverrideQuery(alice, order.OrderID, success, failed, failed, success, failed, success, success, failed, success, failed, success)
		p := pushOf(order)
		for _, status := range []string{"1", "2"} {
			p.status = status
			bodies = append(bodies, p.body(alice))
			p.remark = "again" // the same statement, as another message
			bodies = append(bodies, p.body(alice))
		}
	}
	var wg sync.WaitGroup
	for _, body := range bodies {
		wg.Go(func() { w.mustAccept("collect", alice, body) })
	}
	wg.Wait()
	w.await("callbacks decided", func() bool { return w.drained(alice) })
	told := map[events.Outcome]int{}
	l := w.ledger()
	for _, id := range ids {
		var outcomes []events.Event
		for _, e := range l.of(alice, id) {
			told[e.Outcome()]++
			if e.Outcome().Final() {
				outcomes = append(outcomes, e)
			}
		}
		if len(l.of(alice, id)) == 0 {
			t.Errorf("%s has neither an event nor a review", id)
		}
		holdChain(t, outcomes)
	}
	t.Logf("%d orders: %v", orders, told)
}

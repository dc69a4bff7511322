package e2e

import (
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/pkg/events"
)

// quickSweep makes the sweep's turns come within seconds.
func quickSweep(more ...string) []string {
	return append([]string{"SWEEP_DELAYS=1s,3s", "SWEEP_LOOK_BACK=2s", "SWEEP_SHARE=1"}, more...)
}

// order makes an order of 1000.50.
func (w *world) order(merchant string, flow sandbox.Flow, id string, course ...sandbox.Step) {
	w.t.Helper()
	if _, err := w.gateways[merchant].CreateOrder(w.t.Context(), sandbox.NewOrder{
		Merchant: merchant, Flow: flow, OrderID: id, Amount: dec("1000.50"), Course: course,
	}); err != nil {
		w.t.Fatal(err)
	}
}

var settles = sandbox.Step{Change: sandbox.Change{Action: sandbox.Settle}}

// TestMissingPushesAreFoundBySweep: none of the eight pushes of any order is
// made, and each order is settled all the same, with the gateway's amounts. No
// worker has the role callbacks.
func TestMissingPushesAreFoundBySweep(t *testing.T) {
	const n = 50
	w := newWorldAt(t, timeScale, sandbox.Rates{sandbox.PushNone: 1}, 1, quickSweep("WORKER_ROLES=sweep")...)
	for i := range n {
		w.order(alice, sandbox.Collect, orderID("C", i), settles)
		w.order(alice, sandbox.Pay, orderID("P", i), settles)
	}
	w.await("every order is told", func() bool { return len(w.ledger()) == 2*n })
	l := w.ledger()
	for _, record := range w.gateways[alice].Books() {
		chain := l.of(record.Merchant, record.OrderID)
		if len(chain) != 1 || chain[0].Outcome() != events.OutcomeSettled || chain[0].Data.Common().Via != events.ViaSweep {
			t.Errorf("%s: the ledger has %v", record.OrderID, chain)
			continue
		}
		holdAmounts(t, record, chain)
		if record.Accepted {
			t.Errorf("%s: pushed, and nothing should have been", record.OrderID)
		}
	}
}

// TestSilentChangesAreFoundByLookBack: orders settle by their callbacks and are
// reversed without a push, others fail and are paid after all, and the
// look-back finds both.
func TestSilentChangesAreFoundByLookBack(t *testing.T) {
	const n = 50
	w := newWorldAt(t, timeScale, nil, 1, quickSweep("SWEEP_LOOK_BACK=6s")...)
	// Three seconds after downstream could hear of the first state.
	const later = sandbox.Duration(3 * timeScale * time.Second)
	fails := sandbox.Step{Change: sandbox.Change{Action: sandbox.Fail}}
	for i := range n {
		w.order(bob, sandbox.Collect, orderID("R", i), settles,
			sandbox.Step{WhenAccepted: true, After: later, Change: sandbox.Change{Action: sandbox.Reverse, Silent: true}})
		w.order(bob, sandbox.Collect, orderID("L", i), fails,
			sandbox.Step{WhenAccepted: true, After: later, Change: sandbox.Change{Action: sandbox.Settle, Silent: true}})
	}
	w.await("every change is told", func() bool {
		told := 0
		for _, chain := range w.ledger() {
			if len(chain) == 2 {
				told++
			}
		}
		return told == 2*n
	})
	l := w.ledger()
	for _, record := range w.gateways[bob].Books() {
		chain := l.of(record.Merchant, record.OrderID)
		last := chain[1].Data.Common()
		if want := map[byte]string{'R': "by_query", 'L': "late_success"}[record.OrderID[0]]; last.Reason != want || last.Via != events.ViaSweep {
			t.Errorf("%s: %s by %s, want %s by the sweep", record.OrderID, last.Reason, last.Via, want)
		}
		holdChain(t, chain)
		holdAmounts(t, record, chain)
	}
}

// TestUnpaidOrdersEnd: a collection that nobody pays expires, a payout that
// stays open is put before a person.
func TestUnpaidOrdersEnd(t *testing.T) {
	w := newWorldAt(t, timeScale, nil, 1, quickSweep()...)
	w.order(alice, sandbox.Collect, "C1")
	w.order(alice, sandbox.Pay, "P1")
	w.await("both end", func() bool { return len(w.ledger()) == 2 })
	l := w.ledger()
	for order, want := range map[string]events.Outcome{"C1": events.OutcomeExpired, "P1": events.OutcomeReview} {
		if chain := l.of(alice, order); len(chain) != 1 || chain[0].Outcome() != want || chain[0].Data.Common().Reason != "open" {
			t.Errorf("%s: %v, want %s", order, chain, want)
		}
	}
	w.await("the sweep is done with them", func() bool { return w.swept(alice, 2) })
}

package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// interleavings is how many orders of steps each race is run in.
const interleavings = 50

// race runs deliveries at once, one worker each, while the gateway changes its
// mind at moments of its own.
type race struct {
	name    string
	order   events.Order
	pushes  []reconcile.Delivery
	minds   []reconciletest.Reply // one after the other
	noRedis bool
}

func races() []race {
	var all []race
	for _, order := range []events.Order{collectOrder, payOrder} {
		for _, noRedis := range []bool{false, true} {
			success, failure := push(order, succ, "1000"), push(order, fail, "1000")
			reversal := reconciletest.Reversal(order, "1000", reconciletest.Start)
			mismatch := push(order, succ, "999")
			all = append(
				all,
				race{"success and failure, 1 → 2", order, []reconcile.Delivery{success, failure}, []reconciletest.Reply{paidReply, failedReply}, noRedis},
				race{"success and failure, 2 → 1", order, []reconcile.Delivery{success, failure}, []reconciletest.Reply{failedReply, paidReply}, noRedis},
				race{"success and failure, 1 → 2 → 1", order, []reconcile.Delivery{success, failure}, []reconciletest.Reply{paidReply, failedReply, paidReply}, noRedis},
				race{"success twice and its reversal", order, []reconcile.Delivery{success, success, reversal}, []reconciletest.Reply{paidReply, failedReply}, noRedis},
				race{"other amounts", order, []reconcile.Delivery{success, mismatch}, []reconciletest.Reply{paidReply, reconciletest.Succeeded(reconciletest.PlatOrderID, "999")}, noRedis},
			)
		}
	}
	return all
}

// TestRaces: whatever the order of the steps, contradictory outcomes are never
// stored without supersession, and no order stays without an event or an open
// review (issue "Must show" 8).
func TestRaces(t *testing.T) {
	for i, r := range races() {
		t.Run(fmt.Sprintf("%s/%s/redis %v", r.name, r.order.Flow, !r.noRedis), func(t *testing.T) {
			orders, conflicts, outcomes := map[string]bool{}, 0, 0
			for seed := range uint64(interleavings) {
				steps, results, w := r.run(t, uint64(i)<<32|seed)
				orders[strings.Join(steps, ", ")] = true
				for _, res := range results {
					conflicts += res.Conflicts
				}
				entries := w.Ledger.Entries()
				if err := reconciletest.Audit(entries); err != nil {
					t.Fatalf("seed %d: %v\nsteps: %s\nledger: %s", seed, err, steps, ledgerLines(w))
				}
				if len(entries) == 0 {
					t.Fatalf("seed %d: nothing was told", seed)
				}
				for _, e := range entries {
					if e.Event.Outcome().Final() {
						outcomes++
					}
				}
			}
			// A race that never was close has shown nothing.
			if conflicts == 0 && outcomes <= interleavings || len(orders) < interleavings/2 {
				t.Errorf("%d conflicts and %d outcomes in %d different orders of steps", conflicts, outcomes, len(orders))
			}
		})
	}
}

func ledgerLines(w *reconciletest.World) string {
	var s []string
	for _, e := range w.Ledger.Entries() {
		s = append(s, line(e.Event))
	}
	return strings.Join(s, "; ")
}

// run plays one interleaving to its end.
func (r race) run(t *testing.T, seed uint64) (steps []string, results []reconcile.Result, w *reconciletest.World) {
	synctest.Test(t, func(t *testing.T) {
		w = reconciletest.NewWorld()
		turns := reconciletest.NewTurns(seed)
		w.Gateway.Says(reconciletest.OrderID, r.minds[0])
		perPush := make([][]reconcile.Result, len(r.pushes))
		work := []func(){func() {
			rng := rand.New(rand.NewPCG(seed, 2))
			for _, mind := range r.minds[1:] {
				for range 1 + rng.IntN(6) {
					turns.Await("gateway")
				}
				w.Gateway.Says(reconciletest.OrderID, mind)
			}
		}}
		for i, d := range r.pushes {
			work = append(work, func() {
				name := fmt.Sprintf("worker %d", i)
				one := w.Worker(name, seed, reconciletest.Config(), r.hook(turns.Hook(name)))
				perPush[i] = finishAtOnce(t, one, d)
			})
		}
		steps = turns.Run(work...)
		for i, each := range perPush {
			if last := each[len(each)-1]; last.Disposition != reconcile.Acknowledge {
				t.Errorf("push %d is not acknowledged: %+v", i, last)
			}
			results = append(results, each...)
		}
	})
	return steps, results, w
}

// finishAtOnce delivers again and again without moving the clock: those that
// race wait side by side, and no lease ends meanwhile.
func finishAtOnce(t *testing.T, w *reconciletest.Worker, d reconcile.Delivery) (results []reconcile.Result) {
	for range 1000 {
		res, _ := w.Deliver(t.Context(), d)
		results = append(results, res)
		if res.Disposition != reconcile.Redeliver {
			break
		}
	}
	return results
}

func (r race) hook(turns reconciletest.Hook) reconciletest.Hook {
	if !r.noRedis {
		return turns
	}
	gone := reconciletest.Always(reconciletest.Unapplied,
		reconciletest.StepClaim, reconciletest.StepDone, reconciletest.StepRelease, reconciletest.StepForget)
	return func(s reconciletest.Step) reconciletest.Fault {
		turns(s)
		return gone(s)
	}
}

// TestRaceOfRepeats: the same push in many hands at once is one event, and with
// Redis one query.
func TestRaceOfRepeats(t *testing.T) {
	success := push(collectOrder, callback.Success, "1000")
	for _, noRedis := range []bool{false, true} {
		r := race{order: collectOrder, noRedis: noRedis, minds: []reconciletest.Reply{paidReply}}
		for range 4 {
			r.pushes = append(r.pushes, success)
		}
		for seed := range uint64(interleavings) {
			steps, _, w := r.run(t, seed)
			holds(t, w, "settled confirmed 1000.00")
			if asked := w.Gateway.Asked(reconciletest.OrderID); !noRedis && asked != 1 {
				t.Fatalf("seed %d: asked %d times, want once: %s", seed, asked, strings.Join(steps, ", "))
			}
		}
	}
}

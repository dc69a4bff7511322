package reconcile_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

var (
	collectOrder = reconciletest.Order(events.FlowCollect, reconciletest.OrderID)
	payOrder     = reconciletest.Order(events.FlowPay, reconciletest.OrderID)

	paidReply   = reconciletest.Succeeded(reconciletest.PlatOrderID, "1000")
	failedReply = reconciletest.Failed(reconciletest.PlatOrderID)
	openReply   = reconciletest.Open(reconciletest.PlatOrderID)
	down        = reconciletest.Down("transport")
)

// push is a callback received at the start of the world.
func push(order events.Order, s callback.Status, amount string) reconcile.Delivery {
	return reconciletest.Push(order, s, amount, reconciletest.Start)
}

// deliver expects that the process survives.
func deliver(t *testing.T, w *reconciletest.Worker, d reconcile.Delivery) reconcile.Result {
	t.Helper()
	d.Deliveries = max(d.Deliveries, 1)
	res, crash := w.Deliver(t.Context(), d)
	if crash != nil {
		t.Fatalf("the worker crashed: %s", crash)
	}
	return res
}

// mostDeliveries outlasts a claim that was not given back: held deliveries come
// back every half second at most until its lease ends.
const mostDeliveries = 2*int(reconciletest.Lease/time.Second) + 10

// finish delivers until the callback is acknowledged.
func finish(t *testing.T, w *reconciletest.Worker, d reconcile.Delivery) []reconcile.Result {
	t.Helper()
	results := w.Finish(t.Context(), d, mostDeliveries)
	if last := results[len(results)-1]; last.Disposition != reconcile.Acknowledge {
		t.Fatalf("not acknowledged after %d deliveries: %s %q %v", len(results), last.Disposition, last.Cause, last.Err)
	}
	return results
}

// line is an event on one line: outcome, reason, amount, what it supersedes.
func line(e events.Event) string {
	p := e.Data.Common()
	s := fmt.Sprintf("%s %s %s", p.Outcome, p.Reason, p.Amount)
	if p.Supersedes != "" {
		s += " supersedes " + p.Supersedes
	}
	if r, ok := e.Data.(events.Resolved); ok {
		s += " by " + r.ResultingEvent
	}
	return s
}

// holds expects the whole ledger, and that finance can trust it.
func holds(t *testing.T, w *reconciletest.World, want ...string) {
	t.Helper()
	entries := w.Ledger.Entries()
	var got []string
	for _, e := range entries {
		got = append(got, line(e.Event))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the ledger differs (-want +got):\n%s", diff)
	}
	if err := reconciletest.Audit(entries); err != nil {
		t.Errorf("the ledger can't be trusted: %v", err)
	}
}

// idOf is the id of an outcome of the world's order.
func idOf(o events.Outcome) string {
	return events.ID(reconciletest.MerchantID, reconciletest.OrderID, o)
}

// steps collects the steps of a worker.
type steps struct {
	mu   sync.Mutex
	seen []reconciletest.Step
}

func (s *steps) add(step reconciletest.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, step)
}

// inOrder are the steps of the delivery itself: the reads beside the query
// come in any order.
func (s *steps) inOrder() []reconciletest.Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.seen), func(step reconciletest.Step) bool {
		return step == reconciletest.StepOpenReviews || step == reconciletest.StepSubmitted
	})
}

func (s *steps) count(step reconciletest.Step) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, seen := range s.seen {
		if seen == step {
			n++
		}
	}
	return n
}

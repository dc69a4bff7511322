package reconcile_test

import (
	"errors"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
)

// TestBudget: conclusive looks spend it, and at its end stands a review.
func TestBudget(t *testing.T) {
	for _, says := range []reconciletest.Reply{openReply, reconciletest.NotFound(), failedReply} {
		w := reconciletest.NewWorld()
		w.Gateway.Says(reconciletest.OrderID, says)
		results := finish(t, worker(w, "w"), push(collectOrder, succ, "1000"))
		if len(results) != 3 {
			t.Errorf("%d looks, want 3", len(results))
		}
		for i, res := range results {
			if res.Attempts != i || res.Queries != 1 {
				t.Errorf("look %d: %d attempts spent, %d queries", i, res.Attempts, res.Queries)
			}
		}
		if last := results[len(results)-1]; last.Decision.Verdict != reconcile.Review || !last.Emitted {
			t.Errorf("at the end: %+v, want a review", last.Decision)
		}
	}
}

// TestOutagesSpendNothing: outages, crashes and claims held elsewhere leave the
// whole budget for conclusive looks.
func TestOutagesSpendNothing(t *testing.T) {
	w := reconciletest.NewWorld()
	script := []reconciletest.Reply{}
	for range 6 {
		script = append(script, down)
	}
	w.Gateway.Says(reconciletest.OrderID, append(script, openReply)...)
	crashes := 0
	one := w.Worker("w", 1, reconciletest.Config(), func(s reconciletest.Step) reconciletest.Fault {
		if s == reconciletest.StepQuery && crashes < 4 {
			crashes++
			return reconciletest.CrashBefore
		}
		return reconciletest.None
	})
	results := finish(t, one, push(collectOrder, succ, "1000"))
	var looks int
	for i, res := range results {
		if res.Cause == "unavailable" && (res.Attempts != 0 || res.Decision.Verdict != 0) {
			t.Errorf("delivery %d: an outage spent an attempt or decided: %+v", i, res)
		}
		if res.Answer != nil {
			looks++
		}
	}
	if looks != 3 || len(results) != 4+6+3 {
		t.Errorf("%d looks in %d deliveries, want 3 in 13", looks, len(results))
	}
	holds(t, w, "review lagging 0.00")
}

// TestBackoff: delays double from RetryMin to RetryMax, with a fifth of jitter,
// and never end before the gateway said it would be worth it.
func TestBackoff(t *testing.T) {
	cfg := reconciletest.Config()
	cfg.Attempts, cfg.RetryMax = 100, 10*time.Second
	for _, test := range []struct {
		name string
		says reconciletest.Reply
	}{{"look again", openReply}, {"outage", down}} {
		w := reconciletest.NewWorld()
		w.Gateway.Says(reconciletest.OrderID, test.says)
		results := w.Worker("w", 1, cfg, reconciletest.NoFault).Finish(t.Context(), push(collectOrder, succ, "1000"), 40)
		varied := false
		for i, res := range results {
			want := min(cfg.RetryMin<<min(i, 20), cfg.RetryMax)
			if low, high := want*4/5, want*6/5; res.After < low || res.After > high {
				t.Errorf("%s: delay %d is %s, want %s to %s", test.name, i, res.After, low, high)
			}
			varied = varied || res.After != want
		}
		if !varied {
			t.Errorf("%s: the delays have no jitter", test.name)
		}
	}

	w := reconciletest.NewWorld()
	w.Gateway.Says(reconciletest.OrderID, reconciletest.Reply{Err: &reconcile.Unavailable{Cause: "breaker_open", After: 45 * time.Second, NotAsked: true}})
	if res := deliver(t, worker(w, "w"), push(collectOrder, succ, "1000")); res.After != 45*time.Second {
		t.Errorf("the gateway is worth asking in 45 s, the callback comes back after %s", res.After)
	}

	// Waiting for the rate is no failure: the delay does not grow.
	w.Gateway.Says(reconciletest.OrderID, reconciletest.Reply{Err: &reconcile.Unavailable{Cause: "rate", NotAsked: true}})
	late := push(collectOrder, succ, "1000")
	late.Deliveries = 30
	if res := deliver(t, worker(w, "w"), late); res.After > 2*cfg.RetryMin {
		t.Errorf("a callback that waits for its turn comes back after %s", res.After)
	}
}

// TestParkAfterAge: outages end in PARKED at an age, once the callback had its
// tries; what can be decided is decided however old it is.
func TestParkAfterAge(t *testing.T) {
	cfg := reconciletest.Config()
	tries := uint64(cfg.Attempts)
	waiting := reconciletest.Reply{Err: &reconcile.Unavailable{Cause: "rate", NotAsked: true}}
	for _, test := range []struct {
		name string
		hook reconciletest.Hook
		says reconciletest.Reply
		age  time.Duration
		try  uint64
		want reconcile.Disposition
	}{
		{"gateway down", reconciletest.NoFault, down, cfg.ParkAfter, 100, reconcile.Redeliver},
		{"gateway down, too old", reconciletest.NoFault, down, cfg.ParkAfter + 1, tries, reconcile.Park},
		{"gateway down, too old at its first try", reconciletest.NoFault, down, 10 * cfg.ParkAfter, 1, reconcile.Redeliver},
		{"gateway down, too old before its last try", reconciletest.NoFault, down, 10 * cfg.ParkAfter, tries - 1, reconcile.Redeliver},
		{"waiting for its turn, too old", reconciletest.NoFault, waiting, 10 * cfg.ParkAfter, 100, reconcile.Redeliver},
		{"ledger down", reconciletest.Always(reconciletest.Unapplied, reconciletest.StepAppend), paidReply, cfg.ParkAfter, 100, reconcile.Redeliver},
		{"ledger down, too old", reconciletest.Always(reconciletest.Unapplied, reconciletest.StepAppend), paidReply, cfg.ParkAfter + 1, tries, reconcile.Park},
		{"old and decided", reconciletest.NoFault, paidReply, 10 * cfg.ParkAfter, 100, reconcile.Acknowledge},
		{"old and lagging", reconciletest.NoFault, openReply, 10 * cfg.ParkAfter, 100, reconcile.Redeliver},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			w.Gateway.Says(reconciletest.OrderID, test.says)
			w.Clock.Advance(test.age)
			d := push(collectOrder, succ, "1000")
			d.Deliveries = test.try
			res := deliver(t, w.Worker("w", 1, cfg, test.hook), d)
			if res.Disposition != test.want {
				t.Errorf("%s, want %s (%+v)", res.Disposition, test.want, res)
			}
			if res.Disposition == reconcile.Park && (res.Cause != "expired" || res.Err == nil) {
				t.Errorf("parked without saying why: %+v", res)
			}
		})
	}
}

// TestUnfit: what no valid event can be made of is parked at once, and its
// claim given back for the redrive.
func TestUnfit(t *testing.T) {
	for name, d := range map[string]reconcile.Delivery{
		"outcome": push(collectOrder, succ, "1000"), "review": push(collectOrder, succ, "999"),
	} {
		t.Run(name, func(t *testing.T) {
			w := reconciletest.NewWorld()
			w.Gateway.Says(reconciletest.OrderID, paidReply)
			d.Merchant.Currency = "no currency"
			res := deliver(t, worker(w, "w"), d)
			if res.Disposition != reconcile.Park || res.Cause != "unfit" || res.Err == nil {
				t.Errorf("%+v, want it parked as unfit", res)
			}
			d.Merchant.Currency = reconciletest.Currency
			if res := deliver(t, worker(w, "redrive"), d); res.Claim != reconcile.ClaimOwned || !res.Emitted {
				t.Errorf("after it was mended: %+v", res)
			}
		})
	}
}

func TestUnavailableError(t *testing.T) {
	inner := errors.New("connection refused")
	err := error(&reconcile.Unavailable{Cause: "transport", Err: inner})
	if got, want := err.Error(), "order query unavailable: transport: connection refused"; got != want || !errors.Is(err, inner) {
		t.Errorf("%q, want %q wrapping its cause", got, want)
	}
	if got, want := (&reconcile.Unavailable{Cause: "rate"}).Error(), "order query unavailable: rate"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/pkg/events"
)

// tally counts what happened in all histories: one that never comes near trouble
// has shown nothing.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (t *tally) add(p *play, a *audit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for what, n := range map[string]int{
		"histories": 1, "deliveries": p.deliveries, "steps": p.steps, "crashes": p.crashes, "lost acknowledgements": p.lostAcks,
		"conflicts": p.conflicts, "parked": p.parked, "orders that had to agree": a.agreed,
	} {
		t.n[what] += n
	}
	for _, one := range p.told {
		c := one.Event.Data.Common()
		t.n[fmt.Sprintf("%s %s via %s", one.Event.Outcome(), c.Reason, c.Via)]++
		t.n[string(one.Event.Outcome())]++
	}
	for _, m := range p.messages {
		if m.result.Disposition == reconcile.Acknowledge {
			t.n["ended "+m.result.Cause+" "+string(m.result.Decision.Reason)]++
		}
	}
}

// String lists the counts.
func (t *tally) String() string {
	var s strings.Builder
	for _, what := range slices.Sorted(maps.Keys(t.n)) {
		fmt.Fprintf(&s, "%8d %s\n", t.n[what], what)
	}
	return s.String()
}

// missing are the situations that no history came to.
func (t *tally) missing() (all []string) {
	want := []string{
		"crashes", "lost acknowledgements", "conflicts", "parked", "orders that had to agree",
		"settled confirmed via callback", "settled confirmed via sweep", "settled late_success via callback", "settled late_success via sweep",
		"settled by_operator via operator", "failed by_operator via operator", "reversed by_operator via operator", "expired by_operator via operator",
		"failed confirmed via callback", "failed confirmed via sweep", "expired open via sweep", "expired not_found via sweep",
		"reversed reverse via callback", "reversed by_query via sweep", "reversed reverse_trusted via callback",
		"ended done ", "ended told duplicate", "ended withdrawn ", "ended superseded ", "ended passed_on ", "ended  stale",
		"ended " + sweep.CauseOvertaken + " ",
	}
	for _, reason := range []reconcile.Reason{
		reconcile.ReasonLagging, reconcile.ReasonUnreadable, reconcile.ReasonNotFound, reconcile.ReasonContradiction,
		reconcile.ReasonReverseUnconfirmed, reconcile.ReasonReverseUnsettled, reconcile.ReasonUnregistered, reconcile.ReasonAmountMismatch,
		reconcile.ReasonNoAmount, reconcile.ReasonOtherOrder, reconcile.ReasonPlatOrder, reconcile.ReasonFlowConflict, reconcile.ReasonReentered,
		reconcile.ReasonChanged, reconcile.ReasonPaidAfterFailed, reconcile.ReasonDuplicatePayment,
	} {
		want = append(want, fmt.Sprintf("%s %s via %s", events.OutcomeReview, reason, events.ViaCallback))
	}
	for _, what := range want {
		if t.n[what] == 0 {
			all = append(all, what)
		}
	}
	return all
}

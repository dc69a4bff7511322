package sweep

import (
	"strconv"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// LookBack names the tier that looks at outcomes again.
const LookBack = "lookback"

// Tier is one turn of an order in the sweep.
type Tier struct {
	Name  string // "1", "2", …, or [LookBack]: names durables, claims and metrics
	Stage reconcile.Stage
	Delay time.Duration // after the server stored the message
	// Next is the delay of the tier after this one; 0 for the last.
	Next time.Duration
}

// Plan returns the tiers: one for each delay, which grow, and the look-back.
func Plan(delays []time.Duration, lookBack time.Duration) []Tier {
	tiers := make([]Tier, 0, len(delays)+1)
	for i, delay := range delays {
		t := Tier{Name: strconv.Itoa(i + 1), Stage: reconcile.StageTier, Delay: delay}
		if i+1 < len(delays) {
			t.Next = delays[i+1]
		} else {
			t.Stage = reconcile.StageLastTier
		}
		tiers = append(tiers, t)
	}
	return append(tiers, Tier{Name: LookBack, Stage: reconcile.StageLookBack, Delay: lookBack})
}

// due is when the turn of a message comes.
func (t Tier) due(stored time.Time) time.Time { return stored.Add(t.Delay) }

// overtaken reports whether the turn of the next tier has come too: it asks the
// same question, and after a long stop once is enough.
func (t Tier) overtaken(stored, now time.Time) bool {
	return t.Next > 0 && !now.Before(stored.Add(t.Next))
}

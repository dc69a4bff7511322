package reconcile

import "github.com/settlehook/settlehook/pkg/events"

// Stage is how settlehook comes to look at an order.
type Stage uint8

// The stages of an order's life.
const (
	// StageCallback: the gateway pushed.
	StageCallback Stage = iota
	// StageTier: nobody pushed, the sweep asks, and will ask again.
	StageTier
	// StageLastTier: the sweep asks for the last time.
	StageLastTier
	// StageLookBack: downstream heard of an outcome a while ago, and the sweep asks
	// whether it changed without a word: a settled order was reversed, a failed
	// or expired one paid.
	StageLookBack
	// StageOperator: a person resolves a review.
	StageOperator
)

// tier: the sweep asks about an order that has no outcome.
func (s Stage) tier() bool { return s == StageTier || s == StageLastTier }

// sweep: the sweep asks, no callback came.
func (s Stage) sweep() bool { return s.tier() || s == StageLookBack }

// Via is what events say about the stage.
func (s Stage) Via() events.Via {
	switch s {
	case StageCallback:
		return events.ViaCallback
	case StageOperator:
		return events.ViaOperator
	default:
		return events.ViaSweep
	}
}

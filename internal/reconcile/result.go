package reconcile

import (
	"time"

	"github.com/settlehook/settlehook/pkg/events"
)

// Disposition is what becomes of a callback's message. The stream consumer maps
// it to the server's acknowledgements in one place.
type Disposition uint8

// The dispositions.
const (
	// Acknowledge: the callback has ended in its place.
	Acknowledge Disposition = iota + 1
	// Redeliver: bring it again after Result.After.
	Redeliver
	// Park: nothing more can be done without a person; keep it with its history.
	Park
)

func (d Disposition) String() string {
	switch d {
	case Acknowledge:
		return "ack"
	case Redeliver:
		return "redeliver"
	case Park:
		return "park"
	default:
		return "none"
	}
}

// Result is what the processor made of one delivery: the disposition, and the
// facts for the one wide log line and the metrics.
type Result struct {
	Disposition Disposition
	After       time.Duration // with Redeliver
	// Cause names why: "done" (a repeat), "held", "undecided" (see Decision),
	// "unavailable", "ledger", "unfit" (no event can be made of it), "expired" (too
	// old to go on by itself), "cut_off" (the process ends).
	Cause string
	Err   error

	Claim     ClaimState
	Attempts  int
	Queries   int
	Answer    *Answer // the last one
	Decision  Decision
	Event     *events.Event // the event that tells the outcome, new or found
	Sequence  uint64        // of Event in PAYMENTS
	Emitted   bool          // Event was stored by this delivery
	Conflicts int           // times another emitter was first
}

package finance

import (
	"errors"
	"fmt"
	"time"
)

// Closing is a booking period of a merchant that is closed: which events of the
// ledger are in it is settled for good.
//
// It covers what the ledger held at Sequence with a booking date up to the
// period's last day, less what the closing before it covers. So an event that was
// stored after its period was closed is in the next one, and each event is in
// exactly one.
type Closing struct {
	Merchant string `json:"merchant"`
	Period
	Timezone string `json:"timezone"` // of the merchant when it was closed
	// Sequence is the ledger's last when the period was closed.
	Sequence uint64 `json:"sequence"`
	// Before is what the closing before this one covers; of a merchant's first
	// closing, all before the period.
	Before Cover  `json:"before"`
	Layout Layout `json:"layout"`
	// Events and Digest hold later exports to what was closed: how many lines, and
	// the SHA-256 of all of them as JSON lines, in hex.
	Events   int       `json:"events"`
	Digest   string    `json:"digest"`
	Effects  []Effect  `json:"effects"`
	ClosedAt time.Time `json:"closedAt"`
	By       string    `json:"by"` // the person, as the servers know them
	Version  int       `json:"version"`
}

// ClosingVersion is the version of a closing as it is stored.
const ClosingVersion = 1

// Cover is what has been closed: booking dates up to To, as the ledger was at
// Sequence, or whenever they were stored.
type Cover struct {
	To       string `json:"to"`
	Sequence uint64 `json:"sequence"`
	Whenever bool   `json:"whenever,omitempty"`
}

func (c Cover) holds(l Line) bool {
	return (c.Whenever || l.Sequence <= c.Sequence) && l.Event.Data.Common().BookingDate <= c.To
}

// Cover is what is closed with the closing, and all before it.
func (c Closing) Cover() Cover { return Cover{To: c.To, Sequence: c.Sequence} }

// Holds reports whether an event of the merchant is in the closed period.
func (c Closing) Holds(l Line) bool { return c.Cover().holds(l) && !c.Before.holds(l) }

// CarriedOver reports whether an event in the closed period belongs to an earlier
// one by its date: it was stored after that was closed.
func (c Closing) CarriedOver(l Line) bool { return l.Event.Data.Common().BookingDate < c.From }

// What a closing is refused for.
var (
	// ErrClosed says that the period is closed already.
	ErrClosed = errors.New("the period is closed already")
	// ErrGap says that the period does not follow on the last one that is closed.
	ErrGap = errors.New("periods are closed one after the other, without a gap")
	// ErrNotOver says that the period has not ended yet where the merchant is.
	ErrNotOver = errors.New("the period is not over yet")
)

// Begin starts the closing of a period behind the ones that are closed, oldest
// first, at a moment and a state of the ledger. What is in it is still to be
// counted.
func Begin(closed []Closing, merchant string, p Period, zone *time.Location, now time.Time, sequence uint64) (Closing, error) {
	c := Closing{
		Merchant: merchant, Period: p, Timezone: zone.String(), Sequence: sequence,
		Before: beginning(p), Layout: CurrentLayout, ClosedAt: now.UTC().Truncate(time.Millisecond), Version: ClosingVersion,
	}
	if n := len(closed); n > 0 {
		last := closed[n-1]
		switch {
		case p.From <= last.To:
			return Closing{}, fmt.Errorf("%s of %s: %w, with %s, up to %s", p.Name, merchant, ErrClosed, last.Name, last.To)
		case p.From != last.Next():
			return Closing{}, fmt.Errorf("%s of %s: %w: the next begins with %s", p.Name, merchant, ErrGap, last.Next())
		case sequence < last.Sequence:
			return Closing{}, fmt.Errorf("%s of %s: the ledger ends at %d, but %s was closed at %d: it is not the same ledger", p.Name, merchant, sequence, last.Name, last.Sequence)
		}
		c.Before = last.Cover()
	}
	if ends := p.Ends(zone); now.Before(ends) {
		return Closing{}, fmt.Errorf("%s of %s: %w: it ends at %s", p.Name, merchant, ErrNotOver, ends.Format(time.RFC3339))
	}
	return c, nil
}

// beginning is what counts as closed before a first closing.
func beginning(p Period) Cover {
	first, _ := day(p.From)
	return Cover{To: date(first.AddDate(0, 0, -1)), Whenever: true}
}

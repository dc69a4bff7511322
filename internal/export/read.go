package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// Selection is which lines of the ledger are wanted. Empty fields want any.
type Selection struct {
	Merchant string
	Flow     events.Flow
	Outcomes []events.Outcome
	// Dates are booking dates. Where Closings are given they say what is in the
	// period instead.
	Dates finance.Period
	// Closings are closed periods, of one name, one of each merchant.
	Closings []finance.Closing
	// Last is the last sequence that is read, 0 for the ledger's last.
	Last uint64
}

// ErrChanged says that the ledger no longer holds what was closed: events have
// grown too old and are gone, or it was restored from a backup.
var ErrChanged = errors.New("the ledger is not what it was when the period was closed")

// Progress hears how far reading is: how many events will be read at most, and
// each of them. Its fields may be nil.
type Progress struct {
	Total func(most uint64)
	Seen  func()
}

// Read hands over the lines of a selection, in the order of the ledger. Of closed
// periods it reads every line, and fails with [ErrChanged] unless they are those
// that were closed, after the last was handed over.
func Read(ctx context.Context, js jetstream.JetStream, s Selection, p Progress, each func(finance.Line) error) error {
	held, err := s.closed()
	if err != nil {
		return err
	}
	// What is carried over into a closed period was stored after the one before it was
	// closed, which is after that was over: it is found from the period's beginning, too.
	r := stream.EventRange{Merchant: s.Merchant, Since: s.Dates.Earliest(), Last: s.Last}
	if s.Merchant != "" && len(s.Closings) == 1 { // of all, one that has not closed may be found up to the end
		if r.Last = s.Closings[0].Sequence; r.Last == 0 {
			return held.verify() // closed when the ledger was empty; 0 would mean all that came since
		}
	}
	err = stream.ReadEvents(ctx, js, r, p.Total, func(e stream.StoredEvent) error {
		if p.Seen != nil {
			p.Seen()
		}
		line := finance.Line{Sequence: e.Sequence, StoredAt: e.At, Event: e.Event}
		in, err := held.holds(s.Dates, line)
		if err != nil || !in || !s.wants(line) {
			return err
		}
		return each(line)
	})
	if err != nil {
		return err
	}
	return held.verify()
}

func (s Selection) wants(l finance.Line) bool {
	p := l.Event.Data.Common()
	return (s.Flow == "" || p.Flow == s.Flow) && (len(s.Outcomes) == 0 || slices.Contains(s.Outcomes, l.Event.Outcome()))
}

// closed are the closings of a selection, nil for one by dates.
type closed map[string]*counted

// counted is what of a closed period has been read.
type counted struct {
	finance.Closing
	lines  int
	digest *finance.Digest
}

func (s Selection) closed() (closed, error) {
	if len(s.Closings) == 0 {
		return nil, nil
	}
	all := closed{}
	for _, c := range s.Closings {
		if finance.Columns(c.Layout) == nil {
			return nil, fmt.Errorf("%s of %s was closed with layout %d, which this version does not know: use a newer one", c.Name, c.Merchant, c.Layout)
		}
		all[c.Merchant] = &counted{Closing: c, digest: finance.NewDigest(c.Layout)}
	}
	return all, nil
}

// holds reports whether a line is wanted, by its closing or its date.
func (c closed) holds(dates finance.Period, l finance.Line) (bool, error) {
	p := l.Event.Data.Common()
	if c == nil {
		return dates.Holds(p.BookingDate), nil
	}
	of := c[p.Merchant]
	if of == nil {
		if !dates.Holds(p.BookingDate) {
			return false, nil
		}
		return false, fmt.Errorf("merchant %s has events in %s and has not closed it: close it, or ask for one merchant", p.Merchant, dates.Name)
	}
	if !of.Holds(l) {
		return false, nil
	}
	of.lines++
	of.digest.Add(l)
	return true, nil
}

// verify holds what was read to what was closed.
func (c closed) verify() error {
	var wrong []string
	for _, merchant := range slices.Sorted(maps.Keys(c)) {
		of := c[merchant]
		if of.lines != of.Events || of.digest.String() != of.Digest {
			wrong = append(wrong, fmt.Sprintf("%s of %s was closed with %d events (%.12s…), the ledger has %d (%.12s…)",
				of.Name, merchant, of.Events, of.Digest, of.lines, of.digest))
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrChanged, strings.Join(wrong, "; "))
}

// Count fills in what is in a closing that is about to be made: how many events,
// what they come to, and their digest.
func Count(ctx context.Context, js jetstream.JetStream, c finance.Closing, p Progress) (finance.Closing, error) {
	digest, totals := finance.NewDigest(c.Layout), finance.Totals{}
	r := stream.EventRange{Merchant: c.Merchant, Since: c.Earliest(), Last: c.Sequence}
	if c.Sequence > 0 { // else there is nothing, and 0 would mean all that comes
		err := stream.ReadEvents(ctx, js, r, p.Total, func(e stream.StoredEvent) error {
			if p.Seen != nil {
				p.Seen()
			}
			line := finance.Line{Sequence: e.Sequence, StoredAt: e.At, Event: e.Event}
			if c.Holds(line) {
				digest.Add(line)
				totals.Add(line)
			}
			return nil
		})
		if err != nil {
			return c, err
		}
	}
	c.Events, c.Digest, c.Effects = totals.Count(), digest.String(), totals.Effects()
	return c, nil
}

package cases

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/settlehook/settlehook/internal/stream"
)

// Verdict is what became, or would become, of one message.
type Verdict string

// The verdicts.
const (
	Redrivable Verdict = "redrivable" // would be redriven
	Redriven   Verdict = "redriven"
	Droppable  Verdict = "droppable" // would be dropped
	Dropped    Verdict = "dropped"
	Stays      Verdict = "stays"   // does not verify, and stays where it is
	Refused    Verdict = "refused" // can't be redriven, and stays where it is
	Failed     Verdict = "failed"  // was tried; doing it again does no harm
)

// Result is what became of one message.
type Result struct {
	Sequence uint64
	Merchant string
	Reason   string // why it was parked or refused
	Verdict  Verdict
	Why      string // of stays: the reason of the verification today
	Err      error  // of refused and failed
}

// errGone words [stream.ErrGone] for one message of many.
var errGone = fmt.Errorf("%w: somebody may have dealt with it, or its time was over", stream.ErrGone)

// Watch follows a bulk operation; nil functions are not called.
type Watch struct {
	Total func(messages uint64) // how many there are to look at
	Seen  func()                // one was looked at
	Each  func(Result)          // one matched
}

func (w Watch) seen() {
	if w.Seen != nil {
		w.Seen()
	}
}

// Tally counts results.
type Tally map[TallyKey]int

// TallyKey is what a tally counts by.
type TallyKey struct {
	Merchant, Reason string
	Verdict          Verdict
	Why              string
}

func (t Tally) add(r Result) { t[TallyKey{r.Merchant, r.Reason, r.Verdict, r.Why}]++ }

// Keys are the keys in an order of their own.
func (t Tally) Keys() []TallyKey {
	keys := make([]TallyKey, 0, len(t))
	for k := range t {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b TallyKey) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.Why, b.Why))
	})
	return keys
}

// Count is how many ended with one of the verdicts.
func (t Tally) Count(verdicts ...Verdict) int {
	n := 0
	for k, count := range t {
		if slices.Contains(verdicts, k.Verdict) {
			n += count
		}
	}
	return n
}

// mostFailures in a row end a bulk operation: what fails then is not the
// message.
const mostFailures = 5

// bulk takes results one by one, and ends the operation where going on is of no
// use.
type bulk struct {
	watch  Watch
	tally  Tally
	failed int // in a row
}

func newBulk(w Watch) *bulk { return &bulk{watch: w, tally: Tally{}} }

// take counts a result. Its error ends the operation.
func (b *bulk) take(ctx context.Context, r Result) error {
	b.tally.add(r)
	if b.watch.Each != nil {
		b.watch.Each(r)
	}
	if r.Verdict != Failed {
		b.failed = 0
		return nil
	}
	b.failed++
	switch {
	case errors.Is(r.Err, stream.ErrFull):
		return fmt.Errorf("stopped at message %d: %w", r.Sequence, stream.ErrFull)
	case ctx.Err() != nil:
		return fmt.Errorf("stopped at message %d: %w", r.Sequence, ctx.Err())
	case b.failed == mostFailures:
		return fmt.Errorf("stopped at message %d: %d messages failed in a row", r.Sequence, b.failed)
	}
	return nil
}

// full says what to do about a full stream.
func full(err error) error {
	if errors.Is(err, stream.ErrFull) {
		return fmt.Errorf("%w; nothing was deleted: raise CALLBACKS_MAX_BYTES and run 'settlehook setup', or wait until workers have decided what is there, and do it again", err)
	}
	return err
}

package cases

import (
	"context"
	"errors"
	"fmt"

	"github.com/settlehook/settlehook/internal/stream"
)

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

// all does something to every message of a list that matches. A message that
// fails is counted, and the rest goes on; the error is of the operation as a
// whole.
func all[M any](ctx context.Context, w Watch, list func(each func(M) error) error, matches func(M) bool, act func(context.Context, M) Result) (Tally, error) {
	b := newBulk(w)
	err := list(func(m M) error {
		defer w.seen()
		if !matches(m) {
			return nil
		}
		return b.take(ctx, act(ctx, m))
	})
	return b.tally, full(err)
}

// some does something to the messages of these sequences, in this order.
func some[M any](ctx context.Context, w Watch, sequences []uint64, get func(context.Context, uint64) (M, error), act func(context.Context, M) Result) (Tally, error) {
	b := newBulk(w)
	for _, sequence := range sequences {
		m, err := get(ctx, sequence)
		r := Result{Sequence: sequence, Verdict: Failed, Err: err}
		if err == nil {
			r = act(ctx, m)
		} else if errors.Is(err, stream.ErrGone) {
			r.Verdict, r.Err = Refused, errGone
		}
		if err := b.take(ctx, r); err != nil {
			return b.tally, full(err)
		}
	}
	return b.tally, nil
}

// errGone words [stream.ErrGone] for one message of many.
var errGone = fmt.Errorf("%w: somebody may have dealt with it, or its time was over", stream.ErrGone)

// full says what to do about a full stream.
func full(err error) error {
	if errors.Is(err, stream.ErrFull) {
		return fmt.Errorf("%w; nothing was deleted: raise CALLBACKS_MAX_BYTES and run 'settlehook setup', or wait until workers have decided what is there, and do it again", err)
	}
	return err
}

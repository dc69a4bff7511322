package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/events"
)

// Resolution is what a person decided about an open review.
type Resolution struct {
	Merchant Merchant
	Order    events.Order
	Case     string // "<reason>-<hash8>", the last token of the review's subject
	// As is the outcome to tell: settled, failed, reversed or expired. Empty
	// dismisses: the review is closed, and nothing else is told.
	As  events.Outcome
	By  string // who, as the server of the streams knows them
	Why string
	// Shown is the gateway's answer that the person has seen, from a preview; nil
	// where nobody has seen one. The outcome is not told on another.
	Shown *Answer
}

// Resolved is what came, or would come, of a resolution.
type Resolved struct {
	Review    Entry
	Last      *Entry     // the order's last event before; nil: none
	Submitted *Submitted // nil: not known
	Answer    *Answer    // nil: the gateway was not asked
	// Event is the outcome that stands now; nil where the review was dismissed
	// and none stands.
	Event *events.Event
	// Emitted says that Event was told by this resolution; else it had been told.
	Emitted bool
}

// ErrNotOpen is the error of resolving what is no open review: it was resolved
// before, or never opened.
var ErrNotOpen = errors.New("no open review of this case")

// RefusedError says why a resolution is refused. A person overrides a
// contradiction, never the gateway about money, nor what downstream was told.
type RefusedError struct {
	Reason string // "told_otherwise", "query_disagrees" or "query_changed"
	Detail string // one sentence, and what to do instead
}

func (e *RefusedError) Error() string { return e.Detail }

// UnsureError is the error of a resolution that may be told or not: the ledger's
// answer did not come. Resolving again the same way finds what was told.
type UnsureError struct{ Err error }

func (e *UnsureError) Error() string { return e.Err.Error() }

// Unwrap is the ledger's error.
func (e *UnsureError) Unwrap() error { return e.Err }

// Resolver closes reviews for persons, under the same guard as the workers.
type Resolver struct{ processor *Processor }

// NewResolver wires a resolver. Installation is that of the events.
func NewResolver(installation string, gateway Gateway, ledger Ledger, orders Orders, clock func() time.Time) *Resolver {
	return &Resolver{&Processor{
		cfg: Config{Installation: installation}, gateway: gateway, ledger: ledger, orders: orders, clock: clock,
	}}
}

// Preview says what Resolve would do, and writes nothing. Its errors are
// Resolve's.
func (r *Resolver) Preview(ctx context.Context, what Resolution) (Resolved, error) {
	o, err := r.open(ctx, what)
	if err != nil {
		return o.resolved, err
	}
	return o.resolved, o.decide(ctx)
}

// Resolve tells the outcome, unless it stands already, and closes the review.
// Every step may fail or be cut off: resolving the same case the same way again
// finds what was told and finishes the rest. Errors: [ErrNotOpen], a
// *[RefusedError], an *[Unavailable], an *[UnsureError], or the ledger's; with
// Emitted the outcome is told, and only the review may still be open.
func (r *Resolver) Resolve(ctx context.Context, what Resolution) (Resolved, error) {
	var told *events.Event // by a try that a conflict broke off
	for range maxConflicts {
		o, err := r.open(ctx, what)
		if err == nil {
			err = o.decide(ctx)
		}
		if err == nil {
			err = o.tell(ctx)
		}
		if o.resolved.Emitted {
			told = o.resolved.Event
		} else if told != nil {
			o.resolved.Event, o.resolved.Emitted = told, true
		}
		if !errors.Is(err, ErrConflict) {
			return o.resolved, err
		}
	}
	return Resolved{Event: told, Emitted: told != nil}, errTooManyConflicts
}

// operation is one try to resolve.
type operation struct {
	what     Resolution
	work     *work
	file     caseFile
	resolved Resolved
}

// open reads the review, and what our own streams know of its order.
func (r *Resolver) open(ctx context.Context, what Resolution) (*operation, error) {
	w := &work{Processor: r.processor, d: Delivery{Merchant: what.Merchant, Order: what.Order, Stage: StageOperator}}
	o := &operation{what: what, work: w}
	var err error
	if w.last, err = w.ledger.Last(ctx, what.Order.Merchant, what.Order.OrderID); err != nil {
		return o, fmt.Errorf("read the order's last event: %w", err)
	}
	k := w.recall(ctx)
	if k.err != nil {
		return o, k.err
	}
	o.file = w.open()
	o.file.Submitted, o.file.SuffixOf = k.submitted, k.suffixOf
	o.resolved.Last, o.resolved.Submitted = w.last, k.submitted
	for _, e := range k.reviews {
		if e.payment().Flow == what.Order.Flow && e.Event.Data.(events.Review).Case == what.Case {
			o.resolved.Review, o.file.reviews = e, []Entry{e}
			o.file.recallCallback()
			return o, nil
		}
	}
	return o, ErrNotOpen
}

// decide asks the gateway where an outcome is to be told, and refuses what may
// not be.
func (o *operation) decide(ctx context.Context) error {
	if o.what.As == "" || o.stands() {
		return nil
	}
	if err := o.mayFollow(); err != nil {
		return err
	}
	if err := o.work.query(ctx, &o.file); err != nil {
		return err
	}
	o.resolved.Answer = o.work.res.Answer
	if shown := o.what.Shown; shown != nil && !shown.same(o.file.Answer) {
		return &RefusedError{Reason: "query_changed", Detail: fmt.Sprintf(
			"the gateway's order query says %s now, and said %s before; look at the review again", o.file.Answer.said(), shown.said())}
	}
	return o.mayTell()
}

// stands: the outcome is the order's last already. It may be this resolution's
// own, stored by a try that got no further.
func (o *operation) stands() bool {
	return o.file.Last.outcome() == o.what.As && o.file.Last.payment().Flow == o.what.Order.Flow
}

// mayFollow holds the outcome against what downstream was told. The courses are
// those of the gateway page; each outcome of an order is told once.
func (o *operation) mayFollow() error {
	last, as := o.file.Last, o.what.As
	if last != nil && last.payment().Flow != o.what.Order.Flow {
		return told(last, as, "the order is of the other flow; dismiss the review")
	}
	fits := false
	switch as {
	case events.OutcomeSettled:
		fits = last == nil || last.outcome() == events.OutcomeFailed || last.outcome() == events.OutcomeExpired
	case events.OutcomeFailed:
		fits = last == nil || last.outcome() == events.OutcomeExpired
	case events.OutcomeReversed:
		if last == nil {
			return &RefusedError{Reason: "told_otherwise", Detail: "nothing was settled, so nothing can be reversed; resolve it as settled first, or dismiss the review"}
		}
		fits = last.outcome() == events.OutcomeSettled
	case events.OutcomeExpired:
		if o.what.Order.Flow == events.FlowPay {
			return &RefusedError{Reason: "told_otherwise", Detail: "a payout never expires, since that would invite to pay it again; resolve it as failed once the query says so, or dismiss the review"}
		}
		fits = last == nil
	}
	if fits {
		return nil
	}
	return told(last, as, "an order's outcomes are told once each and in that order; dismiss the review, and correct the books by hand if they are wrong")
}

func told(last *Entry, as events.Outcome, instead string) error {
	return &RefusedError{Reason: "told_otherwise", Detail: fmt.Sprintf(
		"downstream was told %s (%s), and %s may not follow: %s", last.outcome(), last.Event.ID, as, instead)}
}

// mayTell holds the outcome against the gateway's answer.
func (o *operation) mayTell() error {
	a := o.file.Answer
	says := func(s callback.Status) bool { return a.Found && !a.OtherOrder && !a.Unreadable && a.Status == s }
	fits, want := false, ""
	switch o.what.As {
	case events.OutcomeSettled:
		fits, want = says(callback.Success) && a.Amount.Sign() > 0, "success with an amount"
	case events.OutcomeFailed:
		fits, want = says(callback.Failed), "failed"
	case events.OutcomeReversed:
		fits, want = says(callback.Failed) || says(callback.Success) && o.file.reversal(), "failed, or a signed reversal in the review"
	case events.OutcomeExpired:
		fits, want = says(callback.Submitted) || !a.Found && !a.OtherOrder && !a.Unreadable, "submitted, or does not know the order"
	}
	if fits {
		return nil
	}
	return &RefusedError{Reason: "query_disagrees", Detail: fmt.Sprintf(
		"the gateway's order query says %s; to resolve it as %s takes %s", a.said(), o.what.As, want)}
}

// same reports whether two answers say the same about the order and its money.
func (a Answer) same(b Answer) bool {
	return a.Found == b.Found && a.OtherOrder == b.OtherOrder && a.Unreadable == b.Unreadable &&
		a.Status == b.Status && a.PlatOrderID == b.PlatOrderID &&
		byValue(a.Amount) == byValue(b.Amount) && byValue(a.Fee) == byValue(b.Fee)
}

// said is an answer in a few words.
func (a Answer) said() string {
	switch {
	case a.OtherOrder:
		return "something about another order"
	case a.Unreadable:
		return "nothing that can be read"
	case !a.Found:
		return "that it does not know the order"
	case a.Status == callback.Success && a.Amount.Sign() <= 0:
		return "success without an amount"
	case a.Status == callback.Success:
		return "success over " + a.Amount.String()
	default:
		return a.Status.String()
	}
}

// tell appends the outcome, and then what closes the review: a crash in between
// leaves the review open, never an outcome untold.
func (o *operation) tell(ctx context.Context) error {
	told := o.file.Last
	// Words that can't stand in the ledger are refused before anything is told.
	if _, err := o.work.resolved(o.resolved.Review, o.closing()); err != nil {
		return err
	}
	if o.what.As != "" && !o.stands() {
		o.work.res.Decision = Decision{Verdict: Emit, Outcome: o.what.As, Reason: ReasonByOperator}
		e, err := o.work.outcome(o.file)
		if err != nil {
			return err
		}
		seq, err := o.work.ledger.Append(ctx, e, told.sequence())
		if err != nil {
			return unsure(fmt.Errorf("tell %s: %w", e.ID, asConflict(err)))
		}
		told, o.resolved.Emitted = &Entry{Sequence: seq, Event: e}, true
	}
	if err := o.close(ctx, told); err != nil {
		return err
	}
	if o.what.As == "" {
		return nil
	}
	// Also where the outcome stood already: a try that told it may have been cut
	// off before it got here.
	return o.work.closeReviews(ctx, *told)
}

// closing is who closes the review, why and when.
func (o *operation) closing() closing {
	return closing{by: o.what.By, why: o.what.Why, at: o.work.clock()}
}

// close appends what closes the review.
func (o *operation) close(ctx context.Context, told *Entry) error {
	closing := o.closing()
	if told != nil && o.what.As != "" {
		closing.resulting = told.Event.ID
		o.resolved.Event = &told.Event
	}
	e, err := o.work.resolved(o.resolved.Review, closing)
	if err != nil {
		return err
	}
	_, err = o.work.ledger.Append(ctx, e, told.sequence())
	switch {
	case errors.Is(err, ErrExists):
		return ErrNotOpen // another was first
	case err != nil:
		return unsure(fmt.Errorf("resolve review %s: %w", o.resolved.Review.Event.ID, err))
	}
	return nil
}

// unsure is the error of an append, which but for a conflict may be stored.
func unsure(err error) error {
	if errors.Is(err, ErrConflict) {
		return err
	}
	return &UnsureError{err}
}

// asConflict: an outcome that was told before, by whoever, is looked at anew.
func asConflict(err error) error {
	if errors.Is(err, ErrExists) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}

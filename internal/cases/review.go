package cases

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// ErrID is the error of a text that is no id of a review.
var ErrID = errors.New("not the id of a review: write it like m1001/A1/review/amount_mismatch-1a2b3c4d, as 'settlehook review ls' prints it")

// ReviewID names a review.
type ReviewID struct{ Merchant, OrderID, Case string }

// ParseReviewID reads the event id of a review, or returns [ErrID].
func ParseReviewID(id string) (ReviewID, error) {
	parts := strings.Split(id, "/")
	if len(parts) != 4 || parts[2] != string(events.OutcomeReview) {
		return ReviewID{}, ErrID
	}
	merchant, err := events.UnescapeToken(parts[0])
	if err != nil {
		return ReviewID{}, ErrID
	}
	orderID, err := events.UnescapeToken(parts[1])
	if err != nil {
		return ReviewID{}, ErrID
	}
	if _, _, err := events.SplitTail(parts[3]); err != nil {
		return ReviewID{}, ErrID
	}
	return ReviewID{Merchant: merchant, OrderID: orderID, Case: parts[3]}, nil
}

func (id ReviewID) String() string { return events.ReviewID(id.Merchant, id.OrderID, id.Case) }

// ReviewLog is the reviews; see [stream.ReviewLog].
type ReviewLog interface {
	List(ctx context.Context, f stream.ReviewFilter, each func(stream.Review) error) error
	Find(ctx context.Context, merchant, orderID, tail string) (stream.Review, error)
}

// Reviews deals with reviews.
type Reviews struct {
	log          ReviewLog
	ledger       reconcile.Ledger
	orders       reconcile.Orders
	installation string
	clock        func() time.Time
}

// NewReviews returns what deals with the reviews of a ledger. The installation
// is needed to resolve.
func NewReviews(log ReviewLog, ledger reconcile.Ledger, orders reconcile.Orders, installation string, clock func() time.Time) *Reviews {
	return &Reviews{log: log, ledger: ledger, orders: orders, installation: installation, clock: clock}
}

// List calls each for every review that is meant, oldest first; [stream.ErrStop]
// ends it.
func (r *Reviews) List(ctx context.Context, f stream.ReviewFilter, each func(stream.Review) error) error {
	return r.log.List(ctx, f, each)
}

// Find returns a review, open or resolved, or [stream.ErrGone].
func (r *Reviews) Find(ctx context.Context, id ReviewID) (stream.Review, error) {
	return r.log.Find(ctx, id.Merchant, id.OrderID, id.Case)
}

// OneOpen returns the open review of an order that has one.
func (r *Reviews) OneOpen(ctx context.Context, merchant, orderID string) (stream.Review, error) {
	open, err := r.ledger.OpenReviews(ctx, merchant, orderID)
	if err != nil {
		return stream.Review{}, fmt.Errorf("read the order's open reviews: %w", err)
	}
	switch len(open) {
	case 0:
		return stream.Review{}, fmt.Errorf("order %q of merchant %s has no open review; 'settlehook review ls --state all --order ID' lists those that were resolved", orderID, merchant)
	case 1:
		return r.Find(ctx, ReviewID{merchant, orderID, open[0].Event.Data.(events.Review).Case})
	}
	ids := make([]string, len(open))
	for i, e := range open {
		ids[i] = e.Event.ID
	}
	return stream.Review{}, fmt.Errorf("order %q of merchant %s has %d open reviews, name one: %s", orderID, merchant, len(open), strings.Join(ids, ", "))
}

// Background is what is known of a review's order beside the review.
type Background struct {
	Last      *reconcile.Entry // the order's last outcome; nil: none was told
	Submitted *reconcile.Submitted
	Answer    *reconcile.Answer // nil: the gateway was not asked, or did not answer
	Silence   error             // why an answer that was asked for did not come
	Options   []Option          // of an open review, in the order of [Resolutions]
}

// Option is a way to resolve a review.
type Option struct {
	As     string // an outcome, or [Dismissed]
	Can    Can
	Detail string // what it would do, or why it is refused
}

// Can is whether a review may be resolved in one way.
type Can string

// The answers.
const (
	CanYes     Can = "yes"
	CanNo      Can = "no"
	CanUnasked Can = "ask" // it hangs on the gateway's answer
)

// Dismissed closes a review without an outcome.
const Dismissed = "dismissed"

// Resolutions are the ways to resolve a review.
var Resolutions = []string{
	string(events.OutcomeSettled), string(events.OutcomeFailed), string(events.OutcomeReversed), string(events.OutcomeExpired), Dismissed,
}

// Unasked is a gateway that nobody may ask.
type Unasked struct{}

var errUnasked = &reconcile.Unavailable{Cause: "not_asked", NotAsked: true}

// Query implements reconcile.Gateway.
func (Unasked) Query(context.Context, string) (reconcile.Answer, error) {
	return reconcile.Answer{}, errUnasked
}

// once asks a gateway once about the one order that is looked at.
type once struct {
	reconcile.Gateway
	asked  bool
	answer reconcile.Answer
	err    error
}

func (o *once) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	if !o.asked {
		o.answer, o.err = o.Gateway.Query(ctx, orderID)
		o.asked = true
	}
	return o.answer, o.err
}

// Look gathers what is known of a review's order, and what could be done. The
// gateway is asked once, or, where it is [Unasked], not at all. Nothing is
// written.
func (r *Reviews) Look(ctx context.Context, review stream.Review, m reconcile.Merchant, g reconcile.Gateway) (Background, error) {
	var b Background
	asked := &once{Gateway: g}
	var err error
	p := review.Event.Data.Common()
	if b.Last, err = r.ledger.Last(ctx, p.Merchant, p.OrderID); err != nil {
		return b, fmt.Errorf("read the order's last event: %w", err)
	}
	if b.Submitted, err = r.orders.Submitted(ctx, p.Merchant, p.OrderID); err != nil {
		return b, fmt.Errorf("read the submitted order: %w", err)
	}
	if review.State() != stream.ReviewOpen {
		return b, nil
	}
	for _, as := range Resolutions {
		res, err := r.preview(ctx, review, m, asked, as)
		if errors.Is(err, reconcile.ErrNotOpen) {
			return b, nil // another was first
		}
		o, err := option(as, res, p.Currency, err)
		if err != nil {
			return b, err
		}
		b.Options = append(b.Options, o)
	}
	if asked.asked && !errors.Is(asked.err, errUnasked) {
		if b.Silence = asked.err; b.Silence == nil {
			b.Answer = &asked.answer
		}
	}
	return b, nil
}

func option(as string, res reconcile.Resolved, currency string, err error) (Option, error) {
	var refused *reconcile.RefusedError
	switch {
	case err == nil:
		return Option{as, CanYes, Would(as, res, currency)}, nil
	case errors.As(err, &refused):
		return Option{as, CanNo, refused.Detail}, nil
	case errors.As(err, new(*reconcile.Unavailable)):
		return Option{as, CanUnasked, "hangs on the gateway's order query"}, nil
	}
	return Option{}, err
}

func (r *Reviews) resolver(review stream.Review, g reconcile.Gateway) *reconcile.Resolver {
	return reconcile.NewResolver(review.Event.Installation(), g, r.ledger, r.orders, r.clock)
}

// Decision is what a person decided about a review.
type Decision struct {
	As      string // one of [Resolutions]
	By, Why string
	// Shown is the gateway's answer that the person has seen, from a preview; nil
	// where none was made. The outcome is not told on another.
	Shown *reconcile.Answer
}

func resolution(review stream.Review, m reconcile.Merchant, d Decision) reconcile.Resolution {
	w := reconcile.Resolution{
		Merchant: m, Order: review.Event.Data.Common().Order(), Case: review.Case(), By: d.By, Why: d.Why, Shown: d.Shown,
	}
	if d.As != Dismissed {
		w.As = events.Outcome(d.As)
	}
	return w
}

func (r *Reviews) preview(ctx context.Context, review stream.Review, m reconcile.Merchant, g reconcile.Gateway, as string) (reconcile.Resolved, error) {
	return r.resolver(review, g).Preview(ctx, resolution(review, m, Decision{As: as}))
}

// Preview says what Resolve would do, and the gateway's answer that it rests on;
// nil where it was not asked.
func (r *Reviews) Preview(ctx context.Context, review stream.Review, m reconcile.Merchant, g reconcile.Gateway, as string) (would string, shown *reconcile.Answer, err error) {
	if err := r.ours(review); err != nil {
		return "", nil, err
	}
	res, err := r.preview(ctx, review, m, g, as)
	if err != nil {
		return "", nil, Worded(err)
	}
	return Would(as, res, m.Currency), res.Answer, nil
}

// Resolve resolves a review as a person decided. The gateway is asked anew.
// Errors are worded for a person; what they wrap
// is [reconcile.Resolver.Resolve]'s.
func (r *Reviews) Resolve(ctx context.Context, review stream.Review, m reconcile.Merchant, g reconcile.Gateway, d Decision) (reconcile.Resolved, error) {
	if err := r.ours(review); err != nil {
		return reconcile.Resolved{}, err
	}
	res, err := r.resolver(review, g).Resolve(ctx, resolution(review, m, d))
	switch {
	case err == nil || !res.Emitted:
		return res, Worded(err)
	case errors.Is(err, reconcile.ErrNotOpen):
		return res, fmt.Errorf("downstream was told %s, and somebody else closed the review (%w)", res.Event.ID, err)
	default:
		return res, fmt.Errorf("downstream was told %s, but it is not known whether the review is closed (%w); resolve it again the same way", res.Event.ID, err)
	}
}

// ours holds a review to the installation whose name its resolution would have.
func (r *Reviews) ours(review stream.Review) error {
	if name := review.Event.Installation(); name != r.installation {
		return fmt.Errorf("the review is of installation %q, and INSTALLATION is %q: events of one order must be of one installation", name, r.installation)
	}
	return nil
}

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/settlehook/settlehook/pkg/events"
)

// maxConflicts bounds how often one delivery decides anew because another
// emitter was first. An order has a handful of outcomes in its life.
const maxConflicts = 4

var errTooManyConflicts = errors.New("another emitter was first each time")

// lookAndTell queries, decides and emits, anew where another emitter was
// first, until the ledger holds what was decided.
func (w *work) lookAndTell(ctx context.Context) error {
	c, err := w.look(ctx)
	if err != nil {
		return err
	}
	for range maxConflicts {
		if err := w.decide(ctx, &c); err != nil {
			return err
		}
		refused, err := w.tell(ctx, c)
		if err != nil || refused == nil {
			return err
		}
		if err := w.relook(ctx, &c, refused); err != nil {
			return err
		}
	}
	return errTooManyConflicts
}

// decide assumes an order without events first, the common case, and leaves it
// to the server to refuse. Anything but a first outcome needs the truth.
func (w *work) decide(ctx context.Context, c *caseFile) error {
	w.res.Decision = Decide(c.Case)
	if w.d.Stage.sweep() && w.res.Decision.tells() && !c.heard {
		if err := w.hear(ctx, c); err != nil {
			return err
		}
		w.res.Decision = Decide(c.Case)
	}
	if w.res.Decision.Verdict == Emit || c.lastRead {
		return nil
	}
	if err := w.readLast(ctx, c); err != nil {
		return err
	}
	w.res.Decision = Decide(c.Case)
	return nil
}

// look gathers the case. The query and the reads run side by side: the reads
// hide behind the gateway's latency.
func (w *work) look(ctx context.Context) (caseFile, error) {
	c := w.open()
	known := make(chan knowledge, 1)
	go func() { known <- w.recall(ctx) }()
	err := w.query(ctx, &c)
	k := <-known
	if err != nil {
		return c, err
	}
	c.Submitted, c.SuffixOf, c.reviews = k.submitted, k.suffixOf, k.reviews
	if c.Callback == nil {
		c.recallCallback()
	}
	return c, k.err
}

// open begins the case of this piece of work.
func (w *work) open() caseFile {
	c := caseFile{Case: Case{
		Merchant: w.d.Merchant, Order: w.d.Order, Stage: w.d.Stage, Last: w.last,
		Budget: w.cfg.Attempts, Attempts: w.attempts,
	}, lastRead: w.d.Stage != StageCallback}
	if w.d.Stage == StageCallback {
		c.Callback, c.ReceivedAt, c.StreamSequence = &w.d.Callback, w.d.ReceivedAt, w.d.StreamSequence
	}
	return c
}

// caseFile is a case with what only the emission needs.
type caseFile struct {
	Case
	lastRead bool    // Last is the ledger's, not the assumption
	heard    bool    // Callback is the newest that CALLBACKS has
	reviews  []Entry // open reviews of the order, oldest first
}

func (w *work) query(ctx context.Context, c *caseFile) error {
	a, err := w.gateway.Query(ctx, w.d.Order.OrderID)
	if err != nil {
		return err
	}
	w.res.Queries++
	a.At = w.clock()
	w.res.Answer = &a
	c.Answer = a
	return nil
}

func (w *work) readLast(ctx context.Context, c *caseFile) error {
	last, err := w.ledger.Last(ctx, w.d.Order.Merchant, w.d.Order.OrderID)
	if err != nil {
		return fmt.Errorf("read the order's last event: %w", err)
	}
	c.Last, c.lastRead = last, true
	return nil
}

// relook follows a refused emission: where the ledger's last event is ours
// already, what we know is enough; another's is a reason to ask again.
func (w *work) relook(ctx context.Context, c *caseFile, refused *events.Event) error {
	w.res.Conflicts++
	if err := w.readLast(ctx, c); err != nil {
		return err
	}
	if c.Last != nil && c.Last.Event.ID == refused.ID {
		return nil
	}
	c.heard = false
	return w.query(ctx, c)
}

// knowledge is what our own streams know of an order beside its last event.
type knowledge struct {
	reviews   []Entry
	submitted *Submitted
	suffixOf  string
	err       error
}

func (w *work) recall(ctx context.Context) (k knowledge) {
	merchant, orderID := w.d.Order.Merchant, w.d.Order.OrderID
	if k.reviews, k.err = w.ledger.OpenReviews(ctx, merchant, orderID); k.err != nil {
		k.err = fmt.Errorf("read the order's open reviews: %w", k.err)
		return k
	}
	if k.submitted, k.err = w.orders.Submitted(ctx, merchant, orderID); k.err != nil {
		k.err = fmt.Errorf("read the submitted order: %w", k.err)
		return k
	}
	if k.submitted == nil {
		k.suffixOf, k.err = w.suffixOf(ctx, merchant, orderID)
	}
	return k
}

// suffixed matches the order ids that a sibling gateway makes when a payer
// pays twice (gateway page, "_1").
var suffixed = regexp.MustCompile(`^(.+)_[0-9]{1,2}$`)

// suffixOf returns the known order that orderID repeats with a suffix.
func (w *work) suffixOf(ctx context.Context, merchant, orderID string) (string, error) {
	m := suffixed.FindStringSubmatch(orderID)
	if m == nil {
		return "", nil
	}
	if s, err := w.orders.Submitted(ctx, merchant, m[1]); err != nil || s != nil {
		return m[1], wrap("read the submitted order", err)
	}
	last, err := w.ledger.Last(ctx, merchant, m[1])
	if err != nil || last == nil {
		return "", wrap("read the last event of the order before the suffix", err)
	}
	return m[1], nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

package simulation

import (
	"errors"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// resolves is what a person has decided, and how often it is tried again where
// the tool fails.
type resolves struct {
	person
	what  reconcile.Resolution
	tries int
}

const (
	tries    = 5
	somebody = "somebody"
)

// judge has a person resolve one of the reviews that are open now.
func (p *play) judge(one person, tries int) {
	open := p.openReviews()
	if len(open) == 0 {
		return
	}
	review := open[one.Nth%len(open)]
	order := review.Order()
	merchant := 0
	if order.Merchant == merchantIDs[1] {
		merchant = 1
	}
	what := reconcile.Resolution{
		Merchant: p.merchant(merchant), Order: order, Case: review.Case, As: one.As, By: somebody, Why: "it is clear now",
	}
	p.note("a person resolves %s of %s as %q", what.Case, order.OrderID, what.As)
	p.deliveries++
	t := &task{
		worker: p.operator, incarnation: p.operator.incarnation, id: p.deliveries, started: p.steps, begun: time.Now(),
		message: &message{merchant: merchant, resolves: &resolves{one, what, tries}},
	}
	p.current = t
	go t.run(1)
}

// openReviews are the reviews that no resolution closes.
func (p *play) openReviews() (open []events.Review) {
	closed := map[string]bool{}
	for _, t := range p.told {
		if r, ok := t.Event.Data.(events.Resolved); ok {
			closed[r.Resolves] = true
		}
	}
	for _, t := range p.told {
		if r, ok := t.Event.Data.(events.Review); ok && !closed[t.Event.ID] {
			open = append(open, r)
		}
	}
	return open
}

// judged tries again where the tool failed.
func (p *play) judged(t *task) {
	r := t.message.resolves
	var refused *reconcile.RefusedError
	p.note("resolving %s: %v", r.what.Case, t.failed)
	switch {
	case errors.As(t.failed, &refused), errors.Is(t.failed, reconcile.ErrNotOpen):
	case (t.failed != nil || !t.acked) && r.tries > 0:
		p.on(time.Now().Add(time.Minute), func() { p.judge(r.person, r.tries-1) })
	}
}

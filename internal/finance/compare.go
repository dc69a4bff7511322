package finance

import (
	"fmt"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// gatewaySide is what the gateway says of an order in the end, and how many times
// over it has the money.
type gatewaySide struct {
	Side
	times int // paid, and not taken back
	known bool
}

func (a *account) gatewaySide() gatewaySide {
	g := gatewaySide{Side: Side{State: string(Unasked)}}
	paid := false
	for _, s := range a.said {
		switch s.State {
		case Unasked:
			continue
		case Paid:
			g.times++
			paid = true
		case Reversed, Failed: // an order that was paid does not fail: it is taken back
			g.times = max(0, g.times-1)
		}
		g.known = true
		if s.State == Paid || !paid { // what was paid stays in sight when it is taken back
			g.Amount, g.Fee = s.Amount, s.Fee
		}
		g.State = string(s.State)
		if g.times > 0 && s.State != Open { // one payment of several was
			g.State = string(Paid)
		}
	}
	return g
}

// differences compares the sides of an order. What the difference does to the
// balance stands with the first of them.
func (r *Reconciler) differences(a *account) []Difference {
	g := a.gatewaySide()
	effect := r.effect(a, g)
	if r.byBill {
		a = a.asBilled(State(g.State))
	}
	var all []Difference
	add := func(c Class, format string, args ...any) {
		all = append(all, Difference{
			Class: c, Flow: a.flow, OrderID: a.orderID, Submitted: a.submitted, Ledger: a.ledgerSide(), Gateway: g.Side, Why: fmt.Sprintf(format, args...),
		})
	}
	switch {
	case !g.known && r.byBill:
		r.notInBill(a, add)
	case !g.known:
		// It was asked and did not answer: the statement says so once, for all.
	case a.isDuplicate(g):
		add(DuplicatePayment, "%s", a.whyDuplicate(g))
	default:
		a.compare(g, add)
	}
	a.submittedDiffers(g, add)
	if len(all) == 0 {
		a.carriedOver(effect, add)
	}
	if len(all) > 0 {
		all[0].Effect = effect
	}
	return all
}

// notInBill judges an order that the bill does not name: bills need not hold what
// moved nothing.
func (r *Reconciler) notInBill(a *account, add func(Class, string, ...any)) {
	switch {
	case a.is == events.OutcomeSettled && a.decided == within:
		add(MissingAtGateway, "booked in the period, and not in the bill")
	case a.is == events.OutcomeReversed && a.decided == within && a.booked.Sign() != 0:
		add(MissingAtGateway, "reversed in the period, and not in the bill")
	case a.is == "":
		add(StillOpen, "%s", a.whyOpen("it is not in the bill"))
	}
}

func (a *account) compare(g gatewaySide, add func(Class, string, ...any)) {
	switch State(g.State) {
	case Paid:
		a.comparePaid(g, add)
	case Failed, Reversed:
		switch a.is {
		case events.OutcomeSettled:
			add(StatusDiffers, "booked as settled, the gateway says %s", g.State)
		case "":
			add(StillOpen, "%s", a.whyOpen("the gateway says "+g.State))
		}
	case Open:
		switch a.is {
		case events.OutcomeSettled, events.OutcomeReversed, events.OutcomeFailed:
			add(StatusDiffers, "booked as %s, the gateway says it is still open", a.is)
		case "":
			add(StillOpen, "%s", a.whyOpen("the gateway says it is open"))
		}
	case Unknown:
		switch a.is {
		case events.OutcomeSettled, events.OutcomeReversed:
			add(MissingAtGateway, "booked as %s, the gateway knows no such order", a.is)
		case "":
			add(StillOpen, "%s", a.whyOpen("the gateway knows no such order"))
		}
	}
}

func (a *account) comparePaid(g gatewaySide, add func(Class, string, ...any)) {
	switch a.is {
	case events.OutcomeSettled:
		if c := compareAmounts(g.Amount, a.amount); c != "" {
			add(c, "booked %s, the gateway says %s", a.amount, shown(g.Amount))
		}
		if g.Fee.Known() && !g.Fee.Equal(a.fee) {
			add(FeeDiffers, "booked with a fee of %s, the gateway says %s", shown(a.fee), g.Fee)
		}
	case events.OutcomeReversed, events.OutcomeFailed, events.OutcomeExpired:
		add(StatusDiffers, "told as %s, the gateway says paid", a.is)
	default:
		a.paidUnbooked(g, add)
	}
}

// paidUnbooked judges what the gateway took for paid and the ledger has no
// outcome of.
func (a *account) paidUnbooked(g gatewaySide, add func(Class, string, ...any)) {
	reason := a.reviewed()
	c := compareAmounts(g.Amount, a.submitted)
	switch {
	case reason == "":
		add(MissingWithUs, "the gateway says paid, and nothing was told")
	case reason == string(reconcile.ReasonAmountMismatch) && c != "":
		add(c, "submitted %s, the gateway says %s; a review is open", a.submitted, shown(g.Amount))
	default:
		add(StatusDiffers, "the gateway says paid; a review is open: %s", reason)
	}
}

// submittedDiffers finds what was booked with another amount than was submitted,
// which takes a person's word.
func (a *account) submittedDiffers(g gatewaySide, add func(Class, string, ...any)) {
	if a.is != events.OutcomeSettled || State(g.State) == Paid && !g.Amount.Equal(a.amount) {
		return // the latter has a line already
	}
	if c := compareAmounts(a.amount, a.submitted); c != "" {
		add(c, "submitted %s, booked %s", a.submitted, a.amount)
	}
}

// carriedOver finds what agrees, but is booked in another period than it was
// submitted or paid in.
func (a *account) carriedOver(effect Sum, add func(Class, string, ...any)) {
	switch {
	case a.late:
		add(CarriedOver, "of an earlier period, which was closed when it was told")
	case effect.Sign() != 0 && a.decided == after:
		add(CarriedOver, "in the gateway's balance of this period, booked in the next")
	case effect.Sign() != 0 && a.decided == within:
		add(CarriedOver, "booked in this period, in the gateway's balance of another")
	case effect.Sign() != 0:
		add(CarriedOver, "booked before this period, in its balance")
	case a.submittedWithin && a.is != "" && a.decided == after:
		add(CarriedOver, "submitted in this period, %s in the next", a.is)
	}
}

// isDuplicate reports whether an order was paid twice: the gateway says so of one
// order, or a review says so of a second one with a suffix.
func (a *account) isDuplicate(g gatewaySide) bool {
	return g.times > 1 && State(g.State) == Paid || State(g.State) == Paid && a.is == "" && a.reviewed() == string(reconcile.ReasonDuplicatePayment)
}

func (a *account) whyDuplicate(g gatewaySide) string {
	if g.times > 1 {
		return fmt.Sprintf("the bill has it %d times as paid", g.times)
	}
	return "a second payment of the order that the id is made of; a review is open"
}

func (a *account) whyOpen(gateway string) string {
	if reason := a.reviewed(); reason != "" {
		return gateway + "; a review is open: " + reason
	}
	return gateway
}

// compareAmounts says whether an amount is short of what it is held to, or over.
func compareAmounts(got, want events.Amount) Class {
	if !got.Known() || !want.Known() || got.Equal(want) {
		return ""
	}
	if SumOf(got).Cmp(SumOf(want)) < 0 {
		return AmountShort
	}
	return AmountOver
}

func shown(a events.Amount) string {
	if !a.Known() {
		return "unknown"
	}
	return a.String()
}

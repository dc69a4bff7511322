package finance

import (
	"slices"
	"time"
)

// Equation is how the balance came from the opening to the closing one. Each part
// is a change of the balance, credit above zero, but Debits, which lowers it.
type Equation struct {
	Opening *Snapshot `json:"opening"` // nil: nobody asked at that midnight
	Credits Sum       `json:"credits"` // booked in the period
	Debits  Sum       `json:"debits"`
	Events  int       `json:"events"` // that were booked and moved money
	// Movements are those without an order, and Moved what they come to.
	Movements []Movement `json:"movements"`
	Moved     Sum        `json:"moved"`
	// Differences is what the differences come to, by class.
	Differences map[Class]Sum `json:"differences"`
	Final       *Snapshot     `json:"closing"`
	// Unexplained is what the closing balance has beside all that.
	Unexplained Sum `json:"unexplained"`
	// WithoutNet are booked events whose net is unknown, because the merchants file
	// does not say how the fee of payouts is charged: no equation closes with them.
	WithoutNet int `json:"withoutNet,omitempty"`
}

// Closes reports whether opening + credits − debits + movements + differences =
// closing.
func (e Equation) Closes() bool {
	return e.Opening != nil && e.Final != nil && e.WithoutNet == 0 && e.Unexplained.Sign() == 0
}

func (r *Reconciler) equation(differences []Difference) Equation {
	e := Equation{
		Opening: r.scope.Opening, Final: r.scope.Final, Credits: r.credits, Debits: r.debits, Events: r.booked,
		Movements: slices.Clone(r.movements), Differences: map[Class]Sum{}, WithoutNet: r.withoutNet,
	}
	expected := e.Credits.Minus(e.Debits)
	for _, m := range e.Movements {
		e.Moved = e.Moved.Plus(m.Change)
	}
	expected = expected.Plus(e.Moved)
	for _, d := range differences {
		if d.Effect.Sign() != 0 {
			e.Differences[d.Class] = e.Differences[d.Class].Plus(d.Effect)
			expected = expected.Plus(d.Effect)
		}
	}
	if e.Opening != nil && e.Final != nil {
		e.Unexplained = e.Final.Balance.Minus(e.Opening.Balance).Minus(expected)
	}
	return e
}

// nearby is how far from a period's end an order may be decided whose money moved
// on the other side of it: the sweep asks about orders that no callback told of for
// that long.
const nearby = 72 * time.Hour

// suspects are the orders that would each explain a sum alone.
func (r *Reconciler) suspects(unexplained Sum) []Difference {
	if unexplained.Sign() == 0 {
		return nil
	}
	opening, final := r.bounds()
	var all []Difference
	for _, a := range r.accounts {
		var why string
		switch {
		case a.timing.Sign() != 0:
			continue
		case a.decided == after && a.decidedAt.Sub(final) < nearby && a.net.Equal(unexplained):
			why = "booked in the next period; its money may have moved in this one"
		case a.decided == within && a.decidedAt.Sub(opening) < nearby && a.net.Equal(Sum{}.Minus(unexplained)):
			why = "booked in this period; its money may have moved before it"
		default:
			continue
		}
		all = append(all, Difference{Class: CarriedOver, Flow: a.flow, OrderID: a.orderID, Ledger: a.ledgerSide(), Effect: unexplained, Why: why})
	}
	slices.SortFunc(all, Difference.compare)
	return all[:min(len(all), mostSuspects)]
}

// mostSuspects keeps a list that explains nothing from being long.
const mostSuspects = 20

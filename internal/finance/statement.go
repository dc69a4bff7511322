package finance

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
)

// Scope is what a statement is about: one merchant and one period.
type Scope struct {
	Merchant string
	Currency string
	Period   Period
	Zone     *time.Location
	PayFee   events.PayFee
	LiveMode bool
	// Closing is the closed period, nil for one that is judged by booking dates.
	Closing *Closing
	// Opening and Final are the balances that the gateway told at the period's
	// midnights, nil where nobody asked.
	Opening, Final *Snapshot
}

// Reconciler holds a period's submitted orders, the ledger and the gateway against
// each other. What is known is put in, in any order but Book's, and [Statement]
// says what came of it.
type Reconciler struct {
	scope    Scope
	accounts map[name]*account
	byBill   bool

	credits, debits Sum
	withoutNet      int
	booked          int // events of the period that moved money
	otherMode       int
	movements       []Movement
	unanswered      int
}

type name struct {
	flow    events.Flow
	orderID string
}

// NewReconciler returns a reconciler that knows nothing yet. With byBill the
// gateway's side is a bill that names everything that moved money, else it is the
// answers of its order query.
func NewReconciler(s Scope, byBill bool) *Reconciler {
	return &Reconciler{scope: s, byBill: byBill, accounts: map[name]*account{}}
}

func (r *Reconciler) account(flow events.Flow, orderID string) *account {
	key := name{flow, orderID}
	if r.accounts[key] == nil {
		r.accounts[key] = &account{flow: flow, orderID: orderID}
	}
	return r.accounts[key]
}

// Register takes in a submitted order, and when it was submitted.
func (r *Reconciler) Register(o events.SubmittedOrder, at time.Time) {
	a := r.account(o.Flow, o.OrderID)
	a.submitted = o.Amount
	if r.scope.Period.Holds(events.BookingDate(at, r.scope.Zone)) {
		a.submittedWithin, a.inScope = true, true
	}
}

// Withdraw takes in that an order was never created.
func (r *Reconciler) Withdraw(flow events.Flow, orderID string) {
	r.account(flow, orderID).withdrawn = true
}

// Book takes in an event of the merchant, in the order of the ledger; those of
// later periods, too.
func (r *Reconciler) Book(l Line) {
	p := l.Event.Data.Common()
	if p.LiveMode != r.scope.LiveMode {
		r.otherMode++
		return
	}
	a, at := r.account(p.Flow, p.OrderID), r.when(l)
	a.book(l.Event, at)
	if at == within {
		a.inScope = true
		a.late = a.late || r.scope.Closing != nil && r.scope.Closing.CarriedOver(l)
	}
	if p.Direction == events.None {
		return
	}
	net := signed(p.Direction, p.Net)
	if at == within {
		r.booked++
		switch {
		case !p.Net.Known():
			r.withoutNet++
		case p.Direction == events.Credit:
			r.credits = r.credits.Plus(net)
		default:
			r.debits = r.debits.Minus(net)
		}
	}
	switch opening, final := r.bounds(); {
	case at == within && movedBefore(l.Event, opening):
		a.timing = a.timing.Minus(net)
	case at == after && movedBefore(l.Event, final):
		a.timing = a.timing.Plus(net)
	}
}

// bounds are the moments at which the balances of the period were read, or its
// midnights.
func (r *Reconciler) bounds() (opening, final time.Time) {
	opening, final = r.scope.Period.Begins(r.scope.Zone), r.scope.Period.Ends(r.scope.Zone)
	if r.scope.Opening != nil {
		opening = r.scope.Opening.At
	}
	if r.scope.Final != nil {
		final = r.scope.Final.At
	}
	return opening, final
}

func (r *Reconciler) when(l Line) when {
	date := l.Event.Data.Common().BookingDate
	if c := r.scope.Closing; c != nil {
		switch {
		case c.Holds(l):
			return within
		case c.Before.holds(l):
			return before
		default:
			return after
		}
	}
	switch {
	case date < r.scope.Period.From:
		return before
	case date > r.scope.Period.To:
		return after
	default:
		return within
	}
}

// Untold is of which orders of the period no outcome was taken in: they may have
// one from before the events that were read. [Reconciler.Recall] takes it.
func (r *Reconciler) Untold() []events.Order {
	return r.orders(func(a *account) bool { return a.inScope && a.is == "" })
}

// Recall takes in the last outcome of an order, from before the period.
func (r *Reconciler) Recall(e events.Event) {
	p := e.Data.Common()
	r.account(p.Flow, p.OrderID).book(e, before)
}

// Wanted is which orders the gateway has to be asked about, sorted.
func (r *Reconciler) Wanted() []events.Order {
	return r.orders(func(a *account) bool { return a.inScope && !(a.withdrawn && a.is == "") })
}

func (r *Reconciler) orders(which func(*account) bool) []events.Order {
	var all []events.Order
	for key, a := range r.accounts {
		if which(a) {
			all = append(all, events.Order{Flow: key.flow, Merchant: r.scope.Merchant, OrderID: key.orderID})
		}
	}
	slices.SortFunc(all, func(x, y events.Order) int {
		return cmp.Or(cmp.Compare(x.Flow, y.Flow), cmp.Compare(x.OrderID, y.OrderID))
	})
	return all
}

// Say takes in what the gateway says of an order; of a bill every line, in its
// order, those of days around the period, too.
func (r *Reconciler) Say(s Said) {
	s.Amount, s.Fee = s.Amount.InCurrency(r.scope.Currency), s.Fee.InCurrency(r.scope.Currency)
	a := r.account(s.Flow, s.OrderID)
	if s.State == Unasked {
		r.unanswered++
	}
	a.said = append(a.said, s)
	if !s.At.IsZero() && r.scope.Period.Holds(events.BookingDate(s.At, r.scope.Zone)) && s.State != Open {
		a.inScope = true
	}
}

// Move takes in a movement without an order. Those outside of the period are left
// out.
func (r *Reconciler) Move(m Movement) {
	opening, final := r.bounds()
	if m.At.IsZero() && r.scope.Period.Holds(m.Date) || !m.At.IsZero() && m.At.After(opening) && !m.At.After(final) {
		r.movements = append(r.movements, m)
	}
}

// effect is what the balance of the period has of an order beside what is booked in
// it.
func (r *Reconciler) effect(a *account, g gatewaySide) Sum {
	if r.byBill {
		return r.billed(a).Minus(a.booked)
	}
	if !g.known {
		return a.timing
	}
	if State(g.State) == Unknown {
		return Sum{}.Minus(a.booked) // it never moved
	}
	has, known := Sum{}, true
	if State(g.State) == Paid {
		has, known = netOf(a.flow, r.scope.PayFee, g.Amount, g.Fee)
	}
	if !known {
		return a.timing // an equation without it does not close, and says why
	}
	return has.Minus(a.stands()).Plus(a.timing)
}

// billed is by how much a bill says that an order changed the balance between the
// two times at which it was read.
func (r *Reconciler) billed(a *account) Sum {
	opening, final := r.bounds()
	var change, paid Sum
	times := 0 // paid, and not taken back
	for _, s := range a.said {
		moved := Sum{}
		switch {
		case s.Change != nil:
			moved = *s.Change
		case s.State == Paid:
			moved, _ = netOf(s.Flow, r.scope.PayFee, s.Amount, s.Fee)
		case (s.State == Reversed || s.State == Failed) && times > 0:
			moved = Sum{}.Minus(paid)
		case s.State == Reversed: // what was paid is in an older bill
			net, _ := netOf(s.Flow, r.scope.PayFee, s.Amount, s.Fee)
			moved = Sum{}.Minus(net)
		}
		switch s.State {
		case Paid:
			paid = moved
			times++
		case Reversed, Failed:
			times = max(0, times-1)
		}
		if s.At.After(opening) && !s.At.After(final) {
			change = change.Plus(moved)
		}
	}
	return change
}

// Statement is what came of it.
type Statement struct {
	Merchant    string        `json:"merchant"`
	Currency    string        `json:"currency"`
	LiveMode    bool          `json:"livemode"`
	Period      Period        `json:"period"`
	Timezone    string        `json:"timezone"`
	Closed      bool          `json:"closed"`
	Orders      int           `json:"orders"` // that were looked at
	Counts      map[Class]int `json:"counts"`
	Differences []Difference  `json:"differences"`
	Equation    Equation      `json:"equation"`
	// Suspects are orders near the period's ends that alone would explain what is
	// unexplained: when their money moved is not known.
	Suspects []Difference `json:"suspects,omitempty"`
	// Unanswered are orders that the gateway did not answer about.
	Unanswered int `json:"unanswered,omitempty"`
	// OtherMode are events of the sandbox among real ones, or the other way round:
	// they are left out.
	OtherMode int `json:"otherMode,omitempty"`
}

// Clean reports whether nobody has to look: no difference that needs a person, no
// order unanswered, and the balance closes.
func (s Statement) Clean() bool {
	for c, n := range s.Counts {
		if n > 0 && c.NeedsPerson() {
			return false
		}
	}
	return s.Unanswered == 0 && s.Equation.Closes()
}

// Statement compares all that was taken in.
func (r *Reconciler) Statement() Statement {
	s := Statement{
		Merchant: r.scope.Merchant, Currency: r.scope.Currency, LiveMode: r.scope.LiveMode, Period: r.scope.Period,
		Timezone: r.scope.Zone.String(), Closed: r.scope.Closing != nil, Counts: map[Class]int{},
		Unanswered: r.unanswered, OtherMode: r.otherMode,
	}
	for _, key := range slices.Collect(maps.Keys(r.accounts)) {
		a := r.accounts[key]
		moved := a.timing.Sign() != 0 || r.byBill && !r.billed(a).Equal(a.booked)
		if !a.inScope && !moved || a.withdrawn && a.is == "" && len(a.said) == 0 {
			continue
		}
		s.Orders++
		s.Differences = append(s.Differences, r.differences(a)...)
	}
	slices.SortStableFunc(s.Differences, Difference.compare)
	for _, d := range s.Differences {
		s.Counts[d.Class]++
	}
	s.Equation = r.equation(s.Differences)
	s.Suspects = r.suspects(s.Equation.Unexplained)
	return s
}

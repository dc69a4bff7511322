package finance

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/settlehook/settlehook/pkg/events"
)

// Group is what one control total is about. Real money and the sandbox's are
// never added up together.
type Group struct {
	Merchant    string           `json:"merchant"`
	Currency    string           `json:"currency"`
	LiveMode    bool             `json:"livemode"`
	Flow        events.Flow      `json:"flow"`
	BookingDate string           `json:"bookingDate"`
	Outcome     events.Outcome   `json:"outcome"`
	Direction   events.Direction `json:"direction"`
}

// Total is a control total: how many events, and what they moved. Gross is the
// paid amounts, Fee what the gateway kept, Net by how much the balance changes, in
// the direction of the group. Events that move nothing add to Count alone.
type Total struct {
	Group
	Count int `json:"count"`
	Gross Sum `json:"gross"`
	Fee   Sum `json:"fee"`
	Net   Sum `json:"net"`
	// WithoutFee and WithoutNet are the events that moved money and whose fee or
	// net is unknown: they are missing from the sums.
	WithoutFee int `json:"withoutFee,omitempty"`
	WithoutNet int `json:"withoutNet,omitempty"`
}

func (t *Total) add(p events.Payment) {
	t.Count++
	if p.Direction == events.None {
		return
	}
	t.Gross = t.Gross.Plus(SumOf(p.Amount))
	t.Fee = t.Fee.Plus(SumOf(p.Fee))
	t.Net = t.Net.Plus(SumOf(p.Net))
	if !p.Fee.Known() {
		t.WithoutFee++
	}
	if !p.Net.Known() {
		t.WithoutNet++
	}
}

// Totals adds lines up. The zero value is ready to use.
type Totals struct{ groups map[Group]*Total }

// Add counts a line.
func (t *Totals) Add(l Line) {
	p := l.Event.Data.Common()
	g := Group{p.Merchant, p.Currency, p.LiveMode, p.Flow, p.BookingDate, l.Event.Outcome(), p.Direction}
	if t.groups == nil {
		t.groups = map[Group]*Total{}
	}
	if t.groups[g] == nil {
		t.groups[g] = &Total{Group: g}
	}
	t.groups[g].add(p)
}

// Count is how many lines were counted.
func (t *Totals) Count() int {
	n := 0
	for _, g := range t.groups {
		n += g.Count
	}
	return n
}

// List returns the totals, sorted by their groups.
func (t *Totals) List() []Total {
	list := make([]Total, 0, len(t.groups))
	for _, g := range slices.SortedFunc(maps.Keys(t.groups), Group.compare) {
		list = append(list, *t.groups[g])
	}
	return list
}

func (g Group) compare(o Group) int {
	live := func(b bool) string { return strconv.FormatBool(!b) } // real money first
	return cmp.Or(cmp.Compare(g.Merchant, o.Merchant), cmp.Compare(g.Currency, o.Currency),
		cmp.Compare(live(g.LiveMode), live(o.LiveMode)), cmp.Compare(g.Flow, o.Flow),
		cmp.Compare(g.BookingDate, o.BookingDate), cmp.Compare(g.Outcome, o.Outcome), cmp.Compare(g.Direction, o.Direction))
}

// Effect is what all totals of one merchant, currency and mode do to the balance.
type Effect struct {
	Merchant   string `json:"merchant"`
	Currency   string `json:"currency"`
	LiveMode   bool   `json:"livemode"`
	Events     int    `json:"events"`
	Credits    Sum    `json:"credits"` // the nets that were credited
	Debits     Sum    `json:"debits"`  // those that were debited
	WithoutNet int    `json:"withoutNet,omitempty"`
}

// Balance is credits − debits.
func (e Effect) Balance() Sum { return e.Credits.Minus(e.Debits) }

// Effects sums the totals up, sorted as they are.
func (t *Totals) Effects() []Effect {
	var all []Effect
	for _, g := range t.List() {
		if n := len(all); n == 0 || all[n-1].Merchant != g.Merchant || all[n-1].Currency != g.Currency || all[n-1].LiveMode != g.LiveMode {
			all = append(all, Effect{Merchant: g.Merchant, Currency: g.Currency, LiveMode: g.LiveMode})
		}
		e := &all[len(all)-1]
		e.Events += g.Count
		e.WithoutNet += g.WithoutNet
		switch g.Direction {
		case events.Credit:
			e.Credits = e.Credits.Plus(g.Net)
		case events.Debit:
			e.Debits = e.Debits.Plus(g.Net)
		}
	}
	return all
}

// TotalColumn is one column of the control totals. Names and order are a
// contract, with the layout of the lines.
type TotalColumn struct {
	Name string
	Kind Kind
	cell func(Total) string
}

// Cell is what a total has in the column.
func (c TotalColumn) Cell(t Total) string { return c.cell(t) }

// TotalColumns are the columns of the control totals of a layout, nil for one
// that is not known.
func TotalColumns(l Layout) []TotalColumn {
	if l != 1 {
		return nil
	}
	return slices.Clone(totals1)
}

var totals1 = []TotalColumn{
	{"merchant", Text, func(t Total) string { return t.Merchant }},
	{"currency", Text, func(t Total) string { return t.Currency }},
	{"livemode", Bool, func(t Total) string { return strconv.FormatBool(t.LiveMode) }},
	{"flow", Text, func(t Total) string { return string(t.Flow) }},
	{"booking_date", Date, func(t Total) string { return t.BookingDate }},
	{"outcome", Text, func(t Total) string { return string(t.Outcome) }},
	{"direction", Text, func(t Total) string { return string(t.Direction) }},
	{"count", Number, func(t Total) string { return strconv.Itoa(t.Count) }},
	{"gross", Money, func(t Total) string { return t.Gross.In(t.Currency) }},
	{"fee", Money, func(t Total) string { return t.Fee.In(t.Currency) }},
	{"net", Money, func(t Total) string { return t.Net.In(t.Currency) }},
	{"without_fee", Number, func(t Total) string { return strconv.Itoa(t.WithoutFee) }},
	{"without_net", Number, func(t Total) string { return strconv.Itoa(t.WithoutNet) }},
}

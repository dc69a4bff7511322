package finance

import (
	"slices"
	"strconv"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
)

// Line is one event of the ledger, as finance is handed it.
type Line struct {
	Sequence uint64    // in PAYMENTS
	StoredAt time.Time // by the servers' clock
	Event    events.Event
}

// Kind says what the cells of a column hold, for formats that tell.
type Kind string

// The kinds. A cell without a value is empty, whatever its kind.
const (
	Text   Kind = "text"
	Number Kind = "number" // a whole number
	Money  Kind = "money"  // a decimal in major currency units
	Bool   Kind = "bool"   // true or false
	Date   Kind = "date"   // YYYY-MM-DD
	Time   Kind = "time"   // RFC 3339 in UTC, with milliseconds
)

// Column is one column of an export. Names and their order are a contract: see
// [Columns].
type Column struct {
	Name string
	Kind Kind
	cell func(Line) string
}

// Cell is what a line has in the column, "" where nothing is known.
func (c Column) Cell(l Line) string { return c.cell(l) }

// Layout is the version of the columns. A closed period keeps the layout it was
// closed with, so that it is exported as the same bytes for ever.
type Layout int

// CurrentLayout is what an export is written in unless a closed period says
// otherwise.
const CurrentLayout Layout = 1

// Columns are the columns of a layout, nil for one that is not known. What a
// layout has never changes; other columns are another layout.
func Columns(l Layout) []Column {
	if l != 1 {
		return nil
	}
	return slices.Clone(layout1)
}

// layout1 was published first. Times are UTC and say so; booking_date is the day
// in the merchant's time zone.
var layout1 = []Column{
	{"sequence", Number, func(l Line) string { return strconv.FormatUint(l.Sequence, 10) }},
	{"stored_at", Time, func(l Line) string { return utc(l.StoredAt) }},
	{"event_id", Text, func(l Line) string { return l.Event.ID }},
	{"outcome", Text, func(l Line) string { return string(l.Event.Outcome()) }},
	{"confirmed_at", Time, func(l Line) string { return utc(l.Event.Time) }},
	{"booking_date", Date, payment(func(p events.Payment) string { return p.BookingDate })},
	{"merchant", Text, payment(func(p events.Payment) string { return p.Merchant })},
	{"account", Text, payment(func(p events.Payment) string { return p.Account })},
	{"flow", Text, payment(func(p events.Payment) string { return string(p.Flow) })},
	{"order_id", Text, payment(func(p events.Payment) string { return p.OrderID })},
	{"plat_order_id", Text, payment(func(p events.Payment) string { return p.PlatOrderID })},
	{"direction", Text, payment(func(p events.Payment) string { return string(p.Direction) })},
	{"currency", Text, payment(func(p events.Payment) string { return p.Currency })},
	{"amount", Money, payment(func(p events.Payment) string { return p.Amount.String() })},
	{"fee", Money, payment(func(p events.Payment) string { return p.Fee.String() })},
	{"net", Money, payment(func(p events.Payment) string { return p.Net.String() })},
	{"submitted_amount", Money, payment(func(p events.Payment) string { return p.SubmittedAmount.String() })},
	{"reason", Text, payment(func(p events.Payment) string { return p.Reason })},
	{"via", Text, payment(func(p events.Payment) string { return string(p.Via) })},
	{"match", Text, payment(func(p events.Payment) string { return string(p.Match) })},
	{"livemode", Bool, payment(func(p events.Payment) string { return strconv.FormatBool(p.LiveMode) })},
	{"utr", Text, payment(func(p events.Payment) string { return p.UTR })},
	{"remark", Text, payment(func(p events.Payment) string { return p.Remark })},
	{"supersedes", Text, payment(func(p events.Payment) string { return p.Supersedes })},
	{"case", Text, func(l Line) string { return caseOf(l.Event) }},
	{"resolves", Text, resolved(func(r events.Resolved) string { return r.Resolves })},
	{"resolved_by", Text, resolved(func(r events.Resolved) string { return r.By })},
	{"resolved_why", Text, resolved(func(r events.Resolved) string { return r.Why })},
	{"resulting_event", Text, resolved(func(r events.Resolved) string { return r.ResultingEvent })},
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func payment(field func(events.Payment) string) func(Line) string {
	return func(l Line) string { return field(l.Event.Data.Common()) }
}

func resolved(field func(events.Resolved) string) func(Line) string {
	return func(l Line) string {
		r, ok := l.Event.Data.(events.Resolved)
		if !ok {
			return ""
		}
		return field(r)
	}
}

func caseOf(e events.Event) string {
	switch d := e.Data.(type) {
	case events.Review:
		return d.Case
	case events.Resolved:
		return d.Case
	default:
		return ""
	}
}

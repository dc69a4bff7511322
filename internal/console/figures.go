package console

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/events"
)

// hours is how far back the charts go.
const hours = 24

// figures counts the events of the last hours, by the hour of confirmation.
type figures struct {
	clock func() time.Time

	mu      sync.Mutex
	by      map[time.Time]*hour
	version int64
	through bool // all that is stored was read
}

// hour is what was told in an hour.
type hour struct {
	told  map[events.Outcome]int
	sums  map[string]sums // settled, by currency
	waits spread          // from the receipt of a callback to the confirmed outcome
}

// sums are what settled, in one currency.
type sums struct{ Credit, Debit decimal.Decimal }

func newHour() *hour {
	return &hour{told: map[events.Outcome]int{}, sums: map[string]sums{}, waits: spread{}}
}

func newFigures(clock func() time.Time) *figures {
	return &figures{clock: clock, by: map[time.Time]*hour{}}
}

// since is the first moment that counts.
func (f *figures) since() time.Time { return f.current().Add(-(hours - 1) * time.Hour) }

func (f *figures) current() time.Time { return f.clock().UTC().Truncate(time.Hour) }

func (f *figures) caughtUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.through {
		f.through = true
		f.version++
	}
}

// add counts an event.
func (f *figures) add(e events.Event) {
	at := e.Time.UTC().Truncate(time.Hour)
	f.mu.Lock()
	defer f.mu.Unlock()
	since := f.since()
	if at.Before(since) {
		return
	}
	maps.DeleteFunc(f.by, func(t time.Time, _ *hour) bool { return t.Before(since) })
	h := f.by[at]
	if h == nil {
		h = newHour()
		f.by[at] = h
	}
	h.add(e)
	f.version++
}

func (h *hour) add(e events.Event) {
	p := e.Data.Common()
	h.told[e.Outcome()]++
	if !e.Outcome().Final() {
		return
	}
	if p.Via == events.ViaCallback && !p.Evidence.ReceivedAt.IsZero() {
		h.waits.add(e.Time.Sub(p.Evidence.ReceivedAt))
	}
	if amount, known := p.Amount.Decimal(); known && e.Outcome() == events.OutcomeSettled {
		h.sums[p.Currency] = h.sums[p.Currency].plus(p.Direction, amount)
	}
}

// plus adds; a sum beyond what a decimal holds stays as it is.
func (s sums) plus(d events.Direction, amount decimal.Decimal) sums {
	into := &s.Credit
	if d == events.Debit {
		into = &s.Debit
	}
	if sum, err := into.Add(amount); err == nil {
		*into = sum
	}
	return s
}

// spread is how often a wait was how long, in steps of a tenth.
type spread map[int]int

const step = 1.1

func (s spread) add(d time.Duration) {
	ms := max(float64(d)/float64(time.Millisecond), 1)
	s[int(math.Round(math.Log(ms)/math.Log(step)))]++
}

// quantile is the wait that this share stays within, 0 where nobody waited.
func (s spread) quantile(share float64) time.Duration {
	total := 0
	for _, n := range s {
		total += n
	}
	seen := 0
	for _, i := range slices.Sorted(maps.Keys(s)) {
		seen += s[i]
		if float64(seen) >= share*float64(total) {
			return time.Duration(math.Pow(step, float64(i)) * float64(time.Millisecond))
		}
	}
	return 0
}

// told is an hour for the charts.
type toldHour struct {
	At                                         time.Time
	Settled, Failed, Reversed, Expired, Review int
	P50, P95                                   time.Duration // 0: nobody waited
}

// Total is all of it.
func (t toldHour) Total() int { return t.Settled + t.Failed + t.Reversed + t.Expired + t.Review }

// Latency reports whether there is any.
func (t toldHour) Latency() bool { return t.P50 > 0 }

// money is a sum of a currency, as a page has it.
type money struct{ Currency, Credit, Debit string }

// day is what the figures say now.
type day struct {
	Hours   []toldHour // the oldest first, the last is not over
	Today   toldHour   // since midnight UTC
	Sums    []money    // settled today
	Through bool
	Version int64
}

// look is what the figures say now.
func (f *figures) look() day {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := day{Through: f.through, Version: f.version}
	today, midnight := newHour(), f.clock().UTC().Truncate(24*time.Hour)
	for at := f.since(); !at.After(f.current()); at = at.Add(time.Hour) {
		h := f.by[at]
		if h == nil {
			h = newHour()
		}
		d.Hours = append(d.Hours, h.at(at))
		if !at.Before(midnight) {
			today.merge(h)
		}
	}
	d.Today = today.at(midnight)
	for _, currency := range slices.Sorted(maps.Keys(today.sums)) {
		s := today.sums[currency]
		d.Sums = append(d.Sums, money{currency, sumText(s.Credit, currency), sumText(s.Debit, currency)})
	}
	return d
}

func sumText(d decimal.Decimal, currency string) string {
	a, err := events.NewAmount(d)
	if err != nil { // more than an amount may be
		return d.String()
	}
	return a.InCurrency(currency).String()
}

func (h *hour) at(t time.Time) toldHour {
	return toldHour{
		At: t, Settled: h.told[events.OutcomeSettled], Failed: h.told[events.OutcomeFailed], Reversed: h.told[events.OutcomeReversed],
		Expired: h.told[events.OutcomeExpired], Review: h.told[events.OutcomeReview],
		P50: h.waits.quantile(0.5), P95: h.waits.quantile(0.95),
	}
}

func (h *hour) merge(o *hour) {
	for outcome, n := range o.told {
		h.told[outcome] += n
	}
	for i, n := range o.waits {
		h.waits[i] += n
	}
	for currency, s := range o.sums {
		h.sums[currency] = h.sums[currency].plus(events.Credit, s.Credit).plus(events.Debit, s.Debit)
	}
}

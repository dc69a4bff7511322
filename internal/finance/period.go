package finance

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Period is whole booking dates, both included. Its name is what finance calls
// it: a month (2026-11), a day (2026-11-05) or dates (2026-11-01_2026-11-15).
type Period struct {
	Name string `json:"name"`
	From string `json:"from"` // YYYY-MM-DD
	To   string `json:"to"`
}

// ErrPeriod is the error of a text that names no period.
var ErrPeriod = errors.New("write a month (2026-11), a day (2026-11-05) or two days (2026-11-01_2026-11-15, both included)")

// ParsePeriod reads the name of a period. Each period has one name.
func ParsePeriod(name string) (Period, error) {
	from, to, two := strings.Cut(name, "_")
	if two {
		first, err := day(from)
		last, err2 := day(to)
		if err != nil || err2 != nil || !first.Before(last) || wholeMonth(first, last) {
			return Period{}, fmt.Errorf("period %q: %w", name, ErrPeriod)
		}
		return Period{name, from, to}, nil
	}
	if _, err := day(name); err == nil {
		return Period{name, name, name}, nil
	}
	first, err := time.Parse("2006-01", name)
	if err != nil {
		return Period{}, fmt.Errorf("period %q: %w", name, ErrPeriod)
	}
	return Period{name, date(first), date(first.AddDate(0, 1, -1))}, nil
}

// Between is the period of two days, both included; without a last day it is the
// first alone.
func Between(from, to string) (Period, error) {
	if to == "" {
		to = from
	}
	first, err := day(from)
	last, err2 := day(to)
	switch {
	case err != nil || err2 != nil:
		return Period{}, fmt.Errorf("%s to %s: write days as 2026-11-01", from, to)
	case last.Before(first):
		return Period{}, fmt.Errorf("%s is before %s", to, from)
	}
	return Period{from + "_" + to, from, to}, nil
}

// wholeMonth is what has a shorter name.
func wholeMonth(first, last time.Time) bool {
	return first.Day() == 1 && last.Equal(first.AddDate(0, 1, -1))
}

// Holds reports whether a booking date is in the period.
func (p Period) Holds(bookingDate string) bool { return p.From <= bookingDate && bookingDate <= p.To }

// Begins is the midnight in a zone with which the period begins.
func (p Period) Begins(zone *time.Location) time.Time { return midnight(p.From, 0, zone) }

// Ends is the midnight in a zone with which the period is over.
func (p Period) Ends(zone *time.Location) time.Time { return midnight(p.To, 1, zone) }

// Next is the day after the period.
func (p Period) Next() string {
	t, _ := day(p.To) // was checked
	return date(t.AddDate(0, 0, 1))
}

// Earliest is a time before which nothing of the period can have been stored,
// wherever on earth the merchant is: the date begins at UTC+14, and clocks may
// differ by less than a day.
func (p Period) Earliest() time.Time {
	t, _ := day(p.From)
	return t.Add(-14*time.Hour - 24*time.Hour)
}

// midnight begins a day in a zone. Where the clock skips midnight, the day begins
// with the first moment after the gap.
func midnight(text string, later int, zone *time.Location) time.Time {
	t, _ := day(text)
	t = t.AddDate(0, 0, later)
	begins := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
	if begins.Day() != t.Day() {
		_, begins = begins.ZoneBounds()
	}
	return begins
}

func day(text string) (time.Time, error) { return time.Parse(time.DateOnly, text) }

func date(t time.Time) string { return t.Format(time.DateOnly) }

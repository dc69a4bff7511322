package finance_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

func TestBegin(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	over := time.Date(2026, 11, 30, 18, 30, 0, 0, time.UTC) // midnight in India
	november, err := finance.Begin(nil, "m1", period(t, "2026-11"), kolkata, over, 100)
	if err != nil {
		t.Fatal(err)
	}
	if november.Before != (finance.Cover{To: "2026-10-31", Whenever: true}) || november.Sequence != 100 || november.Timezone != "Asia/Kolkata" || november.Layout != 1 {
		t.Errorf("%+v", november)
	}
	closed := []finance.Closing{november}
	for name, tt := range map[string]struct {
		period   string
		now      time.Time
		sequence uint64
		closed   []finance.Closing
		want     error
	}{
		"too early by a second": {"2026-11", over.Add(-time.Second), 100, nil, finance.ErrNotOver},
		"again":                 {"2026-11", over, 100, closed, finance.ErrClosed},
		"a day of it":           {"2026-11-30", over, 100, closed, finance.ErrClosed},
		"a gap":                 {"2027-01", over.AddDate(1, 0, 0), 100, closed, finance.ErrGap},
		"the day after":         {"2026-12-01", over.AddDate(0, 0, 1), 100, closed, nil},
		"the next":              {"2026-12", over.AddDate(0, 1, 1), 200, closed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := finance.Begin(tt.closed, "m1", period(t, tt.period), kolkata, tt.now, tt.sequence)
			if !errors.Is(err, tt.want) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			if err == nil && c.Before != (finance.Cover{To: "2026-11-30", Sequence: 100}) {
				t.Errorf("%+v", c)
			}
		})
	}
	if _, err := finance.Begin(closed, "m1", period(t, "2026-12"), kolkata, over.AddDate(0, 1, 1), 99); err == nil {
		t.Error("a ledger that became shorter is closed")
	}
}

// TestEachEventIsInOneClosing closes days at any time after their end, while events
// come late: each event is in exactly one closing, once that day is closed.
func TestEachEventIsInOneClosing(t *testing.T) {
	all := make([]finance.Line, 10)
	for i := range all {
		all[i] = line(t, uint64(i+1), nil)
	}
	rapid.Check(t, func(t *rapid.T) {
		date := func(day int) string { return fmt.Sprintf("2026-11-%02d", day+1) }
		ledger := make([]finance.Line, rapid.IntRange(0, 40).Draw(t, "events"))
		for i := range ledger {
			ledger[i] = finance.Line{Sequence: uint64(i + 1), Event: all[0].Event}
			p := ledger[i].Event.Data.(events.Settled).Payment
			p.BookingDate = date(rapid.IntRange(0, 5).Draw(t, "day"))
			ledger[i].Event.Data = events.Settled{Payment: p}
		}
		var closed []finance.Closing
		sequence := uint64(0)
		for day := range 6 {
			sequence = rapid.Uint64Range(sequence, uint64(len(ledger))).Draw(t, "sequence")
			if day == 5 {
				sequence = uint64(len(ledger))
			}
			p, err := finance.ParsePeriod(date(day))
			if err != nil {
				t.Fatal(err)
			}
			c, err := finance.Begin(closed, "m1", p, time.UTC, p.Ends(time.UTC), sequence)
			if err != nil {
				t.Fatal(err)
			}
			closed = append(closed, c)
		}
		for _, l := range ledger {
			var in []finance.Closing
			for _, c := range closed {
				if c.Holds(l) {
					in = append(in, c)
				}
			}
			booked := l.Event.Data.Common().BookingDate
			if len(in) != 1 || booked > in[0].To || in[0].CarriedOver(l) != (booked < in[0].From) {
				t.Fatalf("event %d of %s is in %v", l.Sequence, booked, in)
			}
		}
	})
}

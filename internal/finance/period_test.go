package finance_test

import (
	"errors"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/finance"
)

func period(t testing.TB, name string) finance.Period {
	t.Helper()
	p, err := finance.ParsePeriod(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPeriods(t *testing.T) {
	for name, want := range map[string]finance.Period{
		"2026-11":               {Name: "2026-11", From: "2026-11-01", To: "2026-11-30"},
		"2028-02":               {Name: "2028-02", From: "2028-02-01", To: "2028-02-29"},
		"2026-12-31":            {Name: "2026-12-31", From: "2026-12-31", To: "2026-12-31"},
		"2026-11-01_2026-11-15": {Name: "2026-11-01_2026-11-15", From: "2026-11-01", To: "2026-11-15"},
		"2026-12-25_2027-01-07": {Name: "2026-12-25_2027-01-07", From: "2026-12-25", To: "2027-01-07"},
	} {
		if got := period(t, name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, name := range []string{
		"", "2026", "2026-13", "2026-1", "2026-11-31", "2026-W47", "nov", "2026-11-05_2026-11-05", "2026-11-05_2026-11-01", "2026-11-01_", "_",
		"2026-11-01_2026-11-30", "2026-11_2026-12", "2026-11-01_2026-11-15_2026-11-20", "2026-11 ",
	} {
		if p, err := finance.ParsePeriod(name); !errors.Is(err, finance.ErrPeriod) {
			t.Errorf("%q: %v, %v", name, p, err)
		}
	}
	p := period(t, "2026-12")
	if p.Next() != "2027-01-01" || !p.Holds("2026-12-01") || !p.Holds("2026-12-31") || p.Holds("2026-11-30") || p.Holds("2027-01-01") {
		t.Errorf("%v", p)
	}
}

func TestPeriodsInZones(t *testing.T) {
	for _, tt := range []struct{ zone, name, begins, ends string }{
		{"UTC", "2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"Asia/Kolkata", "2026-11", "2026-10-31T18:30:00Z", "2026-11-30T18:30:00Z"},
		{"America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}, // 25 hours
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},     // midnight is skipped: it begins at 01:00
		{"Pacific/Kiritimati", "2026-11-05", "2026-11-04T10:00:00Z", "2026-11-05T10:00:00Z"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		p := period(t, tt.name)
		begins, ends := p.Begins(zone).UTC(), p.Ends(zone).UTC()
		if begins.Format(time.RFC3339) != tt.begins || ends.Format(time.RFC3339) != tt.ends {
			t.Errorf("%s in %s is %s to %s", tt.name, tt.zone, begins.Format(time.RFC3339), ends.Format(time.RFC3339))
		}
		if p.Earliest().After(begins.Add(-24 * time.Hour)) {
			t.Errorf("%s in %s begins less than a day after %s", tt.name, tt.zone, p.Earliest())
		}
	}
}

func TestBetween(t *testing.T) {
	p, err := finance.Between("2026-11-01", "2026-11-30")
	if err != nil || p.From != "2026-11-01" || p.To != "2026-11-30" {
		t.Errorf("%v, %v", p, err)
	}
	if p, err = finance.Between("2026-11-05", ""); err != nil || p.To != "2026-11-05" {
		t.Errorf("%v, %v", p, err)
	}
	for _, days := range [][2]string{{"2026-11-05", "2026-11-04"}, {"2026-11", "2026-11-30"}, {"2026-11-01", "x"}} {
		if p, err := finance.Between(days[0], days[1]); err == nil {
			t.Errorf("%v: %v", days, p)
		}
	}
}

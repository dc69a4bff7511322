package finance_test

import (
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

var noon = time.Date(2026, time.November, 5, 12, 0, 0, 0, time.UTC)

// line is the line of a settled collection, after change.
func line(t testing.TB, sequence uint64, change func(*events.Payment)) finance.Line {
	t.Helper()
	p := events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect, Merchant: "m1", Account: "8801",
		OrderID: "A1", PlatOrderID: "236130395249311744", Amount: events.MustParseAmount("1000.00"), Fee: events.MustParseAmount("20.5"),
		Net: events.MustParseAmount("979.50"), Currency: "INR", BookingDate: "2026-11-05", LiveMode: true,
	}
	if change != nil {
		change(&p)
	}
	return lineOf(t, sequence, events.Settled{Payment: p})
}

func lineOf(t testing.TB, sequence uint64, data events.Data) finance.Line {
	t.Helper()
	e, err := events.New("prod", noon, data)
	if err != nil {
		t.Fatal(err)
	}
	return finance.Line{Sequence: sequence, StoredAt: noon.Add(1500 * time.Microsecond), Event: e}
}

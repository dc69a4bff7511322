package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
)

// noon is when the tests of the figures look: half past, so that an hour is not over.
var noon = time.Date(2026, 5, 2, 12, 30, 0, 0, time.UTC)

// told is an event of an hour before noon, after a wait.
func told(t *testing.T, order string, ago, wait time.Duration, data func(events.Payment) events.Data) events.Event {
	t.Helper()
	at := noon.Add(-ago)
	e, err := events.New("test", at, data(events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect, Merchant: "m1", Account: "1", OrderID: order,
		Amount: events.MustParseAmount("0.10"), Currency: "INR", BookingDate: "2026-05-02", Evidence: events.Evidence{ReceivedAt: at.Add(-wait)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func settled(p events.Payment) events.Data { return events.Settled{Payment: p} }

func paidOut(p events.Payment) events.Data {
	p.Flow, p.Amount = events.FlowPay, events.MustParseAmount("7.05")
	return events.Settled{Payment: p}
}

func failed(p events.Payment) events.Data {
	p.Match = ""
	return events.Failed{Payment: p}
}

func review(p events.Payment) events.Data {
	p.Match, p.Reason = "", "lagging"
	return events.Review{Payment: p, Case: events.CaseTail(p.Order(), p.Reason)}
}

func TestFigures(t *testing.T) {
	f := newFigures(func() time.Time { return noon })
	for i := range 3 {
		f.add(told(t, fmt.Sprint("A", i), time.Minute, 100*time.Millisecond, settled))
	}
	f.add(told(t, "A3", 2*time.Hour, 10*time.Second, settled))
	f.add(told(t, "A4", 2*time.Hour, time.Second, failed))
	f.add(told(t, "A5", 2*time.Hour, time.Hour, review)) // whose wait is on purpose
	f.add(told(t, "A6", time.Minute, time.Millisecond, paidOut))
	f.add(told(t, "A7", 20*time.Hour, time.Second, settled)) // yesterday
	f.add(told(t, "A8", 24*time.Hour, time.Second, settled)) // too long ago
	d := f.look()
	if len(d.Hours) != hours || !d.Hours[0].At.Equal(noon.Truncate(time.Hour).Add(-23*time.Hour)) || !d.Hours[23].At.Equal(noon.Truncate(time.Hour)) {
		t.Fatalf("the hours are %v", d.Hours)
	}
	total := 0
	for _, h := range d.Hours {
		total += h.Total()
	}
	if h := d.Hours[21]; total != 8 || h.Settled != 1 || h.Failed != 1 || h.Review != 1 || d.Hours[23].Settled != 4 {
		t.Errorf("%d told; two hours ago %+v, now %+v", total, h, d.Hours[23])
	}
	if d.Today.Settled != 5 || d.Today.Failed != 1 || d.Today.Review != 1 {
		t.Errorf("today %+v", d.Today)
	}
	if got := fmt.Sprint(d.Sums); got != "[{INR 0.40 7.05}]" {
		t.Errorf("today's sums are %s", got)
	}
	near := func(got, want time.Duration) bool { return got > want*95/100 && got < want*105/100 }
	if h := d.Hours[21]; !near(h.P50, time.Second) || !near(h.P95, 10*time.Second) {
		t.Errorf("two hours ago the waits were %s and %s", h.P50, h.P95)
	}
	if h := d.Hours[10]; h.Latency() || h.P95 != 0 {
		t.Errorf("nobody waited, and it took %s", h.P95)
	}
}

// The hours move on, and what is too long ago is forgotten.
func TestFiguresMoveOn(t *testing.T) {
	now := noon
	f := newFigures(func() time.Time { return now })
	f.add(told(t, "A1", 0, time.Second, settled))
	now = now.Add(23 * time.Hour)
	if d := f.look(); d.Hours[0].Settled != 1 || d.Today.Settled != 0 {
		t.Errorf("a day later: %+v, today %+v", d.Hours[0], d.Today)
	}
	now = now.Add(time.Hour)
	f.add(told(t, "A2", -24*time.Hour, time.Second, settled))
	if d := f.look(); d.Hours[0].Settled != 0 || d.Hours[23].Settled != 1 || len(f.by) != 1 {
		t.Errorf("an hour later: %+v", d.Hours)
	}
}

func TestQuantile(t *testing.T) {
	s := spread{}
	for i := range 100 {
		s.add(time.Duration(i+1) * time.Second)
	}
	for share, want := range map[float64]time.Duration{0.5: 50 * time.Second, 0.95: 95 * time.Second, 1: 100 * time.Second} {
		if got := s.quantile(share); got < want*95/100 || got > want*105/100 {
			t.Errorf("%v stay within %s, want %s", share, got, want)
		}
	}
	if (spread{}).quantile(0.5) != 0 {
		t.Error("nobody waited")
	}
}

// Charts stay within their frame, whatever the numbers.
func TestCharts(t *testing.T) {
	for name, h := range map[string]toldHour{
		"nothing": {}, "one": {Settled: 1, P50: time.Millisecond, P95: time.Millisecond},
		"many": {Settled: 1_234_567, Failed: 1, Reversed: 99, Expired: 3, Review: 7, P50: time.Second, P95: 40 * 24 * time.Hour},
		"fast": {Settled: 1, P50: time.Microsecond, P95: time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			d := day{}
			for i := range hours {
				h.At = noon.Truncate(time.Hour).Add(time.Duration(i-hours+1) * time.Hour)
				d.Hours = append(d.Hours, h)
			}
			d.Hours[5] = toldHour{At: d.Hours[5].At} // an hour without any
			c := chartOutcomes(d)
			for _, col := range c.Columns {
				for _, b := range col.Bars {
					within(t, b.X, chartLeft, chartWidth-chartRight)
					within(t, b.Y, chartTop, plotFloor)
				}
			}
			for _, l := range chartLatency(d).Lines {
				for _, p := range l.Dots {
					within(t, p.X, chartLeft, chartWidth-chartRight)
					within(t, p.Y, chartTop, plotFloor)
				}
				if got := len(l.Pieces); h.Latency() && got != 2 {
					t.Errorf("%s is in %d pieces, want 2 around the hour without any", l.Name, got)
				}
			}
		})
	}
}

func within(t *testing.T, text string, low, high float64) {
	t.Helper()
	var v float64
	if _, err := fmt.Sscan(text, &v); err != nil || v < low-0.1 || v > high+0.1 {
		t.Errorf("%s is not within %v and %v", text, low, high)
	}
}

func TestRoundUp(t *testing.T) {
	for n, want := range map[int]int{1: 1, 3: 4, 5: 6, 7: 8, 9: 10, 11: 20, 53: 60, 100: 100, 101: 200, 1_234_567: 2_000_000} {
		if got := roundUp(n); got != want {
			t.Errorf("above %d is %d, want %d", n, got, want)
		}
	}
}

func TestLasting(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "–", time.Millisecond: "1 ms", 999 * time.Millisecond: "999 ms", 1500 * time.Millisecond: "1.5 s", 90 * time.Second: "1.5 min", 36 * time.Hour: "36 h",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

// What comes too fast is counted, and a page that was away long goes on with the
// newest.
func TestFeedSkips(t *testing.T) {
	f := newFeed(nil, nil)
	for i := range 1000 {
		f.add(item{At: noon.Add(time.Duration(i) * time.Second)})
	}
	fresh, skipped, _ := f.after(100)
	if len(fresh) != shown || skipped != 1000-100-shown || fresh[len(fresh)-1].ID != 1000 || fresh[0].ID != 1001-shown {
		t.Errorf("%d fresh from %d on, %d skipped", len(fresh), fresh[0].ID, skipped)
	}
	if fresh, skipped, next := f.after(1000); len(fresh) != 0 || skipped != 0 {
		t.Errorf("%d fresh and %d skipped of nothing", len(fresh), skipped)
	} else {
		f.add(item{})
		<-next
	}
	if fresh, skipped, _ := f.after(1 << 40); len(fresh) != 0 || skipped != 0 {
		t.Errorf("of another process: %d fresh, %d skipped", len(fresh), skipped)
	}
	newest, last := f.snapshot()
	if len(newest) != shown || last != 1001 || newest[0].ID != 1000 {
		t.Errorf("the page has %d lines, the newest is %d, the last %d", len(newest), newest[0].ID, last)
	}
}

// Of several lines each is data of the event.
func TestEvent(t *testing.T) {
	if got := event("row", 7, []byte("\n<tr>\n\n</tr>\n")); got != "event: row\nid: 7\ndata: <tr>\ndata: \ndata: </tr>\n\n" {
		t.Errorf("%q", got)
	}
	if got := event("figures", 0, []byte("x")); strings.Contains(got, "id:") {
		t.Errorf("%q", got)
	}
}

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func traffic(t testing.TB, s *Server, want Traffic) TrafficReport {
	t.Helper()
	report, err := s.RunTraffic(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// bySort orders records, whose creation is concurrent, by order id.
func bySort(records []Record) []Record {
	slices.SortFunc(records, func(a, b Record) int { return strings.Compare(a.OrderID, b.OrderID) })
	return records
}

// Ten thousand orders: every change of state was told, and the last push that
// the receiver took of each order is what the books say about it.
func TestTenThousandOrders(t *testing.T) {
	const total = 10_000
	var flaky atomic.Int64
	v := &receiver{answer: func(int, received) (int, string) {
		if flaky.Add(1)%7 == 0 {
			return 503, ""
		}
		return 200, "success"
	}}
	simulate(t, v, func(t *testing.T, s *Server) {
		if report := traffic(t, s, Traffic{Total: total, Rate: 500}); report != (TrafficReport{Created: total}) {
			t.Fatalf("%+v", report)
		}
		idle(t, s)

		type callback struct {
			OrderID, PlatOrderID string
			Amount, Fee          json.Number
			Status               Status
			Reverse              bool
		}
		last := map[string]callback{}
		pushes := 0
		for _, got := range v.all() {
			var c callback
			if err := json.Unmarshal([]byte(got.body), &c); err != nil {
				t.Fatal(err)
			}
			if err := verify(got.url[strings.LastIndexByte(got.url, '/')+1:], []byte(got.body)); err != nil {
				t.Fatal(err)
			}
			last[c.OrderID] = c
			pushes++
		}

		states, flows, owners := map[string]int{}, map[Flow]int{}, map[string]int{}
		platIDs := map[string]bool{}
		for _, r := range s.Books() {
			states[r.State]++
			flows[r.Flow]++
			owners[r.Merchant]++
			platIDs[r.PlatOrderID] = true
			pushes -= len(r.Pushes)
			want := callback{r.OrderID, r.PlatOrderID, json.Number(r.Shown().String()), json.Number(r.Fee.String()), r.Status, r.Reversed}
			if last[r.OrderID] != want || !r.Accepted || r.Note != "" {
				t.Fatalf("last push %+v, books %+v", last[r.OrderID], r)
			}
			if !regexp.MustCompile(`^sb-[0-9a-f]{12}-[0-9]{7}$`).MatchString(r.OrderID) || !regexp.MustCompile(`^[0-9]{18}$`).MatchString(r.PlatOrderID) {
				t.Fatalf("ids %s, %s", r.OrderID, r.PlatOrderID)
			}
			if r.Currency == "IDR" && (r.Submitted.Scale() != 0 || r.Fee.Scale() != 0) {
				t.Fatalf("decimals in IDR: %+v", r)
			}
			if r.State == "short-paid" && r.Flow != Collect {
				t.Fatalf("a short-paid payout: %+v", r)
			}
		}
		if pushes != 0 || len(last) != total || len(platIDs) != total {
			t.Fatalf("pushes received but not in the books: %d; orders %d, platform ids %d", pushes, len(last), len(platIDs))
		}
		for state, weight := range map[string]int{"settled": 78, "failed": 12, "reversed": 5, "short-paid": 5} {
			if got, want := states[state], total*weight/100; got < want*8/10 || got > want*12/10 {
				t.Errorf("%d orders %s, want about %d", got, state, want)
			}
		}
		if flows[Pay] < total/3 || flows[Collect] < total/2 || owners["m1001"] < total/3 || owners["m2"] < total/3 {
			t.Errorf("flows %v, merchants %v", flows, owners)
		}
	}, func(c *Config) { c.TimeScale = 1000 })
}

// The same seed and run make the same orders, whatever else was created.
func TestTrafficIsRepeatable(t *testing.T) {
	run := func(seed uint64, run string, manual int) []Order {
		var orders []Order
		simulate(t, &receiver{}, func(t *testing.T, s *Server) {
			for range manual {
				create(t, s, NewOrder{})
			}
			traffic(t, s, Traffic{Total: 100})
			idle(t, s)
			for _, r := range bySort(s.Books())[:100] { // "-0…" sorts before "-m…"
				r.CreatedAt, r.ChangedAt = time.Time{}, time.Time{}
				orders = append(orders, r.Order)
			}
		}, func(c *Config) { c.Seed, c.Run = seed, run })
		return orders
	}
	first := run(1, "a", 0)
	if diff := cmp.Diff(first, run(1, "a", 3), sameDecimal); diff != "" {
		t.Fatalf("not repeatable: %s", diff)
	}
	ids := map[string]bool{}
	for _, orders := range [][]Order{first, run(1, "b", 0), run(2, "a", 0)} {
		for _, o := range orders {
			ids[o.OrderID], ids[o.PlatOrderID] = true, true
		}
	}
	if len(ids) != 600 {
		t.Fatalf("%d different ids in three runs, want 600", len(ids))
	}
}

func TestTrafficRate(t *testing.T) {
	simulate(t, &receiver{}, func(t *testing.T, s *Server) {
		from := time.Now()
		traffic(t, s, Traffic{Total: 21, Rate: 10})
		if took := time.Since(from); took != 2*time.Second {
			t.Fatalf("21 orders at 10/s took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
		defer cancel()
		report, err := s.RunTraffic(ctx, Traffic{Rate: 1})
		if err != nil || report != (TrafficReport{Created: 10}) {
			t.Fatalf("%+v, %v", report, err)
		}
		if got := len(s.Books()); got != 21+report.Created {
			t.Fatalf("%d orders in the books", got)
		}
	})
}

func TestTrafficWeights(t *testing.T) {
	for state, w := range map[string]Weights{
		"settled": {Settled: 1}, "failed": {Failed: 1}, "reversed": {Reversed: 1}, "short-paid": {ShortPaid: 1},
	} {
		simulate(t, &receiver{}, func(t *testing.T, s *Server) {
			traffic(t, s, Traffic{Total: 30, Weights: w})
			idle(t, s)
			for _, r := range s.Books() {
				if r.State != state {
					t.Fatalf("%+v with weights %+v", r, w)
				}
			}
		})
	}
}

func TestTrafficRefusals(t *testing.T) {
	t.Run("announcing fails", func(t *testing.T) {
		var calls atomic.Int64
		s := newSandbox(t, func(c *Config) {
			c.OnCreate = func(context.Context, Order) error {
				if calls.Add(1)%2 == 0 {
					return errors.New("down")
				}
				return nil
			}
		})
		if report := traffic(t, s, Traffic{Total: 10}); report != (TrafficReport{Created: 5, Refused: 5}) {
			t.Fatalf("%+v", report)
		}
	})
	t.Run("full books", func(t *testing.T) {
		s := newSandbox(t, func(c *Config) { c.MaxOrders = 5 })
		report, err := s.RunTraffic(t.Context(), Traffic{})
		if !errors.Is(err, ErrBooksFull) || report.Created != 5 {
			t.Fatalf("%+v, %v", report, err)
		}
	})
	for _, bad := range []Traffic{{Rate: -1}, {Total: -1}, {Creators: -1}, {Weights: Weights{Settled: 2, Failed: -1}}} {
		if _, err := newSandbox(t).RunTraffic(t.Context(), bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: error %v", bad, err)
		}
	}
}

// The pool bounds how many pushes are under way at once.
func TestPushersAreBounded(t *testing.T) {
	var now, most atomic.Int64
	v := &receiver{answer: func(int, received) (int, string) {
		most.Store(max(most.Load(), now.Add(1)))
		pass(time.Second)
		now.Add(-1)
		return 200, "success"
	}}
	simulate(t, v, func(t *testing.T, s *Server) {
		from := time.Now()
		for i := range 12 {
			create(t, s, NewOrder{OrderID: fmt.Sprintf("o%d", i)})
			apply(t, s, fmt.Sprintf("o%d", i), Settle)
		}
		synctest.Wait()
		if got := now.Load(); got != 3 {
			t.Fatalf("%d pushes at once, want 3", got)
		}
		idle(t, s)
		if most.Load() != 3 || time.Since(from) != 4*time.Second {
			t.Fatalf("at most %d at once, %s for all", most.Load(), time.Since(from))
		}
	}, func(c *Config) { c.Pushers = 3 })
}

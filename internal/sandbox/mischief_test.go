package sandbox

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// strict answers as settlehook's receiver does: it takes what is well formed
// and signed.
func strict(_ int, r received) (int, string) {
	params, err := sign.Parse(r.contentType, []byte(r.body))
	if err != nil {
		return http.StatusBadRequest, "malformed"
	}
	for _, m := range merchants() {
		if strings.HasSuffix(r.url, "/"+m.ID) {
			ring, err := sign.NewKeyring(m.SigningID, m.Keys...)
			if err != nil {
				return http.StatusInternalServerError, ""
			}
			if _, err := ring.VerifyCallback(params, sign.Policy{}); err == nil {
				return http.StatusOK, acknowledgement
			}
		}
	}
	return http.StatusUnauthorized, "bad signature"
}

// live makes orders whose fates are drawn, and waits until all is over.
func live(t *testing.T, s *Server, n int) []Record {
	t.Helper()
	for i := range n {
		m := []string{"m1001", "m2"}[i%2]
		flow := []Flow{Collect, Collect, Pay}[i%3]
		order, err := s.draft(NewOrder{Merchant: m, Flow: flow, OrderID: fmt.Sprintf("o%05d", i), Amount: dec("10000")})
		if err != nil {
			t.Fatal(err)
		}
		course, fate := s.fate(order)
		if err := s.enter(t.Context(), order, course, announceNothing, fate); err != nil {
			t.Fatal(err)
		}
	}
	idle(t, s)
	records := s.Books()
	slices.SortFunc(records, func(a, b Record) int { return strings.Compare(a.OrderID, b.OrderID) })
	return records
}

// fateOf is the fate that an order's record names.
func fateOf(r Record) Mischief {
	for _, m := range fateMischiefs {
		if r.Mischief[m] > 0 {
			return m
		}
	}
	return ""
}

// A hostile gateway: all that a receiver must take is taken, nothing else is;
// every mischief happens, about as often as its rate says; and the last word
// about every order is the truth.
func TestHostilePushes(t *testing.T) {
	const n = 6000
	v := &receiver{answer: strict}
	rates := Hostile().With(Rates{ReversalSilent: 0.01, PushNone: 0.01})
	simulate(t, v, func(t *testing.T, s *Server) {
		records := live(t, s, n)
		fates := map[Mischief]string{
			"": "settled", Failure: "failed", Underpayment: "short-paid", Overpayment: "over-paid", LateSuccess: "failed settled",
			Reversal: "settled reversed", ReversalUnmarked: "settled reversed", ReversalSilent: "settled reversed", PaidTwice: "settled",
		}
		series, sent := 0, 0
		for _, r := range records {
			for _, p := range r.Pushes {
				if p.HTTPStatus != 0 {
					sent++
				}
				if p.HTTPStatus != 0 && p.Accepted != p.Must() {
					t.Fatalf("order %s: push %+v", r.OrderID, p)
				}
				if p.HTTPStatus == 0 && p.Error != "not sent" {
					t.Fatalf("order %s: push %+v", r.OrderID, p)
				}
			}
			series += len(r.History) - 1
			// The record says why the order became what it is.
			var life []string
			for _, state := range r.History[1:] {
				life = append(life, state.State)
			}
			if got, want := strings.Join(life, " "), fates[fateOf(r)]; got != want && r.Note == "" {
				t.Fatalf("order %s is to be %q by its mischief, and is %q", r.OrderID, want, got)
			}
			silent := r.Mischief[PushNone] > 0 || r.Mischief[ReversalSilent] > 0
			if !r.Accepted && !silent {
				t.Fatalf("no true push of the last state was taken: %+v", r)
			}
		}
		if received := len(v.all()); received != sent {
			t.Errorf("%d pushes were received, and %d are in the books", received, sent)
		}
		counts := s.Mischief()
		about := func(m Mischief, of float64) {
			t.Helper()
			if want := of * rates[m]; math.Abs(float64(counts[m])-want) > 5*math.Sqrt(want)+1 {
				t.Errorf("%s happened %d times, want about %.0f", m, counts[m], want)
			}
		}
		for _, m := range []Mischief{Failure, LateSuccess, Reversal, ReversalUnmarked, ReversalSilent} {
			about(m, n)
		}
		for _, m := range []Mischief{Underpayment, Overpayment, PaidTwice} {
			about(m, n*2/3)
		}
		for _, m := range []Mischief{PushDelayed, PushForged, PushCollision, PushWrongAmount, PushDuplicate} {
			about(m, float64(series))
		}
		for _, m := range Mischiefs() {
			call := strings.HasPrefix(string(m), "call-") || strings.HasPrefix(string(m), "query-") || m == CreateLost || m == PushEarly
			if counts[m] == 0 && !call {
				t.Errorf("%s never happened", m)
			}
		}
	}, func(c *Config) { c.Mischief, c.TimeScale = rates, 60 })
}

func TestBalancesFollowTheOrders(t *testing.T) {
	simulate(t, &receiver{}, func(t *testing.T, s *Server) {
		records := live(t, s, 600)
		for _, m := range []string{"m1001", "m2"} {
			want := defaultBalance
			for _, r := range records {
				if r.Merchant != m || r.Status != Success {
					continue
				}
				move := r.Paid
				switch {
				case r.Flow == Collect:
					move = must(move.Sub(r.Fee))
				case m == "m2": // its fees come out of the payout's amount
					move = move.Neg()
				default:
					move = must(move.Add(r.Fee)).Neg()
				}
				want = must(want.Add(move))
			}
			got, err := s.Balance(m)
			if err != nil || !got.All.Equal(want) || !got.Usable.Equal(want) {
				t.Errorf("%s has %+v (%v), want %s", m, got, err, want)
			}
		}
	}, func(c *Config) { c.Mischief, c.TimeScale, c.Merchants[1].PayFee = Hostile(), 60, events.PayFeeIncluded })
}

// The same seed and run do the same to the same orders.
func TestMischiefIsRepeatable(t *testing.T) {
	run := func(seed uint64) (records []Record) {
		simulate(t, &receiver{}, func(t *testing.T, s *Server) {
			records = live(t, s, 200)
			for i := range records {
				r := &records[i]
				r.CreatedAt, r.ChangedAt = time.Time{}, time.Time{}
				for j := range r.History {
					r.History[j].At = time.Time{}
				}
				for j := range r.Pushes {
					r.Pushes[j].At = time.Time{}
				}
				slices.SortStableFunc(r.Pushes, func(a, b Push) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
		}, func(c *Config) { c.Seed, c.Mischief = seed, Hostile() })
		return records
	}
	first := run(1)
	if diff := cmp.Diff(first, run(1), sameDecimal); diff != "" {
		t.Errorf("not repeatable: %s", diff)
	}
	if diff := cmp.Diff(first, run(2), sameDecimal); diff == "" {
		t.Error("another seed does the same")
	}
}

func TestCalm(t *testing.T) {
	simulate(t, &receiver{}, func(t *testing.T, s *Server) {
		for _, r := range live(t, s, 100) {
			if r.State != "settled" || len(r.Pushes) != 1 || r.Mischief != nil {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func TestRatesRefused(t *testing.T) {
	for text, rates := range map[string]Rates{
		"there is no mischief":     {"push-nonsense": 0.1},
		"it must be from 0 to 1":   {PushForm: 1.1},
		"must be from 0 to 1":      {PushForm: math.NaN()},
		"an order has one fate":    {Failure: 0.6, Reversal: 0.5},
		"push-number-dialect, pus": {"x": 0},
	} {
		_, err := New(Config{Merchants: merchants(), Mischief: rates})
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, want %q", rates, err, text)
		}
	}
}

// What a call can meet, each for sure.
func TestCallMischief(t *testing.T) {
	for m, want := range map[Mischief]struct {
		status int
		body   string
	}{
		CallAnomaly:   {200, `"code":500`},
		CallHTTPError: {502, "Bad Gateway"},
		CallRefused:   {200, `"code":400`},
	} {
		s := newSandbox(t, func(c *Config) { c.Mischief = Rates{m: 1} })
		create(t, s, NewOrder{OrderID: "o1"})
		for _, path := range []string{"/collect/create", "/pay/create", "/order/query", "/order/balance"} {
			status, body := call(s, path, map[string]string{"merchant": "8801", "orderId": "o1"})
			if status != want.status || !strings.Contains(body, want.body) {
				t.Errorf("%s, %s: %d %s", m, path, status, body)
			}
		}
		if got := s.Mischief()[m]; got != 4 {
			t.Errorf("%s: counted %d", m, got)
		}
		if record(t, s, "o1").Mischief[m] == 0 {
			t.Errorf("%s is not in the order's record", m)
		}
	}
}

// call makes a signed call without a network.
func call(s *Server, path string, fields map[string]string) (status int, body string) {
	var params sign.Params
	for name, value := range fields {
		params = append(params, sign.Param{Name: name, Value: value})
	}
	params = append(params, sign.Param{Name: "sign", Value: sign.Sign(params, newSecret)})
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "http://sandbox.example"+path, strings.NewReader(string(params.JSON())))
	r.Header.Set("Content-Type", "application/json")
	s.apiHandler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestLaggingQueries(t *testing.T) {
	s := newSandbox(t, func(c *Config) { c.Mischief, c.TimeScale = Rates{QueryLagging: 1, QueryUnknown: 1}, 1 })
	create(t, s, NewOrder{OrderID: "o1"})
	apply(t, s, "o1", Settle)
	query := func() string {
		_, body := call(s, "/order/query", map[string]string{"merchant": "8801", "orderId": "o1"})
		return body
	}
	if body := query(); !strings.Contains(body, descUnknownOrder) {
		t.Errorf("first query: %s", body)
	}
	if body := query(); !strings.Contains(body, `"status":0`) {
		t.Errorf("second query: %s", body)
	}
	query()
	if body := query(); !strings.Contains(body, `"status":1`) {
		t.Errorf("fourth query: %s", body)
	}
	r := record(t, s, "o1")
	if r.Mischief[QueryUnknown] != 1 || r.Mischief[QueryLagging] < 1 || r.Mischief[QueryLagging] > 2 {
		t.Errorf("%+v", r.Mischief)
	}
}

package sandbox

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/pkg/sign"
)

// simulate runs a test in simulated time, with a sandbox that works its agenda
// off but listens nowhere.
func simulate(t *testing.T, v *receiver, f func(t *testing.T, s *Server), adapt ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, append([]func(*Config){func(c *Config) { c.Transport = v }}, adapt...)...)
		s.startWork()
		f(t, s)
	})
}

func seconds(list ...float64) []time.Duration {
	var durations []time.Duration
	for _, s := range list {
		durations = append(durations, time.Duration(s*float64(time.Second)))
	}
	return durations
}

func offsets(got []received, from time.Time) []time.Duration {
	var durations []time.Duration
	for _, r := range got {
		durations = append(durations, r.at.Sub(from))
	}
	return durations
}

func TestPushSchedule(t *testing.T) {
	for _, tt := range []struct {
		name  string
		scale float64
		want  []time.Duration
	}{
		{"as it is", 1, seconds(0, 15, 45, 105, 225, 465, 945, 1905)},
		{"sixty times faster", 60, seconds(0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 31.75)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &receiver{answer: always(http.StatusServiceUnavailable, "success")}
			simulate(t, v, func(t *testing.T, s *Server) {
				create(t, s, NewOrder{OrderID: "o1"})
				from := time.Now()
				apply(t, s, "o1", Settle)
				idle(t, s)
				if diff := cmp.Diff(tt.want, offsets(v.all(), from)); diff != "" {
					t.Fatal(diff)
				}
				r := record(t, s, "o1")
				if r.Accepted || len(r.Pushes) != 8 {
					t.Fatalf("accepted %t, %d pushes in the books", r.Accepted, len(r.Pushes))
				}
				for i, p := range r.Pushes {
					want := Push{
						Series: 1, Attempt: i + 1, Offset: Duration(DefaultPushOffsets()[i]), At: from.Add(tt.want[i]),
						Status: Success, Amount: "1000.00", HTTPStatus: 503, Answer: `"success"`,
					}
					if diff := cmp.Diff(want, p); diff != "" {
						t.Fatal(diff)
					}
				}
			}, func(c *Config) { c.TimeScale = tt.scale })
		})
	}
}

// Only HTTP 200 with exactly the seven bytes ends a series.
func TestAcknowledgement(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		ends   bool
	}{
		{"exact", 200, "success", true},
		{"quoted", 200, `"success"`, false},
		{"line break", 200, "success\n", false},
		{"leading space", 200, " success", false},
		{"uppercase", 200, "SUCCESS", false},
		{"longer", 200, "successful", false},
		{"empty", 200, "", false},
		{"JSON", 200, `{"code":"success"}`, false},
		{"BOM", 200, "\xef\xbb\xbfsuccess", false},
		{"long", 200, "success" + strings.Repeat(" ", 1<<20), false},
		{"201", 201, "success", false},
		{"500", 500, "success", false},
		{"redirect", 302, "success", false},
		{"permanent redirect", 308, "success", false},
		{"no answer", 0, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := &receiver{answer: always(tt.status, tt.body)}
			simulate(t, v, func(t *testing.T, s *Server) {
				create(t, s, NewOrder{OrderID: "o1"})
				apply(t, s, "o1", Settle)
				idle(t, s)
				want := 8
				if tt.ends {
					want = 1
				}
				r := record(t, s, "o1")
				if len(v.all()) != want || len(r.Pushes) != want || r.Accepted != tt.ends {
					t.Fatalf("%d pushes, %d in the books, accepted %t; want %d, %t", len(v.all()), len(r.Pushes), r.Accepted, want, tt.ends)
				}
				last := r.Pushes[want-1]
				if last.Accepted != tt.ends || last.HTTPStatus != tt.status || (last.Error == "") != (tt.status != 0) {
					t.Fatalf("%+v", last)
				}
				for _, got := range v.all() {
					if got.url != "http://127.0.0.1:1/callbacks/collect/m1001" {
						t.Fatalf("pushed to %s", got.url)
					}
				}
			})
		})
	}
}

func TestPushUntilAccepted(t *testing.T) {
	v := &receiver{answer: func(n int, _ received) (int, string) {
		return 200, []string{"", "ok", "success"}[min(n, 2)]
	}}
	simulate(t, v, func(t *testing.T, s *Server) {
		create(t, s, NewOrder{OrderID: "o1"})
		from := time.Now()
		apply(t, s, "o1", Settle)
		idle(t, s)
		if diff := cmp.Diff(seconds(0, 15, 45), offsets(v.all(), from)); diff != "" {
			t.Fatal(diff)
		}
		if r := record(t, s, "o1"); !r.Accepted || r.Pushes[1].Accepted || !r.Pushes[2].Accepted {
			t.Fatalf("%+v", r.Pushes)
		}
	})
}

// A push that hangs is given up after the push timeout; the next offset is
// already past then and follows at once.
func TestPushTimeout(t *testing.T) {
	v := &receiver{answer: always(0, "")}
	simulate(t, v, func(t *testing.T, s *Server) {
		create(t, s, NewOrder{OrderID: "o1"})
		from := time.Now()
		apply(t, s, "o1", Settle)
		idle(t, s)
		if diff := cmp.Diff(seconds(0, 20, 45), offsets(v.all(), from)); diff != "" {
			t.Fatal(diff)
		}
		if r := record(t, s, "o1"); r.Pushes[0].HTTPStatus != 0 || !strings.Contains(r.Pushes[0].Error, "deadline exceeded") {
			t.Fatalf("%+v", r.Pushes[0])
		}
	}, func(c *Config) { c.PushTimeout, c.PushOffsets = 20*time.Second, seconds(0, 15, 45) })
}

// A change ends the pushes about the state before it and starts its own.
func TestChangeStartsItsOwnSeries(t *testing.T) {
	v := &receiver{answer: always(500, "")}
	simulate(t, v, func(t *testing.T, s *Server) {
		create(t, s, NewOrder{OrderID: "o1"})
		from := time.Now()
		apply(t, s, "o1", Settle)
		pass(30 * time.Second)
		apply(t, s, "o1", Reverse)
		idle(t, s)
		if diff := cmp.Diff(seconds(0, 15, 30, 45, 75, 135, 255, 495, 975, 1935), offsets(v.all(), from)); diff != "" {
			t.Fatal(diff)
		}
		for i, p := range record(t, s, "o1").Pushes {
			series, attempt, status := 1, i+1, Success
			if i >= 2 {
				series, attempt, status = 2, i-1, Failed
			}
			if p.Series != series || p.Attempt != attempt || p.Status != status || p.Reverse != (i >= 2) {
				t.Fatalf("push %d: %+v", i, p)
			}
		}
	})
}

func TestPushNow(t *testing.T) {
	v := &receiver{answer: func(n int, _ received) (int, string) {
		return 200, []string{"no", "success", "no"}[min(n, 2)]
	}}
	simulate(t, v, func(t *testing.T, s *Server) {
		create(t, s, NewOrder{OrderID: "o1"})
		apply(t, s, "o1", Settle)
		synctest.Wait()
		p, err := s.PushNow(t.Context(), "m1001", "o1")
		if err != nil || !p.Accepted || p.Series != 0 || p.HTTPStatus != 200 || p.Answer != `"success"` {
			t.Fatalf("%+v, %v", p, err)
		}
		if r := record(t, s, "o1"); !r.Accepted || len(r.Pushes) != 2 {
			t.Fatalf("%+v", r)
		}
		if _, err := s.PushNow(t.Context(), "m1001", "o2"); !errors.Is(err, ErrUnknownOrder) {
			t.Fatalf("error %v", err)
		}
	})
}

// The body is the documented one, and its sign is over the text as it stands.
func TestCallbackBody(t *testing.T) {
	tests := []struct {
		name    string
		order   NewOrder
		changes []Change
		body    string // with SIGN for the sign
		signed  string // without the key
	}{
		{
			"settled",
			NewOrder{Merchant: "m1001", Flow: Collect, OrderID: "o1", PlatOrderID: "236130395249311744", Amount: dec("1000")},
			[]Change{{Action: Settle}},
			`{"platOrderId":"236130395249311744","orderId":"o1","amount":1000.00,"status":1,"reverse":false,"remark":"","fee":20.00,"sign":"SIGN"}`,
			"amount=1000.00&fee=20.00&orderId=o1&platOrderId=236130395249311744&reverse=false&status=1",
		},
		{
			"failed",
			NewOrder{Merchant: "m1001", Flow: Pay, OrderID: "o1", PlatOrderID: "p1", Amount: dec("0.5")},
			[]Change{{Action: Fail, Remark: `no <"money"> & more`}},
			`{"platOrderId":"p1","orderId":"o1","amount":0.50,"status":2,"reverse":false,"remark":"no <\"money\"> & more","fee":0.00,"sign":"SIGN"}`,
			`amount=0.50&fee=0.00&orderId=o1&platOrderId=p1&remark=no <"money"> & more&reverse=false&status=2`,
		},
		{
			"reversed, without decimals",
			NewOrder{Merchant: "m2", Flow: Collect, OrderID: "o1", PlatOrderID: "p1", Amount: dec("150000")},
			[]Change{{Action: Settle, Paid: dec("149999")}, {Action: Reverse, Remark: "chargeback"}},
			`{"platOrderId":"p1","orderId":"o1","amount":149999,"status":2,"reverse":true,"remark":"chargeback","fee":3000,"sign":"SIGN"}`,
			"amount=149999&fee=3000&orderId=o1&platOrderId=p1&remark=chargeback&reverse=true&status=2",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSandbox(t)
			order := create(t, s, tt.order)
			for _, c := range tt.changes {
				var err error
				if order, err = s.Apply(tt.order.Merchant, "o1", c); err != nil {
					t.Fatal(err)
				}
			}
			secret := newSecret
			if tt.order.Merchant == "m2" {
				secret = "third-secret"
			}
			sum := md5.Sum([]byte(tt.signed + "&key=" + secret))
			want := strings.Replace(tt.body, "SIGN", hex.EncodeToString(sum[:]), 1)
			body := s.letter(order, "").body
			if got := string(body); got != want {
				t.Fatalf("body\n got %s\nwant %s", got, want)
			}
			if err := verify(tt.order.Merchant, body); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// verify checks a callback as settlehook's receiver does.
func verify(merchantID string, body []byte) error {
	params, err := sign.Parse("application/json", body)
	if err != nil {
		return err
	}
	for _, m := range merchants() {
		if m.ID != merchantID {
			continue
		}
		ring, err := sign.NewKeyring(m.SigningID, m.Keys...)
		if err != nil {
			return err
		}
		_, err = ring.VerifyCallback(params, sign.Policy{})
		return err
	}
	return errors.New("no such merchant")
}

func TestOverridePush(t *testing.T) {
	lie := func(p sign.Params) sign.Params {
		for i := range p {
			if p[i].Name == "amount" {
				p[i].Value = "9999.00"
			}
		}
		return p
	}
	forge := func(body []byte) []byte { return bytes.Replace(body, []byte("1000.00"), []byte("9999.00"), 1) }
	for _, tt := range []struct {
		name  string
		edit  PushEdit
		holds string
		valid bool
	}{
		{"truth", PushEdit{}, `"amount":1000.00`, true},
		{"a signed lie", PushEdit{Fields: lie}, `"amount":9999.00`, true},
		{"a forgery", PushEdit{Body: forge}, `"amount":9999.00`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &receiver{}
			simulate(t, v, func(t *testing.T, s *Server) {
				s.OverridePush("m1001", "o1", PushEdit{Body: func([]byte) []byte { return nil }})
				s.OverridePush("m1001", "o1", tt.edit)
				create(t, s, NewOrder{OrderID: "o1"})
				apply(t, s, "o1", Settle)
				idle(t, s)
				got := v.all()
				if len(got) != 1 || !strings.Contains(got[0].body, tt.holds) {
					t.Fatalf("pushed %+v", got)
				}
				if err := verify("m1001", []byte(got[0].body)); (err == nil) != tt.valid {
					t.Fatalf("verified: %v", err)
				}
				if r := record(t, s, "o1"); r.Shown().String() != "1000.00" {
					t.Fatalf("the books say %s", r.Shown())
				}
			})
		})
	}
}

func TestPushWithoutNotifyURL(t *testing.T) {
	v := &receiver{}
	simulate(t, v, func(t *testing.T, s *Server) {
		create(t, s, NewOrder{OrderID: "o1"})
		apply(t, s, "o1", Settle)
		synctest.Wait()
		if err := s.SetNotifyBase("http://receiver.example:8080/"); err != nil {
			t.Fatal(err)
		}
		idle(t, s)
		r := record(t, s, "o1")
		if len(r.Pushes) != 2 || r.Pushes[0].Error != "no notify URL is set for the merchant" || !r.Accepted {
			t.Fatalf("%+v", r.Pushes)
		}
		if got := v.all(); len(got) != 1 || got[0].url != "http://receiver.example:8080/callbacks/collect/m1001" {
			t.Fatalf("%+v", got)
		}
	}, func(c *Config) { c.NotifyBase = "" })
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

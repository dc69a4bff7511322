package orderapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

const (
	timeout  = 5 * time.Second
	rateWait = 2 * time.Second
	latency  = 40 * time.Millisecond
)

// scripted is a gateway that answers what it is told to, after its latency, or
// when the question is given up.
type scripted struct {
	order gateway.Order
	err   error
	slow  bool
	asked []string
}

func (s *scripted) QueryOrder(ctx context.Context, orderID string) (gateway.Order, error) {
	s.asked = append(s.asked, orderID)
	after := latency
	if s.slow {
		after = time.Hour
	}
	if err := sleep(ctx, after); err != nil {
		return gateway.Order{}, fmt.Errorf("scripted: %w", err)
	}
	return s.order, s.err
}

// question is what an observer hears of one.
type question struct {
	Result string
	Took   time.Duration
}

type observed struct {
	states
	mu        sync.Mutex
	questions []question
}

func (o *observed) Queried(_ context.Context, result string, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.questions = append(o.questions, question{result, took})
}

func (o *observed) GateChanged(state string) { o.changed(state) }

func (o *observed) expectQuestions(t *testing.T, want ...question) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if diff := cmp.Diff(want, o.questions); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	o.questions = nil
}

// newScripted is a merchant's gateway whose rate, without Redis, is never in
// the way unless a test says so.
func newScripted(t *testing.T, perSecond float64) (*Gateway, *scripted, *observed) {
	t.Helper()
	s, o := &scripted{}, &observed{}
	cfg := Config{Timeout: timeout, RateWait: rateWait, Failures: failures, Pause: pause}
	return NewGateway(cfg, s, NewRate(closedClient(t), "p:", "m1", perSecond, 1, 0), o), s, o
}

const plenty = 1e9

// expectUnavailable checks the whole of a refusal.
func expectUnavailable(t *testing.T, err error, cause string, after time.Duration) {
	t.Helper()
	var u *reconcile.Unavailable
	if !errors.As(err, &u) {
		t.Fatalf("got %v, want unavailable", err)
	}
	if u.Cause != cause || u.After != after {
		t.Fatalf("got cause %s, after %s (%v); want %s, %s", u.Cause, u.After, err, cause, after)
	}
}

func TestQueryAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		order  gateway.Order
		err    error
		want   reconcile.Answer
		result string
	}{
		{
			"settled", gateway.Order{
				OrderID: "o1", PlatOrderID: "p1", Status: gateway.StatusSuccess, UTR: "310310600223",
				Amount: decimal.MustParse("1000.50"), AmountKnown: true, Fee: decimal.MustParse("0"), FeeKnown: true,
			}, nil, reconcile.Answer{
				Found: true, PlatOrderID: "p1", Status: callback.Success, UTR: "310310600223",
				Amount: events.MustParseAmount("1000.50"), Fee: events.MustParseAmount("0"),
			}, "success",
		},
		{
			"failed, without amounts",
			gateway.Order{OrderID: "o1", Status: gateway.StatusFailed},
			nil,
			reconcile.Answer{Found: true, Status: callback.Failed},
			"failed",
		},
		{
			"unknown amounts are never money",
			gateway.Order{
				OrderID: "o1", Status: gateway.StatusSubmitted, Amount: decimal.MustParse("7"), Fee: decimal.MustParse("7"),
			},
			nil,
			reconcile.Answer{Found: true, Status: callback.Submitted},
			"submitted",
		},
		{
			"the largest amount",
			gateway.Order{
				Status: gateway.StatusSuccess, Amount: decimal.MustParse("999999999999999.9999"), AmountKnown: true,
			},
			nil,
			reconcile.Answer{Found: true, Status: callback.Success, Amount: events.MustParseAmount("999999999999999.9999")},
			"success",
		},
		{"not found", gateway.Order{}, &gateway.NotFoundError{Desc: "no such order"}, reconcile.Answer{}, "not_found"},
		{"not found in the sandbox", gateway.Order{}, &gateway.NotFoundError{Sandbox: true}, reconcile.Answer{Sandbox: true}, "not_found"},
		{"not found, wrapped", gateway.Order{}, fmt.Errorf("x: %w", &gateway.NotFoundError{}), reconcile.Answer{}, "not_found"},
		{
			"another order",
			gateway.Order{},
			&gateway.AnswerError{Reason: "another", Mismatch: true},
			reconcile.Answer{OtherOrder: true},
			"other_order",
		},
		{"an order that can't be read", gateway.Order{}, &gateway.AnswerError{Reason: "status is missing", InData: true}, reconcile.Answer{Unreadable: true}, "unreadable"},
		{"a negative amount", success("-0.01", "0"), nil, reconcile.Answer{Unreadable: true}, "unreadable"},
		{"a negative fee", success("1", "-1"), nil, reconcile.Answer{Unreadable: true}, "unreadable"},
		{"a 16th digit", success("1000000000000000", "0"), nil, reconcile.Answer{Unreadable: true}, "unreadable"},
		{"a fifth fraction digit", success("1", "0.00001"), nil, reconcile.Answer{Unreadable: true}, "unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, s, o := newScripted(t, plenty)
				s.order, s.err = tt.order, tt.err
				// None of these is a failure of the gateway, however many there are.
				for range 2 * failures {
					got, err := g.Query(t.Context(), "o1")
					if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
						t.Fatalf("%v (-want +got):\n%s", err, diff)
					}
					o.expectQuestions(t, question{tt.result, latency})
				}
				if isShut(g.gate) || s.asked[0] != "o1" {
					t.Errorf("shut: %v; asked for %q", isShut(g.gate), s.asked)
				}
			})
		})
	}
}

func success(amount, fee string) gateway.Order {
	return gateway.Order{
		OrderID: "o1", Status: gateway.StatusSuccess,
		Amount: decimal.MustParse(amount), AmountKnown: true, Fee: decimal.MustParse(fee), FeeKnown: true,
	}
}

func TestQueryCauses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		err   error
		cause string
		// silent: it counts as a failure of the gateway.
		silent bool
	}{
		{"a 400 about nothing", &gateway.BusinessError{Code: 400, Desc: "sign error"}, CauseRefused, false},
		{"a 500", &gateway.AnomalyError{Code: 500}, CauseAnomaly, false},
		{"no connection", &gateway.TransportError{Endpoint: "/order/query", Reason: "connection refused"}, CauseTransport, true},
		{"an answer out of form", &gateway.AnswerError{Reason: "not one valid JSON document"}, CauseAnswer, false},
		{"wrapped", fmt.Errorf("x: %w", &gateway.AnomalyError{Code: 500}), CauseAnomaly, false},
		{"unheard of", errors.New("unheard of"), CauseOther, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, s, o := newScripted(t, plenty)
				s.err = tt.err
				for range failures {
					got, err := g.Query(t.Context(), "o1")
					expectUnavailable(t, err, tt.cause, 0)
					if !errors.Is(err, tt.err) {
						t.Errorf("%v does not say why: %v", err, tt.err)
					}
					if got != (reconcile.Answer{}) {
						t.Errorf("an answer all the same: %+v", got)
					}
					o.expectQuestions(t, question{tt.cause, latency})
				}
				if tt.silent {
					o.expect(t, "open") // each one counted
				} else {
					o.expect(t) // a gateway that answers is there: it may be about this order alone
				}
			})
		})
	}
}

func TestQueryBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s, o := newScripted(t, plenty)
		ctx := t.Context()
		s.err = &gateway.TransportError{Reason: "connection refused"}
		for range failures - 1 {
			_, _ = g.Query(ctx, "o1")
		}
		s.err = nil // an answer: counted anew
		_, _ = g.Query(ctx, "o1")
		s.err = &gateway.TransportError{Reason: "connection refused"}
		for range failures {
			if isShut(g.gate) {
				t.Fatal("shut before enough failed in a row")
			}
			_, _ = g.Query(ctx, "o1")
		}
		o.questions = nil
		asked := len(s.asked)

		pass(pause / 3)
		_, err := g.Query(ctx, "o1")
		expectUnavailable(t, err, CauseBreaker, pause-pause/3)
		o.expectQuestions(t, question{CauseBreaker, 0})
		if len(s.asked) != asked {
			t.Fatal("a gateway that is down was asked")
		}

		pass(pause - pause/3)
		_, err = g.Query(ctx, "o1") // tries, in vain
		expectUnavailable(t, err, CauseTransport, 0)
		_, err = g.Query(ctx, "o1")
		expectUnavailable(t, err, CauseBreaker, pause)

		pass(pause)
		s.err = nil
		trying := make(chan error)
		go func() { _, err := g.Query(ctx, "o1"); trying <- err }()
		synctest.Wait()
		_, err = g.Query(ctx, "o2") // one is enough to try
		expectUnavailable(t, err, CauseBreaker, 0)
		if err := <-trying; err != nil {
			t.Fatalf("the one that tried: %v", err)
		}
		if _, err := g.Query(ctx, "o2"); err != nil {
			t.Fatalf("after it succeeded: %v", err)
		}
		o.expect(t, "open", "half-open", "open", "half-open", "closed")
	})
}

func TestQueryTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s, o := newScripted(t, plenty)
		s.slow = true
		for range failures {
			_, err := g.Query(t.Context(), "o1")
			expectUnavailable(t, err, CauseOther, 0)
			o.expectQuestions(t, question{CauseOther, timeout})
		}
		o.expect(t, "open")
	})
}

// TestQueryBlamesTheRightOne: what is not the gateway's doing never shuts it.
func TestQueryBlamesTheRightOne(t *testing.T) {
	t.Run("the worker's own end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g, s, _ := newScripted(t, plenty)
			s.slow = true
			for range 2 * failures {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				_, err := g.Query(ctx, "o1")
				expectUnavailable(t, err, CauseOther, 0)
			}
			if isShut(g.gate) {
				t.Error("shut")
			}
		})
	})
	t.Run("a question that can't be put", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g, s, o := newScripted(t, plenty)
			s.err = fmt.Errorf("%w: the order id must be …", gateway.ErrInvalidRequest)
			for range 2 * failures {
				_, err := g.Query(t.Context(), "o 1")
				expectUnavailable(t, err, CauseOther, 0)
				o.expectQuestions(t, question{CauseOther, latency})
			}
			if isShut(g.gate) {
				t.Error("shut")
			}
		})
	})
	t.Run("the rate", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g, s, o := newScripted(t, 0.1)
			if _, err := g.Query(t.Context(), "o1"); err != nil {
				t.Fatal(err)
			}
			o.questions = nil
			for range 2 * failures {
				_, err := g.Query(t.Context(), "o1")
				expectUnavailable(t, err, CauseRate, 10*time.Second-latency)
				o.expectQuestions(t, question{CauseRate, 0})
			}
			if isShut(g.gate) || len(s.asked) != 1 {
				t.Errorf("shut: %v; asked %d times", isShut(g.gate), len(s.asked))
			}
		})
	})
}

func TestQueryWaitsForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s, o := newScripted(t, 1)
		begun := time.Now()
		for i := range 3 {
			if _, err := g.Query(t.Context(), "o1"); err != nil {
				t.Fatal(err)
			}
			if got, want := time.Since(begun), time.Duration(i)*time.Second+latency; got != want {
				t.Errorf("answer %d after %s, want %s", i, got, want)
			}
		}
		// The wait is not the gateway's time.
		o.expectQuestions(t, question{"submitted", latency}, question{"submitted", latency}, question{"submitted", latency})

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(latency, cancel)
		_, err := g.Query(ctx, "o1")
		expectUnavailable(t, err, CauseRate, 0)
		if !errors.Is(err, context.Canceled) || len(s.asked) != 3 {
			t.Errorf("got %v, asked %d times", err, len(s.asked))
		}
	})
}

// TestPanicGivesThePermitBack: one that is kept would leave the gateway alone for
// ever.
func TestPanicGivesThePermitBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s, _ := newScripted(t, 1000)
		g.breaker.HalfOpen()
		client := g.client
		g.client = panicking{}
		func() {
			defer func() { _ = recover() }()
			_, _ = g.Query(t.Context(), "o1")
		}()
		g.client = client
		<-time.After(pause + time.Second) // virtual
		if _, err := g.Query(t.Context(), "o1"); err != nil || len(s.asked) != 1 {
			t.Errorf("after the pause: %v, asked %d times", err, len(s.asked))
		}
	})
}

type panicking struct{}

func (panicking) QueryOrder(context.Context, string) (gateway.Order, error) { panic("no such state") }

// TestQueryTakesNoSlotFromADeadGateway: the rate is for questions.
func TestQueryTakesNoSlotFromADeadGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, _ := newScripted(t, 1)
		g.breaker.Open()
		for range 5 {
			_, err := g.Query(t.Context(), "o1")
			expectUnavailable(t, err, CauseBreaker, pause)
		}
		if wait, ok := g.rate.Reserve(t.Context(), 0); !ok || wait != 0 {
			t.Errorf("the next slot is after %s", wait)
		}
	})
}

package eventstest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

var builders = map[events.Outcome]func(...eventstest.Option) events.Event{
	events.OutcomeSettled: eventstest.Settled, events.OutcomeFailed: eventstest.Failed,
	events.OutcomeReversed: eventstest.Reversed, events.OutcomeExpired: eventstest.Expired,
	events.OutcomeReview: eventstest.Review, events.OutcomeResolved: eventstest.Resolved,
}

// TestBuildersDecode: what is built is what settlehook could have written, in
// all outcomes, whatever the options.
func TestBuildersDecode(t *testing.T) {
	t.Parallel()
	if len(builders) != len(events.Outcomes()) {
		t.Fatalf("%d builders for %d outcomes", len(builders), len(events.Outcomes()))
	}
	india := time.FixedZone("IST", 5*3600+1800)
	for o, build := range builders {
		for name, options := range map[string][]eventstest.Option{
			"plain": nil,
			"all": {
				eventstest.Order("A/7.?"), eventstest.Merchant("m2"), eventstest.Flow(events.FlowPay), eventstest.Currency("JPY"),
				eventstest.Amount("250", "3"), eventstest.PayFee(events.PayFeeIncluded), eventstest.Reason("by_hand"),
				eventstest.At(time.Date(2026, 5, 2, 1, 0, 0, 0, india)), eventstest.Sandbox(), eventstest.ClosedBy("ravi", "seen"),
				eventstest.Supersedes("m2/A%2F7%2E%3F/expired"), eventstest.With(func(p *events.Payment) { p.UTR = "310310600223" }),
			},
			"no fee": {eventstest.Amount("10.00", "")},
		} {
			e := build(options...)
			if e.Outcome() != o {
				t.Errorf("%s %s is %s", o, name, e.Outcome())
			}
			body, err := e.MarshalJSON()
			if err != nil {
				t.Fatalf("%s %s: %v", o, name, err)
			}
			if err := contracttest.Event(body); err != nil {
				t.Errorf("%s %s: it breaks the contract: %v", o, name, err)
			}
			back, err := events.Decode(body)
			if err != nil || back.ID != e.ID || back.NATSSubject() != e.NATSSubject() {
				t.Errorf("%s %s: decoded %v, %v", o, name, back, err)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 2, 1, 0, 0, 0, time.FixedZone("IST", 5*3600+1800))
	p := eventstest.Reversed(eventstest.Order("B.1"), eventstest.Amount("1000", "12.50"), eventstest.At(at), eventstest.Sandbox()).Data.Common()
	got := fmt.Sprint(p.Direction, " ", p.Amount, " ", p.Net, " ", p.Supersedes, " ", p.BookingDate, " ", p.LiveMode)
	if want := "debit 1000.00 987.50 m1001/B%2E1/settled 2026-05-02 false"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	review, resolved := eventstest.Review(), eventstest.Resolved()
	if data := resolved.Data.(events.Resolved); data.Resolves != review.ID {
		t.Errorf("resolves %s, not %s", data.Resolves, review.ID)
	}
	defer func() {
		if recover() == nil {
			t.Error("options that make no event were taken")
		}
	}()
	eventstest.Settled(eventstest.Order(""))
}

func filled(t *testing.T, seed uint64, n int) *eventstest.Source {
	t.Helper()
	s := eventstest.NewSource(seed)
	for i := range n {
		options := []eventstest.Option{eventstest.Order(fmt.Sprint("A", i))}
		if err := s.Publish(eventstest.Settled(options...), eventstest.Reversed(options...)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestSeed: a seed gives the same course each time, another one another course,
// and all of them repeat and mix.
func TestSeed(t *testing.T) {
	t.Parallel()
	course := func(seed uint64) (ids []string) {
		h := func(_ context.Context, d subscribe.Delivery) error { ids = append(ids, d.Event.ID); return nil }
		if err := filled(t, seed, 20).Drain(t.Context(), subscribe.Config{Durable: "d"}, h); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	one := course(1)
	if fmt.Sprint(one) != fmt.Sprint(course(1)) {
		t.Error("seed 1 gives two courses")
	}
	if fmt.Sprint(one) == fmt.Sprint(course(2)) {
		t.Error("seeds 1 and 2 give one course")
	}
	if len(one) <= 40 {
		t.Errorf("%d deliveries of 40 events: nothing was repeated", len(one))
	}
}

// TestOvertaking: what failed may come behind the next event of its order.
func TestOvertaking(t *testing.T) {
	t.Parallel()
	overtaken := 0
	for seed := range uint64(20) {
		reversed := false
		err := filled(t, seed, 1).Drain(t.Context(), subscribe.Config{Durable: "d"}, func(_ context.Context, d subscribe.Delivery) error {
			switch {
			case d.Event.Outcome() == events.OutcomeReversed:
				reversed = true
			case d.Attempt == 1:
				return errors.New("not now")
			case reversed:
				overtaken++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if overtaken == 0 {
		t.Error("never seen: a consumer's test would not notice that it can't stand it")
	}
}

func TestStuck(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such account")
	for _, inFlight := range []int{0, 1} {
		handled := map[string]bool{}
		err := filled(t, 1, 5).Drain(t.Context(), subscribe.Config{Durable: "d", InFlight: inFlight}, func(_ context.Context, d subscribe.Delivery) error {
			if d.Event.ID == "m1001/A2/settled" {
				return broken
			}
			handled[d.Event.ID] = true
			return nil
		})
		var stuck *eventstest.StuckError
		if !errors.As(err, &stuck) || !errors.Is(err, broken) || stuck.Subject != "payments.v1.settled.collect.m1001.A2" {
			t.Errorf("InFlight %d: %v", inFlight, err)
		}
		if want := map[int]int{0: 9, 1: 4}[inFlight]; len(handled) != want {
			t.Errorf("InFlight %d: %d others handled, want %d", inFlight, len(handled), want)
		}
	}
}

func TestDrainEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := filled(t, 1, 5).Drain(ctx, subscribe.Config{Durable: "d"}, func(context.Context, subscribe.Delivery) error {
		n++
		cancel()
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d handled, %v", n, err)
	}
}

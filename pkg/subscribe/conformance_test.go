package subscribe_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

// source is what brings events to a handler: the stream with Run, and the fake.
// What the suite shows of both, a consumer may rely on in its tests.
type source interface {
	publishRaw(subject string, body []byte) error
	// drain hands over until nothing is left, or until ctx ends.
	drain(ctx context.Context, cfg subscribe.Config, h subscribe.Handler)
}

type fake struct {
	t testing.TB
	*eventstest.Source
}

func (f fake) publishRaw(subject string, body []byte) error { return f.PublishRaw(subject, body) }

func (f fake) drain(ctx context.Context, cfg subscribe.Config, h subscribe.Handler) {
	f.t.Helper()
	must(f.t, f.Drain(ctx, cfg, h))
}

type real struct{ *ledger }

func (r real) drain(ctx context.Context, cfg subscribe.Config, h subscribe.Handler) {
	r.t.Helper()
	cfg.MinDelay, cfg.MaxDelay = 5*time.Millisecond, 20*time.Millisecond
	run := start(r.t, r.downstream(), cfg, h)
	eventually(r.t, "nothing is left", func() bool { return ctx.Err() != nil || run.over() || r.done(cfg.Durable) })
	must(r.t, run.stop())
}

// suite is what both sources keep.
var suite = []struct {
	name string
	run  func(t *testing.T, s source)
}{
	{"every event comes, typed, with its place", everyEvent},
	{"one event of a subject", oneOfASubject},
	{"filters", filtered},
	{"what fails comes again", failing},
	{"a panic is a failure", panicking},
	{"the position stays", position},
	{"first deliveries of an order are in order", inOrder},
	{"InFlight 1 keeps the order over failures", strictly},
	{"what can't be read is offered until it is taken", undecodable},
	{"newer types go where the config says", newer},
	{"another event's subject", misplaced},
	{"start with what is new", startNew},
	{"start at a time", startAt},
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, test := range suite {
		t.Run("real/"+test.name, func(t *testing.T) { t.Parallel(); test.run(t, real{newLedger(t)}) })
		for seed := range uint64(5) {
			t.Run(fmt.Sprintf("fake %d/%s", seed, test.name), func(t *testing.T) {
				t.Parallel()
				test.run(t, fake{t, eventstest.NewSource(seed)})
			})
		}
	}
}

func publish(t testing.TB, s source, list ...events.Event) {
	t.Helper()
	for _, e := range list {
		body, err := e.MarshalJSON()
		must(t, err)
		must(t, s.publishRaw(e.NATSSubject(), body))
	}
}

// order is a life of an order: three events, each superseding the one before.
func order(id string) []events.Event {
	return []events.Event{
		eventstest.Expired(eventstest.Order(id)),
		eventstest.Settled(eventstest.Order(id), eventstest.Supersedes(events.ID("m1001", id, events.OutcomeExpired))),
		eventstest.Reversed(eventstest.Order(id)),
	}
}

func orders(n int) (list []events.Event) {
	for i := range n {
		list = append(list, order(fmt.Sprint("A.", i))...)
	}
	return list
}

func everyEvent(t *testing.T, s source) {
	all := []events.Event{
		eventstest.Settled(), eventstest.Failed(), eventstest.Reversed(), eventstest.Expired(), eventstest.Review(), eventstest.Resolved(),
	}
	publish(t, s, all...)
	b := newBooks()
	s.drain(t.Context(), subscribe.Config{Durable: "d"}, func(_ context.Context, d subscribe.Delivery) error {
		i := slices.IndexFunc(all, func(e events.Event) bool { return e.ID == d.Event.ID })
		if i < 0 || fmt.Sprint(d.Event) != fmt.Sprint(all[i]) {
			t.Errorf("got %v", d.Event)
		} else if d.Sequence != uint64(i+1) {
			t.Errorf("%s has sequence %d, want %d", d.Event.ID, d.Sequence, i+1)
		}
		b.book(d.Event.ID)
		if want := uint64(b.times(d.Event.ID)); d.Attempt != want {
			t.Errorf("%s: attempt %d, want %d", d.Event.ID, d.Attempt, want)
		}
		return nil
	})
	if b.count() != len(all) {
		t.Errorf("%d events came, want %d", b.count(), len(all))
	}
}

func oneOfASubject(t *testing.T, s source) {
	e := eventstest.Settled()
	publish(t, s, e)
	if err := s.publishRaw(e.NATSSubject(), []byte("{}")); err == nil {
		t.Error("a second event of the subject was taken")
	}
}

func filtered(t *testing.T, s source) {
	publish(t, s, orders(3)...)
	publish(t, s, eventstest.Settled(eventstest.Merchant("m2"), eventstest.Order("B")), eventstest.Review())
	for i, test := range []struct {
		filters []string
		want    int
	}{
		{nil, 11},
		{[]string{"payments.v1.settled.>"}, 4},
		{[]string{"payments.v1.settled.>", "payments.v1.reversed.>"}, 7},
		{[]string{"payments.v1.*.collect.m2.*"}, 1},
		{[]string{"payments.v1.*.*.m1001.A%2E1"}, 3},
		{[]string{"payments.v1.review.>"}, 1},
	} {
		b := newBooks()
		durable := fmt.Sprint("d", i)
		s.drain(t.Context(), subscribe.Config{Durable: durable, Filters: test.filters}, func(_ context.Context, d subscribe.Delivery) error {
			b.book(d.Event.ID)
			return nil
		})
		if b.count() != test.want {
			t.Errorf("%v gives %d events, want %d", test.filters, b.count(), test.want)
		}
	}
}

func failing(t *testing.T, s source) {
	publish(t, s, orders(5)...)
	b := newBooks()
	s.drain(t.Context(), subscribe.Config{Durable: "d"}, func(_ context.Context, d subscribe.Delivery) error {
		if d.Attempt < 3 {
			return errors.New("the database is away")
		}
		b.book(d.Event.ID)
		return nil
	})
	if b.count() != 15 {
		t.Errorf("%d booked, want 15", b.count())
	}
}

func panicking(t *testing.T, s source) {
	publish(t, s, orders(2)...)
	b := newBooks()
	s.drain(t.Context(), subscribe.Config{Durable: "d"}, func(_ context.Context, d subscribe.Delivery) error {
		if d.Attempt == 1 {
			panic("nil map")
		}
		b.book(d.Event.ID)
		return nil
	})
	if b.count() != 6 {
		t.Errorf("%d booked, want 6", b.count())
	}
}

func position(t *testing.T, s source) {
	publish(t, s, orders(2)...)
	none := func(context.Context, subscribe.Delivery) error { return nil }
	s.drain(t.Context(), subscribe.Config{Durable: "d"}, none)
	later := eventstest.Settled(eventstest.Order("later"))
	publish(t, s, later)
	b := newBooks()
	s.drain(t.Context(), subscribe.Config{Durable: "d"}, func(_ context.Context, d subscribe.Delivery) error {
		b.book(d.Event.ID)
		return nil
	})
	if b.count() != 1 || b.times(later.ID) == 0 {
		t.Errorf("got %v, want only what came later", b.course)
	}
}

func inOrder(t *testing.T, s source) {
	all := orders(20)
	publish(t, s, all...)
	b := newBooks()
	s.drain(t.Context(), subscribe.Config{Durable: "d"}, func(_ context.Context, d subscribe.Delivery) error {
		b.book(d.Event.ID)
		return nil
	})
	for id := range 20 {
		var want, got []string
		for _, e := range all[3*id : 3*id+3] {
			want = append(want, e.ID)
		}
		for _, came := range b.course {
			if slices.Contains(want, came) && !slices.Contains(got, came) {
				got = append(got, came)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("order %d came as %v, want %v", id, got, want)
		}
	}
}

func strictly(t *testing.T, s source) {
	all := orders(5)
	publish(t, s, all...)
	b := newBooks()
	s.drain(t.Context(), subscribe.Config{Durable: "d", InFlight: 1}, func(_ context.Context, d subscribe.Delivery) error {
		if d.Attempt == 1 && d.Sequence%2 == 0 {
			return errors.New("not now")
		}
		b.book(d.Event.ID)
		return nil
	})
	got := slices.Compact(b.course)
	if len(got) != len(all) || !slices.EqualFunc(got, all, func(id string, e events.Event) bool { return id == e.ID }) {
		t.Errorf("booked %v", got)
	}
}

func undecodable(t *testing.T, s source) {
	const subject = "payments.v1.settled.collect.m1001.broken"
	must(t, s.publishRaw(subject, []byte(`{"specversion":"1.0"`)))
	publish(t, s, orders(3)...)
	b, told := newBooks(), newBooks()
	s.drain(t.Context(), subscribe.Config{
		Durable: "d",
		OnUndecodable: func(_ context.Context, r subscribe.Raw) error {
			told.book(r.Subject)
			if !errors.Is(r.Err, events.ErrNotJSON) || r.Sequence != 1 || string(r.Body) != `{"specversion":"1.0"` {
				t.Errorf("told of %+v", r)
			}
			if told.times(r.Subject) < 3 || b.count() < 9 {
				return errors.New("nobody to keep it")
			}
			return nil
		},
	}, func(_ context.Context, d subscribe.Delivery) error { b.book(d.Event.ID); return nil })
	if b.count() != 9 {
		t.Errorf("%d of the others came, want 9", b.count())
	}
	if told.times(subject) < 3 {
		t.Errorf("told %d times, want until it was taken", told.times(subject))
	}
}

func newer(t *testing.T, s source) {
	body, err := eventstest.Settled().MarshalJSON()
	must(t, err)
	text := strings.Replace(string(body), "payment.settled.v1", "payment.settled.v2", 1)
	must(t, s.publishRaw(eventstest.Settled().NATSSubject(), []byte(text)))
	var unknown *events.UnknownTypeError
	told := newBooks()
	tell := func(name string) subscribe.RawHandler {
		return func(_ context.Context, r subscribe.Raw) error {
			if !errors.As(r.Err, &unknown) {
				t.Errorf("told of %v", r.Err)
			}
			told.book(name)
			return nil
		}
	}
	never := func(context.Context, subscribe.Delivery) error { t.Error("handled"); return nil }
	s.drain(t.Context(), subscribe.Config{Durable: "skip", OnUnknownType: subscribe.Skip, OnUndecodable: tell("wrong")}, never)
	s.drain(t.Context(), subscribe.Config{Durable: "own", OnUnknownType: tell("type"), OnUndecodable: tell("wrong")}, never)
	s.drain(t.Context(), subscribe.Config{Durable: "general", OnUndecodable: tell("undecodable")}, never)
	if told.times("wrong") > 0 || told.times("type") == 0 || told.times("undecodable") == 0 {
		t.Errorf("told %v", told.seen)
	}
}

func misplaced(t *testing.T, s source) {
	body, err := eventstest.Settled(eventstest.Order("mine")).MarshalJSON()
	must(t, err)
	must(t, s.publishRaw("payments.v1.settled.collect.m1001.yours", body))
	told := newBooks()
	s.drain(t.Context(), subscribe.Config{Durable: "d", OnUndecodable: func(_ context.Context, r subscribe.Raw) error {
		var misplaced *subscribe.SubjectError
		if !errors.As(r.Err, &misplaced) || misplaced.Want != "payments.v1.settled.collect.m1001.mine" {
			t.Errorf("told of %v", r.Err)
		}
		told.book(r.Subject)
		return nil
	}}, func(context.Context, subscribe.Delivery) error { t.Error("handled"); return nil })
	if told.count() != 1 {
		t.Error("nobody was told")
	}
}

func startNew(t *testing.T, s source) {
	publish(t, s, orders(2)...)
	b := newBooks()
	book := func(_ context.Context, d subscribe.Delivery) error { b.book(d.Event.ID); return nil }
	cfg := subscribe.Config{Durable: "d", Start: subscribe.StartNew()}
	s.drain(t.Context(), cfg, book)
	publish(t, s, eventstest.Settled(eventstest.Order("new")))
	s.drain(t.Context(), cfg, book)
	if b.count() != 1 || b.times("m1001/new/settled") == 0 {
		t.Errorf("got %v, want only what is new", b.course)
	}
}

func startAt(t *testing.T, s source) {
	publish(t, s, orders(2)...)
	between := time.Now()
	publish(t, s, eventstest.Settled(eventstest.Order("late")))
	b := newBooks()
	book := func(_ context.Context, d subscribe.Delivery) error { b.book(d.Event.ID); return nil }
	for range 2 { // and the durable is found again
		s.drain(t.Context(), subscribe.Config{Durable: "replay", Start: subscribe.StartAt(between)}, book)
	}
	if b.count() != 1 || b.times("m1001/late/settled") == 0 {
		t.Errorf("got %v, want only what was stored since", b.course)
	}
}

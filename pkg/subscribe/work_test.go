package subscribe_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

// TestSlowHandler: a handler that takes three times the ack wait keeps its
// event, and so does the one that waits behind it.
func TestSlowHandler(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.publish(order("slow")[:2]...)
	b := newBooks()
	r := start(t, l.downstream(), quick("d"), func(_ context.Context, d subscribe.Delivery) error {
		if d.Sequence == 1 {
			<-time.After(3 * time.Second)
		}
		b.book(d.Event.ID)
		if d.Attempt != 1 {
			t.Errorf("%s came %d times", d.Event.ID, d.Attempt)
		}
		return nil
	})
	eventually(t, "both are done", func() bool { return l.done("d") })
	must(t, r.stop())
	if want := []string{"m1001/slow/expired", "m1001/slow/settled"}; fmt.Sprint(b.course) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", b.course, want)
	}
}

// TestParallel: orders run side by side up to the bound, one order never.
func TestParallel(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.publish(orders(30)...)
	cfg := quick("d")
	cfg.Parallel = 4
	var running, most atomic.Int64
	b := newBooks()
	full := make(chan struct{})
	perOrder := map[string]*atomic.Int64{}
	for i := range 30 {
		perOrder[fmt.Sprint("A.", i)] = &atomic.Int64{}
	}
	r := start(t, l.downstream(), cfg, func(_ context.Context, d subscribe.Delivery) error {
		if perOrder[d.Event.Subject].Add(1) > 1 {
			t.Errorf("two events of %s at once", d.Event.Subject)
		}
		defer perOrder[d.Event.Subject].Add(-1)
		n := running.Add(1)
		defer running.Add(-1)
		most.Store(max(most.Load(), n))
		if n == 4 && b.count() == 0 {
			close(full)
		}
		receive(t, "four run at once", full)
		b.book(d.Event.ID)
		return nil
	})
	eventually(t, "all is done", func() bool { return b.count() == 90 && l.done("d") })
	must(t, r.stop())
	if most.Load() != 4 {
		t.Errorf("%d handlers at once, want 4", most.Load())
	}
}

// TestUndecodableBlocksNobody: nobody takes what can't be read. It stays, and
// the others come.
func TestUndecodableBlocksNobody(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	for i := range 5 {
		must(t, l.publishRaw(fmt.Sprint("payments.v1.settled.collect.m1001.broken", i), []byte("{")))
	}
	l.publish(orders(10)...)
	b := newBooks()
	r := start(t, l.downstream(), quick("d"), func(_ context.Context, d subscribe.Delivery) error {
		b.book(d.Event.ID)
		return nil
	})
	eventually(t, "the others are booked", func() bool { return b.count() == 30 })
	eventually(t, "five are left", func() bool {
		cons, err := l.js.Consumer(t.Context(), subscribe.Stream, "d")
		return err == nil && cons.CachedInfo().NumAckPending == 5 && cons.CachedInfo().NumPending == 0
	})
	must(t, r.stop())
}

// TestStop: what is begun is finished and acknowledged, what waits is given
// back at once, and the handlers' context is not ended meanwhile.
func TestStop(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.publish(orders(4)...)
	cfg := quick("d")
	cfg.AckWait, cfg.Parallel = time.Hour, 1
	begun, release := make(chan string, 16), make(chan struct{})
	r := start(t, l.downstream(), cfg, func(ctx context.Context, d subscribe.Delivery) error {
		begun <- d.Event.ID
		<-release
		return ctx.Err()
	})
	first := receive(t, "a handler begins", begun)
	eventually(t, "all are in hand", func() bool {
		cons, err := l.js.Consumer(t.Context(), subscribe.Stream, "d")
		return err == nil && cons.CachedInfo().NumAckPending == 12
	})
	r.cancel()
	close(release)
	must(t, r.wait())
	if len(begun) != 0 {
		t.Errorf("%d begun after the end", len(begun))
	}
	b := newBooks()
	again := start(t, l.downstream(), cfg, func(_ context.Context, d subscribe.Delivery) error {
		b.book(d.Event.ID)
		return nil
	})
	eventually(t, "the others come, long before the ack wait", func() bool { return b.count() == 11 && l.done("d") })
	must(t, again.stop())
	if b.times(first) != 0 {
		t.Errorf("%s was finished, and came again", first)
	}
}

// TestStopTimeout: a handler that takes too long has its context ended. If it
// heeds that, Run ends well, else it says so.
func TestStopTimeout(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.publish(eventstest.Settled())
	for _, heeds := range []bool{true, false} {
		cfg := quick(fmt.Sprint("heeds-", heeds))
		cfg.StopTimeout = 50 * time.Millisecond
		begun, release := make(chan struct{}, 1), make(chan struct{})
		r := start(t, l.downstream(), cfg, func(ctx context.Context, _ subscribe.Delivery) error {
			begun <- struct{}{}
			if heeds {
				<-ctx.Done()
				return ctx.Err()
			}
			<-release
			return nil
		})
		receive(t, "the handler begins", begun)
		err := r.stop()
		close(release)
		var stop *subscribe.StopError
		if errors.As(err, &stop) == heeds || (!heeds && stop.Running != 1) {
			t.Errorf("heeds %v: %v", heeds, err)
		}
	}
}

// TestDurableRemoved: Run says so instead of waiting for ever, also when it was
// removed while nobody looked.
func TestDurableRemoved(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	r := start(t, l.downstream(), quick("d"), func(context.Context, subscribe.Delivery) error { return nil })
	eventually(t, "the durable is there", func() bool { return l.done("d") })
	must(t, l.dial("recovery").DeleteConsumer(within(t), subscribe.Stream, "d"))
	if err := r.wait(); !errors.Is(err, jetstream.ErrConsumerDeleted) && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("Run: %v, want that the durable was removed", err)
	}
}

func TestExistingDurable(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	base := subscribe.Config{Durable: "d", Filters: []string{"payments.v1.settled.>", "payments.v1.failed.>"}, Start: subscribe.StartAt(at)}
	run := func(cfg subscribe.Config) error {
		r := start(t, l.downstream(), cfg, func(context.Context, subscribe.Delivery) error { return nil })
		eventually(t, "it runs or ends", func() bool {
			cons, err := l.js.Consumer(t.Context(), subscribe.Stream, "d")
			return r.over() || err == nil && cons.CachedInfo().NumWaiting > 0
		})
		return r.stop()
	}
	must(t, run(base))
	for _, test := range []struct {
		name   string
		change func(*subscribe.Config)
		want   string // the error; "" if it fits
	}{
		{"as it is", func(*subscribe.Config) {}, ""},
		{"filters in another order", func(c *subscribe.Config) { c.Filters = []string{c.Filters[1], c.Filters[0]} }, ""},
		{"another Parallel", func(c *subscribe.Config) { c.Parallel = 2 }, ""},
		{
			"other filters", func(c *subscribe.Config) { c.Filters = c.Filters[:1] },
			"filters is [payments.v1.failed.> payments.v1.settled.>], asked for [payments.v1.settled.>]",
		},
		{
			"another start", func(c *subscribe.Config) { c.Start = subscribe.StartAll() },
			"start is 2026-05-01T00:00:00Z, asked for all",
		},
		{
			"other numbers", func(c *subscribe.Config) { c.AckWait, c.InFlight = time.Minute, 1 },
			"ack wait is 30s, asked for 1m0s; max ack pending is 256, asked for 1",
		},
	} {
		cfg := base
		test.change(&cfg)
		err := run(cfg)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		want := `durable "d" of stream PAYMENTS is there, but differs: ` + test.want +
			"; use another name, set the Config to what is there, or change the consumer"
		var durable *subscribe.DurableError
		if !errors.As(err, &durable) || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", test.name, err, want)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	t.Parallel()
	none := func(context.Context, subscribe.Delivery) error { return nil }
	for _, cfg := range []subscribe.Config{
		{},
		{Durable: "a.b"},
		{Durable: "a b"},
		{Durable: "d", Parallel: -1},
		{Durable: "d", InFlight: -1},
		{Durable: "d", AckWait: time.Millisecond},
		{Durable: "d", MinDelay: -1},
		{Durable: "d", StopTimeout: -1},
		{Durable: "d", Filters: []string{"orders.v1.>"}},
	} {
		if err := subscribe.Run(t.Context(), nil, cfg, none); !errors.Is(err, subscribe.ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if err := subscribe.Run(t.Context(), nil, subscribe.Config{Durable: "d"}, nil); !errors.Is(err, subscribe.ErrConfig) {
		t.Errorf("no handler: %v", err)
	}
}

// TestNoStream: an installation that was never set up is said to have none.
func TestNoStream(t *testing.T) {
	t.Parallel()
	l := &ledger{t: t, servers: testserver.NATSWithRoles(t)}
	err := subscribe.Run(within(t), l.downstream(), quick("d"), func(context.Context, subscribe.Delivery) error { return nil })
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("Run: %v, want %v", err, jetstream.ErrStreamNotFound)
	}
}

// TestStreamName: the name is settlehook's own.
func TestStreamName(t *testing.T) {
	t.Parallel()
	if subscribe.Stream != stream.Payments {
		t.Errorf("reads %s, settlehook writes %s", subscribe.Stream, stream.Payments)
	}
	if _, err := events.ParseSubject("payments.v1.settled.collect.m.1"); err != nil {
		t.Error(err)
	}
}

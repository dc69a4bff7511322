package subscribe_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

func quick(durable string) subscribe.Config {
	return subscribe.Config{
		Durable: durable, AckWait: time.Second, MinDelay: 5 * time.Millisecond, MaxDelay: 50 * time.Millisecond,
		StopTimeout: 5 * time.Second,
	}
}

// TestThousandOnce: three instances share a durable. Handlers fail, an instance
// loses its connection between booking and acknowledgement again and again, and
// the server is killed in the middle. Every event is booked once.
func TestThousandOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	var all []events.Event
	for i := range 500 {
		id := fmt.Sprint("A.", i)
		all = append(all, eventstest.Settled(eventstest.Order(id)), eventstest.Reversed(eventstest.Order(id)))
	}
	l.publish(all[:700]...)
	b := newBooks()
	var failed atomic.Int64
	handle := func(_ context.Context, d subscribe.Delivery) error {
		if d.Sequence%10 == 0 && d.Attempt == 1 {
			failed.Add(1)
			return errors.New("the database is away")
		}
		b.book(d.Event.ID)
		return nil
	}
	cfg := quick("bookkeeping")
	steady := []*running{start(t, l.downstream(), cfg, handle), start(t, l.downstream(), cfg, handle)}
	crashes := crashing(t, l, cfg, handle)

	eventually(t, "a third is booked", func() bool { return b.count() > 300 })
	l.servers[0].Kill()
	l.servers[0].Start()
	l.publish(all[700:]...)
	eventually(t, "all is booked", func() bool { return b.count() == len(all) })
	eventually(t, "the server heard of it", func() bool { return l.done(cfg.Durable) })
	for _, r := range steady {
		must(t, r.stop())
	}
	repeats := 0
	for _, e := range all {
		if b.booked[e.ID] != 1 {
			t.Errorf("%s booked %d times", e.ID, b.booked[e.ID])
		}
		repeats += b.seen[e.ID] - 1
	}
	t.Logf("%d handlers failed, %d crashes, %d events came again after they were booked", failed.Load(), crashes.Load(), repeats)
	if crashes.Load() == 0 || failed.Load() == 0 || repeats == 0 {
		t.Error("nothing happened that had to be survived")
	}
}

// crashing runs an instance that dies after every fifth booking, before it
// acknowledges, five times.
func crashing(t *testing.T, l *ledger, cfg subscribe.Config, handle subscribe.Handler) *atomic.Int64 {
	t.Helper()
	var crashes atomic.Int64
	over := make(chan struct{})
	connections := make([]jetstream.JetStream, 5)
	for i := range connections {
		connections[i] = l.downstream()
	}
	go func() {
		defer close(over)
		for _, js := range connections {
			var handled atomic.Int64
			err := subscribe.Run(t.Context(), js, cfg, func(ctx context.Context, d subscribe.Delivery) error {
				err := handle(ctx, d)
				if handled.Add(1) == 5 {
					js.Conn().Close()
				}
				return err
			})
			if errors.Is(err, jetstream.ErrConnectionClosed) {
				crashes.Add(1)
			}
		}
	}()
	t.Cleanup(func() {
		for _, js := range connections {
			js.Conn().Close()
		}
		<-over
	})
	return &crashes
}

// TestCrashBeforeAck: the service booked, and died before it could say so. The
// event comes again, and is known.
func TestCrashBeforeAck(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.publish(eventstest.Settled())
	b := newBooks()
	first := l.downstream()
	err := start(t, first, quick("d"), func(_ context.Context, d subscribe.Delivery) error {
		b.book(d.Event.ID)
		first.Conn().Close()
		return nil
	}).wait()
	if !errors.Is(err, jetstream.ErrConnectionClosed) {
		t.Errorf("Run: %v, want that the connection was closed", err)
	}
	attempts := make(chan uint64, 1)
	second := start(t, l.downstream(), quick("d"), func(_ context.Context, d subscribe.Delivery) error {
		b.book(d.Event.ID)
		attempts <- d.Attempt
		return nil
	})
	if got := receive(t, "the event comes again", attempts); got != 2 {
		t.Errorf("attempt %d, want 2", got)
	}
	eventually(t, "the server heard of it", func() bool { return l.done("d") })
	must(t, second.stop())
	if b.booked["m1001/A1/settled"] != 1 || b.seen["m1001/A1/settled"] != 2 {
		t.Errorf("booked %v of %v", b.booked, b.seen)
	}
}

// TestServerRestart: what waits for its acknowledgement over a restart is not
// forgotten, and nothing new is missed.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.publish(eventstest.Settled(eventstest.Order("before")))
	b := newBooks()
	begun, release := make(chan struct{}, 8), make(chan struct{})
	r := start(t, l.downstream(), quick("d"), func(_ context.Context, d subscribe.Delivery) error {
		begun <- struct{}{}
		<-release
		b.book(d.Event.ID)
		return nil
	})
	receive(t, "the handler begins", begun)
	l.servers[0].Kill()
	l.servers[0].Start()
	close(release)
	l.publish(eventstest.Settled(eventstest.Order("after")))
	eventually(t, "both are booked", func() bool { return b.count() == 2 })
	eventually(t, "the server heard of both", func() bool { return l.done("d") })
	must(t, r.stop())
}

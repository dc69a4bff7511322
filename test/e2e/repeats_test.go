package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

// TestOneEventForAllRepeats: the same callback eight times, at once in
// parallel, again after Redis forgot everything, again after both programs
// were killed: one event, and no second order query while Redis holds.
func TestOneEventForAllRepeats(t *testing.T) {
	// The stream's own window of duplicates is shortened after the start, to
	// let minutes between pushes pass in no time; nobody checks meanwhile.
	w := newWorld(t, 1, "TOPOLOGY_CHECK_INTERVAL=1h")
	w.duplicateWindow(shortWindow)
	body := pushOf(w.settledOrders(alice, "repeated")[0]).body(alice)
	one := func(when string, queries int) {
		t.Helper()
		w.await("callbacks decided "+when, func() bool { return w.drained(alice) })
		w.ledger().holds(t, alice, "repeated", "settled")
		if got := w.record(alice, "repeated").Queries; got != queries {
			t.Errorf("%s: %d order queries, want %d", when, got, queries)
		}
	}

	for range 8 {
		w.storeAgain("collect", alice, body)
	}
	one("after eight pushes", 1)

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { w.mustAccept("collect", alice, body) })
	}
	wg.Wait()
	w.storeAgain("collect", alice, body)
	one("after eight at once", 1)

	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer func() { _ = client.Close() }()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	w.storeAgain("collect", alice, body)
	one("after Redis forgot everything", 2)

	w.receiver.kill()
	w.workers[0].kill()
	w.duplicateWindow(stream.CallbacksDuplicates) // they would refuse to start
	w.receiver.start()
	w.workers[0].start()
	w.duplicateWindow(shortWindow)
	w.storeAgain("collect", alice, body)
	one("after both programs were killed", 2)
	silence(t, w.receiver)
	silence(t, w.workers[0])
}

// shortWindow is the shortest that the server takes.
const shortWindow = 100 * time.Millisecond

// duplicateWindow changes how long CALLBACKS drops a repeated push.
func (w *world) duplicateWindow(d time.Duration) {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), stream.Callbacks)
	if err != nil {
		w.t.Fatal(err)
	}
	c := s.CachedInfo().Config
	c.Duplicates = d
	if _, err := w.js.UpdateStream(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
}

// storeAgain pushes until the stream has one message more: until the window of
// duplicates is over.
func (w *world) storeAgain(flow, merchant string, body []byte) {
	w.t.Helper()
	before := w.count(stream.Callbacks)
	w.await("the window of duplicates is over", func() bool {
		w.mustAccept(flow, merchant, body)
		return w.count(stream.Callbacks) > before
	})
}

func orderOf(t *testing.T, body []byte) string {
	t.Helper()
	params, err := sign.Parse("application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	cb, err := callback.FromParams(params)
	if err != nil {
		t.Fatal(err)
	}
	return cb.OrderID
}

// TestRedisGone: without Redis everything still settles, once.
func TestRedisGone(t *testing.T) {
	w := newWorld(t, 2)
	w.redis.Kill()
	g := w.gateways[alice]
	const n = 50
	for i := range n {
		w.settleAndPush(alice, orderID("noredis", i))
	}
	if err := g.WaitIdle(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.await("callbacks decided", func() bool { return w.drained(alice) })
	l := w.ledger()
	for i := range n {
		l.holds(t, alice, orderID("noredis", i), "settled")
	}
}

package orderapi

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/settlehook/settlehook/internal/testserver"
)

// The client's pool ends its own watch for a server that is gone within a
// second of being closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// forever is a wait that no test reaches.
const forever = 1000 * time.Hour

var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// frozen is a stand-in for Redis whose time stands still.
func frozen(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	mini := miniredis.RunT(t)
	mini.SetTime(epoch)
	mini.ClockTTL(true)
	return mini
}

func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func expectReserve(t *testing.T, r *Rate, longest, wait time.Duration, ok bool) {
	t.Helper()
	if gotWait, gotOK := r.Reserve(t.Context(), longest); gotWait != wait || gotOK != ok {
		t.Fatalf("reserve within %s: got %s, %v; want %s, %v", longest, gotWait, gotOK, wait, ok)
	}
}

func TestRateSpacesSlots(t *testing.T) {
	for _, tt := range []struct {
		perSecond float64
		interval  time.Duration
	}{
		{0.1, 10 * time.Second},
		{1, time.Second},
		{3, 333334 * time.Microsecond}, // rounded so that the rate is kept
		{7.5, 133334 * time.Microsecond},
		{10, 100 * time.Millisecond},
		{5000, 200 * time.Microsecond},
		{1e6, time.Microsecond},
		{1e7, time.Microsecond},
	} {
		t.Run(fmt.Sprint(tt.perSecond), func(t *testing.T) {
			mini := frozen(t)
			r := NewRate(client(t, mini.Addr()), "p:", "m1", tt.perSecond, 1, 0)
			for i := range 5 {
				expectReserve(t, r, forever, time.Duration(i)*tt.interval, true)
			}
			// Time that passes is taken off the wait, and none is saved up.
			mini.SetTime(epoch.Add(4 * tt.interval))
			expectReserve(t, r, forever, tt.interval, true)
			mini.SetTime(epoch.Add(100 * tt.interval))
			expectReserve(t, r, forever, 0, true)
			expectReserve(t, r, forever, tt.interval, true)
		})
	}
}

func TestRateRefusalTakesNothing(t *testing.T) {
	mini := frozen(t)
	r := NewRate(client(t, mini.Addr()), "p:", "m1", 10, 1, 0)
	const interval = 100 * time.Millisecond
	expectReserve(t, r, 0, 0, true)
	before := mini.Dump()
	for range 3 {
		expectReserve(t, r, 0, interval, false)
		expectReserve(t, r, interval-time.Microsecond, interval, false)
	}
	if after := mini.Dump(); after != before {
		t.Errorf("a refusal left its mark: %s, before %s", after, before)
	}
	expectReserve(t, r, interval, interval, true)
	expectReserve(t, r, interval, 2*interval, false)
}

func TestRateMerchantsAreApart(t *testing.T) {
	mini := frozen(t)
	c := client(t, mini.Addr())
	for _, r := range []*Rate{
		NewRate(c, "p:", "m1", 1, 1, 0), NewRate(c, "p:", "m2", 1, 1, 0), NewRate(c, "q:", "m1", 1, 1, 0),
	} {
		expectReserve(t, r, forever, 0, true)
	}
	if diff := cmp.Diff([]string{"p:rate:m1", "p:rate:m2", "q:rate:m1"}, mini.Keys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestRateKeyEnds(t *testing.T) {
	mini := frozen(t)
	r := NewRate(client(t, mini.Addr()), "p:", "m1", 0.1, 1, 0)
	expectReserve(t, r, forever, 0, true)
	expectReserve(t, r, forever, 10*time.Second, true)
	// The slot after the last, at 20 s, must outlive the last one.
	if ttl := mini.TTL("p:rate:m1"); ttl != 21*time.Second {
		t.Errorf("the key is kept for %s, want 21s", ttl)
	}
	mini.SetTime(epoch.Add(21 * time.Second))
	if mini.Exists("p:rate:m1") {
		t.Error("the key is still there")
	}
	expectReserve(t, r, forever, 0, true)
}

// TestRateSharedInOrder: on a clock that stands still, the waits of all workers
// together are the slots, each once.
func TestRateSharedInOrder(t *testing.T) {
	mini := frozen(t)
	waits := reserveFromWorkers(t, mini.Addr(), 50, 8, 25)
	slices.Sort(waits)
	for i, wait := range waits {
		if want := time.Duration(i) * 20 * time.Millisecond; wait != want {
			t.Fatalf("slot %d is after %s, want %s", i, wait, want)
		}
	}
}

// reserveFromWorkers has workers, each with its own client, reserve at once.
func reserveFromWorkers(t *testing.T, addr string, perSecond float64, workers, each int) (waits []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var reserving sync.WaitGroup
	for range workers {
		r := NewRate(client(t, addr), "p:", "m1", perSecond, workers, 0)
		reserving.Go(func() {
			for range each {
				wait, ok := r.Reserve(t.Context(), forever)
				mu.Lock()
				waits = append(waits, wait)
				mu.Unlock()
				if !ok {
					t.Errorf("refused for %s", wait)
				}
			}
		})
	}
	reserving.Wait()
	return waits
}

// TestRateShared counts on a real server's clock: from the first reservation to
// the end of the last slot there is an interval for every one, so that no more
// than rate × time + 1 are ever taken.
func TestRateShared(t *testing.T) {
	server := testserver.Redis(t)
	admin := client(t, server.Addr)
	for _, tt := range []struct {
		perSecond     float64
		workers, each int
	}{
		{0.1, 4, 5}, {10, 8, 25}, {5000, 8, 250}, {333, 3, 100},
	} {
		t.Run(fmt.Sprint(tt.perSecond), func(t *testing.T) {
			if err := admin.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			begun := now(t, admin)
			reserveFromWorkers(t, server.Addr, tt.perSecond, tt.workers, tt.each)
			n := int64(tt.workers * tt.each)
			interval := int64(math.Ceil(1e6 / tt.perSecond))
			next, err := admin.Get(t.Context(), "p:rate:m1").Int64()
			if err != nil {
				t.Fatal(err)
			}
			if next < begun+n*interval {
				t.Errorf("%d slots within %d µs: closer than %d µs", n, next-begun, interval)
			}
			// Nor are slots left out while there is a queue.
			if latest := now(t, admin) + n*interval; next > latest {
				t.Errorf("the next slot is %d µs later than %d slots take", next-latest, n)
			}
		})
	}
}

// TestRateSharedSlots places every reservation on a real server's clock: the
// slots are far enough apart to tell which one a wait leads to.
func TestRateSharedSlots(t *testing.T) {
	server := testserver.Redis(t)
	const workers, each, interval = 6, 5, int64(10_000_000)
	type reserved struct{ earliest, latest int64 } // the slot is within, in µs
	var mu sync.Mutex
	var got []reserved
	var reserving sync.WaitGroup
	for range workers {
		c := client(t, server.Addr)
		r := NewRate(c, "p:", "m1", 0.1, workers, 0)
		reserving.Go(func() {
			for range each {
				before := now(t, c)
				wait, _ := r.Reserve(t.Context(), forever)
				after := now(t, c)
				mu.Lock()
				got = append(got, reserved{before + wait.Microseconds(), after + wait.Microseconds()})
				mu.Unlock()
			}
		})
	}
	reserving.Wait()
	next, err := client(t, server.Addr).Get(t.Context(), "p:rate:m1").Int64()
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b reserved) int { return int(a.earliest - b.earliest) })
	first := next - workers*each*interval
	for i, s := range got {
		if slot := first + int64(i)*interval; slot < s.earliest || slot > s.latest {
			t.Errorf("reservation %d is between %d and %d, its slot at %d", i, s.earliest, s.latest, slot)
		}
	}
}

// now is a server's time in microseconds.
func now(t *testing.T, c *redis.Client) int64 {
	at, err := c.Time(t.Context()).Result()
	if err != nil {
		t.Error(err)
	}
	return at.UnixMicro()
}

// closedClient is a Redis that never answers, at once.
func closedClient(t *testing.T) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRateAlone: without Redis, each worker takes its share, and all together
// the rate.
func TestRateAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers = 4
		for range workers {
			r := NewRate(closedClient(t), "p:", "m1", 10, workers, 0) // 2.5/s each
			for i := range 5 {
				expectReserve(t, r, forever, time.Duration(i)*400*time.Millisecond, true)
			}
			expectReserve(t, r, time.Second, 2*time.Second, false)
			expectReserve(t, r, time.Second, 2*time.Second, false) // it took nothing
			expectReserve(t, r, 2*time.Second, 2*time.Second, true)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		slow := NewRate(closedClient(t), "p:", "m1", 0.1, 5, 0)
		expectReserve(t, slow, 0, 0, true)
		expectReserve(t, slow, 0, 50*time.Second, false)
		pass(50 * time.Second)
		expectReserve(t, slow, 0, 0, true)
		fast := NewRate(closedClient(t), "p:", "m1", 5000, 0, 0) // no number of workers: one
		expectReserve(t, fast, forever, 0, true)
		expectReserve(t, fast, forever, 200*time.Microsecond, true)
	})
}

// TestRateComesBack: it takes its share while Redis is gone, and shares again
// afterwards.
func TestRateComesBack(t *testing.T) {
	mini := frozen(t)
	r := NewRate(client(t, mini.Addr()), "p:", "m1", 0.001, 1000, 0)
	const shared, alone = 1000 * time.Second, 1e6 * time.Second
	expectReserve(t, r, forever, 0, true)
	expectReserve(t, r, forever, shared, true)
	mini.SetError("LOADING for the test")
	expectReserve(t, r, forever, 0, true)
	if wait, ok := r.Reserve(t.Context(), forever); !ok || wait <= alone-time.Minute || wait > alone {
		t.Errorf("alone: got %s, %v; want a little less than %s", wait, ok, alone)
	}
	mini.SetError("")
	expectReserve(t, r, forever, 2*shared, true)
}

// TestRateClockStepsBack: a replica that takes over with a clock behind must not
// make everybody wait for the difference.
func TestRateClockStepsBack(t *testing.T) {
	mini := frozen(t)
	r := NewRate(client(t, mini.Addr()), "p:", "m1", 10, 1, 0)
	expectReserve(t, r, forever, 0, true)
	expectReserve(t, r, time.Second, 100*time.Millisecond, true)
	mini.SetTime(epoch.Add(-10 * time.Minute))
	expectReserve(t, r, time.Second, 0, true)
	expectReserve(t, r, time.Second, 100*time.Millisecond, true)
}

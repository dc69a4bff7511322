package dedupe_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/dedupe/dedupetest"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/testserver"
)

// The client's pool ends its own watch for a server that is gone within a
// second of being closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// epoch is when the stores' own clocks start.
var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// handClock is a clock that a test moves.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// miniClient returns a client of a stand-in whose time the clock moves.
func miniClient(t *testing.T, clock *handClock) (*redis.Client, *miniredis.Miniredis) {
	t.Helper()
	mini := miniredis.RunT(t)
	mini.SetTime(clock.Now())
	mini.ClockTTL(true)
	client := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return client, mini
}

func TestMemoryConforms(t *testing.T) {
	clock := &handClock{now: epoch}
	dedupetest.Suite(t,
		func(*testing.T) dedupe.Store { return dedupe.NewMemory(clock.Now, dedupetest.DoneTTL) },
		func(_ *testing.T, d time.Duration) { clock.advance(d) })
}

func TestRedisConformsOnTheStandIn(t *testing.T) {
	clock := &handClock{now: epoch}
	client, mini := miniClient(t, clock)
	dedupetest.Suite(t, onRedis(client), func(_ *testing.T, d time.Duration) { mini.SetTime(clock.advance(d)) })
}

func TestRedisConforms(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: testserver.Redis(t).Addr})
	t.Cleanup(func() { _ = client.Close() })
	dedupetest.Suite(t, onRedis(client), func(t *testing.T, d time.Duration) {
		if err := age(t.Context(), client, d); err != nil {
			t.Fatal(err)
		}
	})
}

func onRedis(client redis.UniversalClient) func(*testing.T) dedupe.Store {
	return func(t *testing.T) dedupe.Store {
		return dedupe.NewRedis(client, t.Name()+":", dedupetest.DoneTTL)
	}
}

// age makes every key of a server older by d, as if that time had passed.
func age(ctx context.Context, client *redis.Client, d time.Duration) error {
	keys := client.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		left, err := client.PTTL(ctx, keys.Val()).Result()
		if err != nil || left <= 0 {
			return fmt.Errorf("%s: every key has an end, got %s, %v", keys.Val(), left, err)
		}
		// An end in the past removes the key.
		if err := client.PExpire(ctx, keys.Val(), left-d).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}

// TestRedisLeaseRunsOut has the server's own clock end a lease.
func TestRedisLeaseRunsOut(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: testserver.Redis(t).Addr})
	t.Cleanup(func() { _ = client.Close() })
	store := dedupe.NewRedis(client, "t:", time.Hour)
	const short = 50 * time.Millisecond
	begun := time.Now()
	if c, err := store.Claim(t.Context(), "k", "a", short); err != nil || c.State != reconcile.ClaimOwned {
		t.Fatalf("first claim: %+v, %v", c, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		c, err := store.Claim(ctx, "k", "b", time.Hour)
		if err != nil {
			t.Fatalf("the lease of %s did not end: %v", short, err)
		}
		if c.State == reconcile.ClaimOwned {
			break
		}
	}
	if took := time.Since(begun); took < short {
		t.Errorf("a lease of %s ended after %s", short, took)
	}
	if err := store.Release(ctx, "k", "a", ""); err != nil {
		t.Fatal(err)
	}
	if c, err := store.Claim(ctx, "k", "c", time.Hour); err != nil || c.State != reconcile.ClaimHeld {
		t.Errorf("after the first owner's release: %+v, %v; want held", c, err)
	}
}

// TestRedisAgreesWithMemory runs random courses on both.
func TestRedisAgreesWithMemory(t *testing.T) {
	clock := &handClock{now: epoch}
	client, mini := miniClient(t, clock)
	rapid.Check(t, func(rt *rapid.T) {
		mini.FlushAll()
		ctx := t.Context()
		memory := dedupe.NewMemory(clock.Now, dedupetest.DoneTTL)
		server := dedupe.NewRedis(client, "p:", dedupetest.DoneTTL)
		key, token := rapid.SampledFrom([]string{"k1", "k2"}), rapid.SampledFrom([]string{"a", "b", "c"})
		rt.Repeat(map[string]func(*rapid.T){
			"claim": func(rt *rapid.T) {
				k, tok := key.Draw(rt, "key"), token.Draw(rt, "token")
				want, _ := memory.Claim(ctx, k, tok, time.Minute)
				got, err := server.Claim(ctx, k, tok, time.Minute)
				if err != nil || !reflect.DeepEqual(got, want) {
					rt.Fatalf("claim: Redis %+v, %v; memory %+v", got, err, want)
				}
			},
			"release": func(rt *rapid.T) {
				k, tok, spent := key.Draw(rt, "key"), token.Draw(rt, "token"), rapid.SampledFrom([]reconcile.Reason{"", dedupetest.Reason, reconcile.ReasonByQuery}).Draw(rt, "spent")
				same(rt, memory.Release(ctx, k, tok, spent), server.Release(ctx, k, tok, spent))
			},
			"done": func(rt *rapid.T) {
				k, seq := key.Draw(rt, "key"), rapid.Uint64().Draw(rt, "sequence")
				same(rt, memory.Done(ctx, k, seq), server.Done(ctx, k, seq))
			},
			"forget": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				same(rt, memory.Forget(ctx, k), server.Forget(ctx, k))
			},
			"advance": func(rt *rapid.T) {
				steps := []time.Duration{time.Second, 59 * time.Second, time.Minute, 61 * time.Second, dedupetest.DoneTTL}
				mini.SetTime(clock.advance(rapid.SampledFrom(steps).Draw(rt, "time")))
			},
		})
	})
}

func same(rt *rapid.T, errs ...error) {
	if err := errors.Join(errs...); err != nil {
		rt.Fatal(err)
	}
}

// TestRedisClaimIsOneRoundTrip holds what a callback pays for its claim.
func TestRedisClaimIsOneRoundTrip(t *testing.T) {
	client, _ := miniClient(t, &handClock{now: epoch})
	trips := &tripCounter{}
	client.AddHook(trips)
	store := dedupe.NewRedis(client, "p:", time.Hour)
	for range 3 {
		trips.sent = nil // the first one connects
		if _, err := store.Claim(t.Context(), "k", "a", time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"set hgetall"}
	if diff := cmp.Diff(want, trips.sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// tripCounter writes down the commands of every round trip.
type tripCounter struct{ sent []string }

func (c *tripCounter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *tripCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.sent = append(c.sent, cmd.Name())
		return next(ctx, cmd)
	}
}

func (c *tripCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		var names []string
		for _, cmd := range cmds {
			names = append(names, cmd.Name())
		}
		c.sent = append(c.sent, strings.Join(names, " "))
		return next(ctx, cmds)
	}
}

// TestRedisForeignValues: what another program left under a key is neither
// taken for a claim nor overwritten by one.
func TestRedisForeignValues(t *testing.T) {
	client, mini := miniClient(t, &handClock{now: epoch})
	store := dedupe.NewRedis(client, "p:", time.Hour)
	const foreign = "claim: the key holds a value of another program; give this installation its own Redis key prefix"
	for _, value := range []string{"", "x", "done:", "done:-1", "done:1x", "done:18446744073709551616", "claim"} {
		if err := mini.Set("p:{k}", value); err != nil {
			t.Fatal(err)
		}
		c, err := store.Claim(t.Context(), "k", "a", time.Minute)
		if err == nil || err.Error() != foreign || !reflect.DeepEqual(c, reconcile.Claim{}) {
			t.Errorf("%q: got %+v, %v", value, c, err)
		}
		if now, _ := mini.Get("p:{k}"); now != value {
			t.Errorf("%q was overwritten with %q", value, now)
		}
	}
	mini.FlushAll()
	if err := mini.Set("p:{k}:attempts", "many"); err != nil {
		t.Fatal(err)
	}
	if c, err := store.Claim(t.Context(), "k", "a", time.Minute); err == nil || !strings.HasPrefix(err.Error(), "read attempts: ") {
		t.Errorf("attempts that are no number: got %+v, %v", c, err)
	}
}

// TestRedisErrors: every operation says that it failed.
func TestRedisErrors(t *testing.T) {
	client, mini := miniClient(t, &handClock{now: epoch})
	mini.SetError("BUSY for the test")
	store := dedupe.NewRedis(client, "p:", time.Hour)
	ctx := t.Context()
	_, claim := store.Claim(ctx, "k", "a", time.Minute)
	for want, err := range map[string]error{
		"claim: BUSY for the test":     claim,
		"mark done: BUSY for the test": store.Done(ctx, "k", 1),
		"release: BUSY for the test":   store.Release(ctx, "k", "a", dedupetest.Reason),
		"forget: BUSY for the test":    store.Forget(ctx, "k"),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestMemoryFlush: a flushed store forgets claims, marks and attempts.
func TestMemoryFlush(t *testing.T) {
	clock := &handClock{now: epoch}
	store := dedupe.NewMemory(clock.Now, time.Hour)
	ctx := t.Context()
	same := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	same(store.Release(ctx, "spent", "a", dedupetest.Reason))
	same(store.Done(ctx, "done", 1))
	_, err := store.Claim(ctx, "held", "a", time.Minute)
	same(err)
	store.Flush()
	for _, key := range []string{"spent", "done", "held"} {
		if c, err := store.Claim(ctx, key, "b", time.Minute); err != nil || !reflect.DeepEqual(c, reconcile.Claim{State: reconcile.ClaimOwned}) {
			t.Errorf("%s: got %+v, %v", key, c, err)
		}
	}
}

package dedupe

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
)

var errGone = errors.New("gone for the test")

// flaky fails the operations it is told to, before or after it applied them.
type flaky struct {
	Store
	fails   []string
	applied bool // failed operations are applied all the same: the reply is lost
}

func (f *flaky) do(operation string, op func() error) error {
	fails := slices.Contains(f.fails, operation)
	if fails && !f.applied {
		return errGone
	}
	if err := op(); err != nil || !fails {
		return err
	}
	return errGone
}

func (f *flaky) Claim(ctx context.Context, key, token string, lease time.Duration) (c reconcile.Claim, err error) {
	err = f.do("claim", func() error { c, err = f.Store.Claim(ctx, key, token, lease); return err })
	return c, err
}

func (f *flaky) Done(ctx context.Context, key string, sequence uint64) error {
	return f.do("done", func() error { return f.Store.Done(ctx, key, sequence) })
}

func (f *flaky) Release(ctx context.Context, key, token string, spent reconcile.Reason) error {
	return f.do("release", func() error { return f.Store.Release(ctx, key, token, spent) })
}

func (f *flaky) Forget(ctx context.Context, key string) error {
	return f.do("forget", func() error { return f.Store.Forget(ctx, key) })
}

type failures []string

func (f *failures) StoreFailed(operation string, err error) {
	*f = append(*f, fmt.Sprintf("%s: %v", operation, err))
}

func (f *failures) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(want, *f) {
		t.Errorf("failures observed: got %q, want %q", *f, want)
	}
	*f = nil
}

func newFlakyGuard() (*Guard, *flaky, *failures) {
	store := &flaky{Store: NewMemory(func() time.Time { return time.Unix(0, 0) }, time.Hour)}
	seen := &failures{}
	return NewGuard(store, seen), store, seen
}

// looked is the reason of every look here.
const looked = reconcile.ReasonLagging

func spent(n int) reconcile.Attempts {
	if n == 0 {
		return nil
	}
	return reconcile.Attempts{looked: n}
}

func expectClaim(t *testing.T, g *Guard, token string, want reconcile.Claim) {
	t.Helper()
	if got := g.Claim(t.Context(), "k", token, time.Minute); !reflect.DeepEqual(got, want) {
		t.Fatalf("claim for %s: got %+v, want %+v", token, got, want)
	}
}

func TestGuardPassesThrough(t *testing.T) {
	g, _, seen := newFlakyGuard()
	ctx := t.Context()
	expectClaim(t, g, "a", reconcile.Claim{State: reconcile.ClaimOwned})
	expectClaim(t, g, "b", reconcile.Claim{State: reconcile.ClaimHeld})
	g.Release(ctx, "k", "a", looked)
	expectClaim(t, g, "b", reconcile.Claim{State: reconcile.ClaimOwned, Attempts: spent(1)})
	g.Done(ctx, "k", 9)
	expectClaim(t, g, "c", reconcile.Claim{State: reconcile.ClaimDone, Sequence: 9})
	g.Forget(ctx, "k")
	expectClaim(t, g, "c", reconcile.Claim{State: reconcile.ClaimOwned})
	seen.expect(t)
}

func TestGuardTellsOfEveryFailure(t *testing.T) {
	for _, applied := range []bool{false, true} {
		g, store, seen := newFlakyGuard()
		store.fails, store.applied = []string{"claim", "done", "release", "forget"}, applied
		ctx := t.Context()
		expectClaim(t, g, "a", reconcile.Claim{State: reconcile.ClaimUnguarded})
		seen.expect(t, "claim: gone for the test")
		g.Release(ctx, "k", "a", "")
		seen.expect(t, "release: gone for the test")
		g.Done(ctx, "k", 1)
		seen.expect(t, "done: gone for the test")
		g.Forget(ctx, "k")
		seen.expect(t, "forget: gone for the test")
		expectClaim(t, g, "b", reconcile.Claim{State: reconcile.ClaimUnguarded})
	}
}

// TestGuardCountsWhileTheStoreIsGone: looking again comes to an end without the
// store, and with it once it is back.
func TestGuardCountsWhileTheStoreIsGone(t *testing.T) {
	g, store, seen := newFlakyGuard()
	ctx := t.Context()
	g.Release(ctx, "k", "a", looked)
	store.fails = []string{"claim", "release"}
	for attempts := range 4 {
		expectClaim(t, g, "a", reconcile.Claim{State: reconcile.ClaimUnguarded, Attempts: spent(attempts)})
		g.Release(ctx, "k", "a", looked)
		g.Release(ctx, "k", "a", "") // counts nothing
	}
	store.fails = nil
	// The store knows of one, this process of four.
	expectClaim(t, g, "b", reconcile.Claim{State: reconcile.ClaimOwned, Attempts: spent(4)})
	expectClaim(t, g, "c", reconcile.Claim{State: reconcile.ClaimHeld, Attempts: spent(4)})
	*seen = nil
	g.Done(ctx, "k", 3)
	g.Forget(ctx, "k")
	expectClaim(t, g, "d", reconcile.Claim{State: reconcile.ClaimOwned})
	seen.expect(t)
}

// TestGuardCountsOnce: a spent release that was applied, though its reply got
// lost, is one attempt.
func TestGuardCountsOnce(t *testing.T) {
	g, store, _ := newFlakyGuard()
	store.fails, store.applied = []string{"release"}, true
	g.Release(t.Context(), "k", "a", looked)
	expectClaim(t, g, "b", reconcile.Claim{State: reconcile.ClaimOwned, Attempts: spent(1)})
}

// TestGuardDoneClearsWithoutTheStore: what the ledger has needs no attempts.
func TestGuardDoneClearsWithoutTheStore(t *testing.T) {
	g, store, _ := newFlakyGuard()
	store.fails = []string{"claim", "done", "release"}
	g.Release(t.Context(), "k", "a", looked)
	g.Done(t.Context(), "k", 1)
	expectClaim(t, g, "b", reconcile.Claim{State: reconcile.ClaimUnguarded})
}

func TestLocalAttemptsAreBounded(t *testing.T) {
	const limit = 8
	l := newLocalAttempts(limit)
	for i := range 100 * limit {
		key := fmt.Sprint(i)
		l.add(key, looked)
		if got := l.atLeast(key, nil).Total(); got != 1 {
			t.Fatalf("%s: got %d attempts, want 1", key, got)
		}
		if len(l.n) > limit {
			t.Fatalf("%d keys are kept, more than %d", len(l.n), limit)
		}
	}
	last := fmt.Sprint(100*limit - 1)
	l.add(last, looked)
	l.add(last, looked)
	if got := l.atLeast(last, nil).Total(); got != 3 {
		t.Errorf("a key that is known counts on when full: got %d, want 3", got)
	}
	l.drop(last)
	if got := l.atLeast(last, nil).Total(); got != 0 {
		t.Errorf("dropped: got %d, want 0", got)
	}
}

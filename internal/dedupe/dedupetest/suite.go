// Package dedupetest is the conformance suite of a claim store: what every
// implementation of [dedupe.Store] must do, in memory and in each kind of
// Redis deployment.
package dedupetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/dedupe"
	"github.com/settlehook/settlehook/internal/reconcile"
)

// DoneTTL is how long the stores under test keep done marks and attempts.
const DoneTTL = time.Hour

// lease of every claim in the suite, and a margin that is more than the time
// the suite takes.
const (
	lease  = 10 * time.Minute
	margin = time.Minute
)

// Suite runs the suite on stores from open, each of them empty or its keys apart
// from those of every store before. advance moves the time of all of them.
func Suite(t *testing.T, open func(t *testing.T) dedupe.Store, advance func(t *testing.T, d time.Duration)) {
	t.Helper()
	for _, tt := range []struct {
		name string
		run  func(h harness)
	}{
		{"a claim holds until its lease ends", claimHolds},
		{"a token that holds the key owns it again", claimIsRepeatable},
		{"keys are apart", keysAreApart},
		{"a release frees the key at once", releaseFrees},
		{"a claim that was taken over is not its first owner's to release", takenOver},
		{"done overwrites a claim", doneOverwrites},
		{"done without a claim", doneUnclaimed},
		{"done again says the newer event", doneAgain},
		{"a done mark ends with its time", doneEnds},
		{"a spent release counts", spentCounts},
		{"a spent release counts without the claim", spentUnclaimed},
		{"attempts end with their time", attemptsEnd},
		{"done clears attempts", doneClearsAttempts},
		{"forget removes a done mark", forgetDone},
		{"forget leaves a claim", forgetClaim},
		{"one of many owns", oneOwns},
		{"no attempt is lost among many", manySpend},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.run(harness{t: t, store: open(t), advance: func(d time.Duration) { advance(t, d) }})
		})
	}
}

// harness names what the cases say.
type harness struct {
	t       *testing.T
	store   dedupe.Store
	advance func(time.Duration)
}

// Reason is what attempts are spent on where one reason is as good as another.
const Reason = reconcile.ReasonLagging

func spent(attempts int) reconcile.Attempts {
	if attempts == 0 {
		return nil
	}
	return reconcile.Attempts{Reason: attempts}
}

func owned(attempts int) reconcile.Claim {
	return reconcile.Claim{State: reconcile.ClaimOwned, Attempts: spent(attempts)}
}

func held(attempts int) reconcile.Claim {
	return reconcile.Claim{State: reconcile.ClaimHeld, Attempts: spent(attempts)}
}

func done(sequence uint64) reconcile.Claim {
	return reconcile.Claim{State: reconcile.ClaimDone, Sequence: sequence}
}

func (h harness) claim(key, token string) reconcile.Claim {
	h.t.Helper()
	c, err := h.store.Claim(h.t.Context(), key, token, lease)
	if err != nil {
		h.t.Fatalf("claim %s: %v", key, err)
	}
	return c
}

func (h harness) expect(key, token string, want reconcile.Claim) {
	h.t.Helper()
	if got := h.claim(key, token); !reflect.DeepEqual(got, want) {
		h.t.Fatalf("claim %s for %s: got %+v, want %+v", key, token, got, want)
	}
}

func (h harness) release(key, token string, counts bool) {
	h.t.Helper()
	reason := reconcile.Reason("")
	if counts {
		reason = Reason
	}
	if err := h.store.Release(h.t.Context(), key, token, reason); err != nil {
		h.t.Fatalf("release %s: %v", key, err)
	}
}

func (h harness) done(key string, sequence uint64) {
	h.t.Helper()
	if err := h.store.Done(h.t.Context(), key, sequence); err != nil {
		h.t.Fatalf("done %s: %v", key, err)
	}
}

func (h harness) forget(key string) {
	h.t.Helper()
	if err := h.store.Forget(h.t.Context(), key); err != nil {
		h.t.Fatalf("forget %s: %v", key, err)
	}
}

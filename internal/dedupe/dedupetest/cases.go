package dedupetest

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"
)

// key is of the form that callers use: escaped, without braces.
const key = "m1/collect/order-1/P1/s1-1000"

func claimHolds(h harness) {
	h.expect(key, "a", owned(0))
	h.expect(key, "b", held(0))
	h.advance(lease - margin)
	h.expect(key, "b", held(0))
	h.advance(2 * margin)
	h.expect(key, "b", owned(0))
	h.expect(key, "a", held(0))
}

func claimIsRepeatable(h harness) {
	h.expect(key, "a", owned(0))
	h.advance(lease - margin)
	h.expect(key, "a", owned(0))
	h.advance(2 * margin)
	// The repeat did not renew the lease.
	h.expect(key, "b", owned(0))
}

func keysAreApart(h harness) {
	h.expect(key, "a", owned(0))
	h.expect(key+"/more", "b", owned(0))
	h.release(key, "a", true)
	h.done(key, 7)
	h.expect(key+"/more", "c", held(0))
	h.release(key+"/more", "b", false)
	h.expect(key+"/more", "c", owned(0))
	h.expect(key, "c", done(7))
}

func releaseFrees(h harness) {
	h.expect(key, "a", owned(0))
	h.release(key, "b", false)
	h.expect(key, "b", held(0))
	h.release(key, "a", false)
	h.expect(key, "b", owned(0))
	h.release("never-claimed", "a", false)
	h.expect("never-claimed", "b", owned(0))
}

func takenOver(h harness) {
	h.expect(key, "a", owned(0))
	h.advance(lease + margin)
	h.expect(key, "b", owned(0))
	h.release(key, "a", false)
	h.expect(key, "c", held(0))
	h.release(key, "b", false)
	h.expect(key, "c", owned(0))
}

func doneOverwrites(h harness) {
	h.expect(key, "a", owned(0))
	h.done(key, math.MaxUint64)
	h.expect(key, "b", done(math.MaxUint64))
	h.expect(key, "a", done(math.MaxUint64))
	// Whoever held the key takes nothing of the mark away.
	h.release(key, "a", false)
	h.expect(key, "b", done(math.MaxUint64))
	h.advance(lease + margin)
	h.expect(key, "b", done(math.MaxUint64))
}

func doneUnclaimed(h harness) {
	h.done(key, 1)
	h.expect(key, "a", done(1))
}

func doneAgain(h harness) {
	h.done(key, 1)
	h.advance(DoneTTL - margin)
	h.done(key, 2)
	h.advance(DoneTTL - margin)
	h.expect(key, "a", done(2))
}

func doneEnds(h harness) {
	h.done(key, 1)
	h.advance(DoneTTL - margin)
	h.expect(key, "a", done(1))
	h.advance(2 * margin)
	h.expect(key, "a", owned(0))
}

func spentCounts(h harness) {
	h.expect(key, "a", owned(0))
	h.release(key, "a", true)
	h.expect(key, "b", owned(1))
	h.expect(key, "c", held(1))
	h.release(key, "b", false)
	h.expect(key, "c", owned(1))
	h.release(key, "c", true)
	h.expect(key, "d", owned(2))
	h.expect(key, "d", owned(2))
	h.advance(lease + margin)
	h.expect(key, "e", owned(2))
}

func spentUnclaimed(h harness) {
	h.release(key, "a", true)
	h.expect(key, "b", owned(1))
	// The look of one whose lease had run out was spent all the same.
	h.release(key, "a", true)
	h.expect(key, "c", held(2))
}

func attemptsEnd(h harness) {
	h.release(key, "a", true)
	h.advance(DoneTTL - margin)
	h.release(key, "a", true) // which counts from here
	h.advance(DoneTTL - margin)
	h.expect(key, "b", owned(2))
	h.advance(2 * margin)
	h.expect(key, "c", held(0))
	h.release(key, "b", true)
	h.expect(key, "c", owned(1))
}

func doneClearsAttempts(h harness) {
	h.release(key, "a", true)
	h.release(key, "a", true)
	h.done(key, 1)
	h.forget(key)
	h.expect(key, "b", owned(0))
}

func forgetDone(h harness) {
	h.expect(key, "a", owned(0))
	h.done(key, 1)
	h.forget(key)
	h.expect(key, "b", owned(0))
	h.forget("never-claimed")
	h.expect("never-claimed", "a", owned(0))
}

func forgetClaim(h harness) {
	h.expect(key, "a", owned(0))
	h.forget(key)
	h.expect(key, "b", held(0))
}

// many is enough to meet on a key, and few enough for a small machine.
const many = 64

func oneOwns(h harness) {
	for round := range 5 {
		owners := h.race(fmt.Sprintf("round-%d", round))
		if len(owners) != 1 {
			h.t.Fatalf("round %d: %d of %d own the key: %v", round, len(owners), many, owners)
		}
		h.expect(key, "late", held(0))
		h.release(key, owners[0], false)
	}
}

// race has many claim the key at once, and returns the tokens that own it.
func (h harness) race(round string) []string {
	h.t.Helper()
	var mu sync.Mutex
	var owners []string
	begin := make(chan struct{})
	var claimants sync.WaitGroup
	for i := range many {
		token := fmt.Sprintf("%s-%d", round, i)
		claimants.Go(func() {
			<-begin
			c, err := h.store.Claim(h.t.Context(), key, token, lease)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				h.t.Errorf("claim: %v", err)
			case reflect.DeepEqual(c, owned(0)):
				owners = append(owners, token)
			case !reflect.DeepEqual(c, held(0)):
				h.t.Errorf("claim: got %+v", c)
			}
		})
	}
	close(begin)
	claimants.Wait()
	return owners
}

func manySpend(h harness) {
	var releases sync.WaitGroup
	for i := range many {
		releases.Go(func() {
			if err := h.store.Release(h.t.Context(), key, strconv.Itoa(i), Reason); err != nil {
				h.t.Errorf("release: %v", err)
			}
		})
	}
	releases.Wait()
	if got, want := h.claim(key, "a"), owned(many); !reflect.DeepEqual(got, want) {
		h.t.Errorf("after %d spent releases: got %+v, want %+v", many, got, want)
	}
}

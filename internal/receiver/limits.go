package receiver

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// mostBuckets bounds how many sources or merchants are kept apart (a few MB
// when full).
const mostBuckets = 1 << 14

// limiters hold a token bucket per key, in bounded memory: past the bound the
// key that was quiet longest is forgotten and would begin with a full bucket.
// Whoever has addresses enough to push others out had that many buckets
// anyway.
type limiters[K comparable] struct {
	rate  rate.Limit // per second; 0 for no limit
	burst int
	most  int

	mu     sync.Mutex
	byKey  map[K]*list.Element
	recent *list.List // of *bucket[K], the one used last in front
}

type bucket[K comparable] struct {
	key K
	*rate.Limiter
}

func newLimiters[K comparable](perSecond float64, burst, most int) *limiters[K] {
	return &limiters[K]{
		rate: rate.Limit(perSecond), burst: burst, most: most,
		byKey: make(map[K]*list.Element), recent: list.New(),
	}
}

// allow takes a token from the key's bucket and reports whether there was one.
func (l *limiters[K]) allow(key K, now time.Time) bool { return l.allowN(key, now, 1) }

// allowN takes n tokens, or a full bucket where that is less.
func (l *limiters[K]) allowN(key K, now time.Time, n int) bool {
	if l.rate == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket(key).AllowN(now, min(n, l.burst))
}

func (l *limiters[K]) bucket(key K) *bucket[K] {
	if at, ok := l.byKey[key]; ok {
		l.recent.MoveToFront(at)
		return at.Value.(*bucket[K])
	}
	if len(l.byKey) >= l.most {
		quiet := l.recent.Remove(l.recent.Back()).(*bucket[K])
		delete(l.byKey, quiet.key)
	}
	b := &bucket[K]{key: key, Limiter: rate.NewLimiter(l.rate, l.burst)}
	l.byKey[key] = l.recent.PushFront(b)
	return b
}

func (x *exchange) limitSource() *refusal {
	if !x.h.sources.allow(keyOf(x.source), x.received) {
		return refuseSourceLimit
	}
	return nil
}

// limitMerchant counts verified callbacks only: before, anybody could use up a
// merchant's share.
func (x *exchange) limitMerchant() *refusal {
	if !x.h.pushes.allow(x.merchant, x.received) {
		return refuseMerchantLimit
	}
	return nil
}

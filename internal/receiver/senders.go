package receiver

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/settlehook/settlehook/internal/config"
)

// mostKnown bounds how many known senders of a merchant are remembered. A
// gateway pushes from a few addresses. Past the bound the one that was quiet
// longest is forgotten; only verified callbacks can bring that about.
const mostKnown = 16

// mostStrangers bounds how many other sources have a budget of their own for a
// merchant.
const mostStrangers = 8

// signatures are the budgets of bad signatures, by merchant. There are as many
// as merchants are configured, or were since the start.
type signatures struct {
	q config.Quarantine

	mu         sync.Mutex
	byMerchant map[string]*senders
}

func newSignatures(q config.Quarantine) *signatures {
	return &signatures{q: q, byMerchant: make(map[string]*senders)}
}

func (s *signatures) of(merchant string) *senders {
	m, ok := s.byMerchant[merchant]
	if !ok {
		m = newSenders(s.q)
		s.byMerchant[merchant] = m
	}
	return m
}

// learn makes a source a known sender.
func (s *signatures) learn(merchant string, source sourceKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(merchant).known.bucket(source)
}

// pay takes n from a source's budget, and says which fund that is. listed: the
// merchant's allowFrom has it.
func (s *signatures) pay(merchant string, source sourceKey, listed bool, n int, now time.Time) (fund, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.of(merchant)
	if _, known := m.known.byKey[source]; known || listed {
		return fundKnown, m.known.allowN(source, now, n)
	}
	return fundStranger, m.strange(source, now, n)
}

// senders are the sources of one merchant's callbacks. signatures.mu guards
// them.
type senders struct {
	known *limiters[sourceKey]

	strangerRate  rate.Limit
	strangerBurst int
	strangers     map[sourceKey]*stranger
	rest          *rate.Limiter // of all the others
}

type stranger struct {
	*rate.Limiter
	seen time.Time
}

func newSenders(q config.Quarantine) *senders {
	s := &senders{
		known:        newLimiters[sourceKey](q.SignatureRate, q.SignatureBurst, mostKnown),
		strangerRate: rate.Limit(q.StrangerRate), strangerBurst: q.StrangerBurst,
		strangers: make(map[sourceKey]*stranger),
	}
	s.rest = rate.NewLimiter(s.strangerRate, s.strangerBurst)
	return s
}

// strange takes n from a stranger's budget.
func (s *senders) strange(source sourceKey, now time.Time, n int) bool {
	if s.strangerRate == 0 {
		return true
	}
	n = min(n, s.strangerBurst)
	own, ok := s.strangers[source]
	if !ok && s.hasPlace(now) {
		own, ok = &stranger{Limiter: rate.NewLimiter(s.strangerRate, s.strangerBurst)}, true
		s.strangers[source] = own
	}
	if !ok {
		return s.rest.AllowN(now, n)
	}
	own.seen = now
	return own.AllowN(now, n)
}

// hasPlace reports whether another stranger can have a budget of its own.
func (s *senders) hasPlace(now time.Time) bool {
	if len(s.strangers) < mostStrangers {
		return true
	}
	for source, other := range s.strangers {
		if now.Sub(other.seen) >= strangerIdle {
			delete(s.strangers, source)
			return true
		}
	}
	return false
}

package sandbox

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Mischief is one way in which gateways of this family misbehave (gateway page,
// "What the family does in practice"). Each has a rate of its own.
type Mischief string

// What happens to an order. At most one of these is drawn for an order; the
// rest of the orders is simply paid.
const (
	// Failure: the payment fails.
	Failure Mischief = "failure"
	// Underpayment: the payer pays less than was asked. Collections.
	Underpayment Mischief = "underpayment"
	// Overpayment: the payer pays more than was asked. Collections.
	Overpayment Mischief = "overpayment"
	// LateSuccess: the payment fails and succeeds later.
	LateSuccess Mischief = "late-success"
	// Reversal: a success is taken back, and the callback says reverse=true. A
	// payout bounces back that way.
	Reversal Mischief = "reversal"
	// ReversalUnmarked: a success is taken back, and the callback only says
	// failed.
	ReversalUnmarked Mischief = "reversal-unmarked"
	// ReversalSilent: a success is taken back, and nothing is pushed. Only a
	// sweep finds it.
	ReversalSilent Mischief = "reversal-silent"
	// PaidTwice: the payer pays twice, and the second payment becomes an order of
	// its own, with _1 behind the order id. Collections.
	PaidTwice Mischief = "paid-twice"
)

// What happens to callbacks.
const (
	// PushMissing: one of the eight pushes is not made.
	PushMissing Mischief = "push-missing"
	// PushNone: none of the eight pushes is made. Only a sweep finds the order.
	PushNone Mischief = "push-none"
	// PushDelayed: the first push comes up to a minute late.
	PushDelayed Mischief = "push-delayed"
	// PushEarly: the outcome is pushed before the create call returns.
	PushEarly Mischief = "push-early"
	// PushTwin: a push is made twice at the same moment.
	PushTwin Mischief = "push-twin"
	// PushDuplicate: a push that was accepted is made again, up to five minutes
	// later.
	PushDuplicate Mischief = "push-duplicate"
	// PushStale: after a change the state before it is pushed once more.
	PushStale Mischief = "push-stale"
	// PushForged: somebody else pushes an altered copy, whose sign is wrong.
	PushForged Mischief = "push-forged"
	// PushCollision: somebody else pushes other fields that give the same sign,
	// since the sign joins values unescaped.
	PushCollision Mischief = "push-collision"
	// PushWrongAmount: a well signed push says another amount than the order has;
	// the true one follows.
	PushWrongAmount Mischief = "push-wrong-amount"
	// PushForm: the callback is a form.
	PushForm Mischief = "push-form"
	// PushBOM: the callback begins with a byte order mark. JSON only.
	PushBOM Mischief = "push-bom"
	// PushUppercase: the sign is in capitals.
	PushUppercase Mischief = "push-uppercase-sign"
	// PushExtra: the callback has fields that the document does not name, signed
	// like the others.
	PushExtra Mischief = "push-extra-fields"
	// PushNumbers: amount and fee are signed in another writing than they are
	// sent in, or sent as strings.
	PushNumbers Mischief = "push-number-dialect"
	// PushEmptyKept: empty strings are signed as name=.
	PushEmptyKept Mischief = "push-empty-kept"
)

// What happens to calls of the API.
const (
	// QueryLagging: the first queries after a change still tell the state before,
	// for five minutes at most.
	QueryLagging Mischief = "query-lagging"
	// QueryUnknown: the first query about an order does not find it yet, in its
	// first five minutes.
	QueryUnknown Mischief = "query-unknown"
	// QueryNumbers: the answer has numbers as strings or with an exponent, and
	// fields that the document does not name.
	QueryNumbers Mischief = "query-number-dialect"
	// CallAnomaly: code 500 instead of an answer; nothing was done.
	CallAnomaly Mischief = "call-anomaly"
	// CallHTTPError: an HTTP status instead of an answer; nothing was done.
	CallHTTPError Mischief = "call-http-error"
	// CallRefused: code 400 for no reason of the caller's; nothing was done.
	CallRefused Mischief = "call-refused"
	// CallHanging: no answer until the caller gives up; nothing was done.
	CallHanging Mischief = "call-hanging"
	// CreateLost: the order is created and the answer is lost.
	CreateLost Mischief = "create-lost"
)

// Mischiefs returns every mischief there is, in alphabetical order.
func Mischiefs() []Mischief { return slices.Sorted(maps.Keys(Hostile())) }

// Rates say how often each mischief happens: the share of the orders, pushes or
// calls that it could happen to, from 0 to 1. What is missing does not happen.
type Rates map[Mischief]float64

// Hostile returns the rates of an ordinary bad day, which is what the sandbox is
// meant for.
func Hostile() Rates {
	return Rates{
		Failure: 0.10, Underpayment: 0.04, Overpayment: 0.02, LateSuccess: 0.03,
		Reversal: 0.04, ReversalUnmarked: 0.02, ReversalSilent: 0.01, PaidTwice: 0.01,

		PushMissing: 0.05, PushNone: 0.01, PushDelayed: 0.05, PushEarly: 0.03, PushTwin: 0.05,
		PushDuplicate: 0.05, PushStale: 0.05, PushForged: 0.02, PushCollision: 0.02, PushWrongAmount: 0.01,
		PushForm: 0.10, PushBOM: 0.03, PushUppercase: 0.05, PushExtra: 0.05, PushNumbers: 0.15, PushEmptyKept: 0.05,

		QueryLagging: 0.05, QueryUnknown: 0.02, QueryNumbers: 0.10,
		CallAnomaly: 0.01, CallHTTPError: 0.01, CallRefused: 0.01, CallHanging: 0.001, CreateLost: 0.02,
	}
}

// With returns the rates with others in their place.
func (r Rates) With(other Rates) Rates {
	changed := maps.Clone(r)
	if changed == nil {
		changed = Rates{}
	}
	maps.Copy(changed, other)
	return changed
}

// check fails with an error wrapping ErrInvalid.
func (r Rates) check() error {
	known := Hostile()
	fates := 0.0
	for _, m := range slices.Sorted(maps.Keys(r)) {
		if _, ok := known[m]; !ok {
			names := make([]string, 0, len(known))
			for _, name := range Mischiefs() {
				names = append(names, string(name))
			}
			return invalid("sandbox: there is no mischief %q; there are %s", string(m), strings.Join(names, ", "))
		}
		if rate := r[m]; !(rate >= 0 && rate <= 1) {
			return invalid("sandbox: the rate of mischief %s is %g; it must be from 0 to 1", m, rate)
		}
	}
	for _, m := range fateMischiefs {
		fates += r[m]
	}
	if fates > 1 {
		return invalid("sandbox: an order has one fate, but the rates of %v are together %.4g; lower some of them (with --calm all the others are 0)", fateMischiefs, fates)
	}
	return nil
}

// imp decides where a mischief strikes, and counts. Whether it strikes depends
// on seed, run and what it is about alone, not on when it is asked.
type imp struct {
	rates   Rates
	numbers *numbers

	mu     sync.Mutex
	counts map[Mischief]int
	turns  map[string]int
}

func newImp(rates Rates, n *numbers) *imp {
	return &imp{rates: rates, numbers: n, counts: map[Mischief]int{}, turns: map[string]int{}}
}

// strikes reports whether m happens to what is named.
func (i *imp) strikes(m Mischief, what string) bool {
	rate := i.rates[m]
	return rate > 0 && i.roll(string(m)+"/"+what) < rate
}

// roll is a number from 0 to below 1, always the same for the same text.
func (i *imp) roll(text string) float64 {
	sum := i.numbers.hash("mischief/" + text)
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

// pick is a number from 0 to below n, always the same for the same text.
func (i *imp) pick(text string, n int) int { return int(i.roll("pick/"+text) * float64(n)) }

// turn names the next of several things that are alike.
func (i *imp) turn(what string) string {
	if len(i.rates) == 0 {
		return what // nothing is drawn
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.turns[what]++
	return what + "/" + strconv.Itoa(i.turns[what])
}

// count notes that m happened.
func (i *imp) count(m ...Mischief) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, one := range m {
		i.counts[one]++
	}
}

// Mischief returns how often each mischief has happened since New.
func (s *Server) Mischief() map[Mischief]int {
	s.imp.mu.Lock()
	defer s.imp.mu.Unlock()
	return maps.Clone(s.imp.counts)
}

// mischief notes what happened to an order. The caller holds the books' lock
// through e.
func (s *Server) mischief(e *entry, list ...Mischief) {
	if len(list) == 0 {
		return
	}
	if e.mischief == nil {
		e.mischief = map[Mischief]int{}
	}
	for _, m := range list {
		e.mischief[m]++
	}
	s.imp.count(list...)
}

// countMischief is mischief for who doesn't hold the lock. What happens to an
// order that is not in the books is only counted.
func (s *Server) countMischief(k key, list ...Mischief) {
	if s.books.edit(k, func(e *entry) error { s.mischief(e, list...); return nil }) != nil {
		s.imp.count(list...)
	}
}

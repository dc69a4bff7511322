package cases

import (
	"cmp"
	"slices"
)

// Verdict is what became, or would become, of one message.
type Verdict string

// The verdicts.
const (
	Redrivable Verdict = "redrivable" // would be redriven
	Redriven   Verdict = "redriven"
	Droppable  Verdict = "droppable" // would be dropped
	Dropped    Verdict = "dropped"
	Stays      Verdict = "stays"   // does not verify, and stays where it is
	Refused    Verdict = "refused" // can't be redriven, and stays where it is
	Failed     Verdict = "failed"  // was tried; doing it again does no harm
)

// Result is what became of one message.
type Result struct {
	Sequence uint64
	Merchant string
	Reason   string // why it was parked or refused
	Verdict  Verdict
	Why      string // of stays: the reason of the verification today
	Err      error  // of refused and failed
}

// Tally counts results.
type Tally map[TallyKey]int

// TallyKey is what a tally counts by.
type TallyKey struct {
	Merchant, Reason string
	Verdict          Verdict
	Why              string
}

func (t Tally) add(r Result) { t[TallyKey{r.Merchant, r.Reason, r.Verdict, r.Why}]++ }

// Keys are the keys in an order of their own.
func (t Tally) Keys() []TallyKey {
	keys := make([]TallyKey, 0, len(t))
	for k := range t {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b TallyKey) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.Why, b.Why))
	})
	return keys
}

// Count is how many ended with one of the verdicts.
func (t Tally) Count(verdicts ...Verdict) int {
	n := 0
	for k, count := range t {
		if slices.Contains(verdicts, k.Verdict) {
			n += count
		}
	}
	return n
}

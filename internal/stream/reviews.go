package stream

import (
	"cmp"
	"slices"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// closedBy reports whether a review's case is among the resolved subjects: a
// review and its resolution share everything but the outcome.
func closedBy(review string, resolved map[string]uint64) bool {
	parts, err := events.ParseSubject(review)
	if err != nil {
		return false
	}
	_, closed := resolved[events.ResolvedSubject(parts.Order, parts.Tail)]
	return closed
}

func sortBySequence(entries []reconcile.Entry) {
	slices.SortFunc(entries, func(a, b reconcile.Entry) int { return cmp.Compare(a.Sequence, b.Sequence) })
}

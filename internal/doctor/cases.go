package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// waitingCases counts what waits for a person. It lists subjects and reads no
// message: a consumer would change what it looks at.
func waitingCases(ctx context.Context, v *visit) ([]Finding, error) {
	parked, err := v.stream(ctx, stream.Parked)
	if err != nil {
		return nil, err
	}
	refused, err := v.subjects(ctx, stream.Quarantine, "quarantine.v1."+string(stream.ClassSignature)+".>")
	if err != nil {
		return nil, err
	}
	reviews, err := v.subjects(ctx, stream.Payments, "payments.v1."+string(events.OutcomeReview)+".>")
	if err != nil {
		return nil, err
	}
	resolved, err := v.subjects(ctx, stream.Payments, "payments.v1."+string(events.OutcomeResolved)+".>")
	if err != nil {
		return nil, err
	}
	var found []Finding
	add := func(n uint64, mend, what string) {
		if n > 0 {
			found = append(found, warn(mend, what, n))
		}
	}
	add(uint64(len(stream.Unresolved(reviews, resolved))), "settlehook review ls", "reviews that are open: %d; each is an order that needs a person's decision")
	add(parked.State.Msgs, "settlehook parked ls, mend the cause, then settlehook parked redrive",
		"callbacks that are parked: %d; no event says what became of their orders")
	refusals := byMerchant(refused)
	for _, merchant := range slices.Sorted(maps.Keys(refusals)) {
		add(refusals[merchant], "mend the key of "+merchant+" in the merchants file, then settlehook quarantine redrive --merchant "+merchant+"; junk may stay",
			"callbacks of "+merchant+" refused for their signature: %d")
	}
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("no open review, nothing parked, no signature refused")}, nil
}

// subjects are the subjects of a stream that match a filter, with how many
// messages each holds.
func (v *visit) subjects(ctx context.Context, name, filter string) (map[string]uint64, error) {
	if _, err := v.stream(ctx, name); err != nil {
		return nil, err
	}
	l, err := v.nats.get(ctx)
	if err != nil {
		return nil, err
	}
	s, err := l.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", name, err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("list the subjects of %s: %w", name, err)
	}
	return info.State.Subjects, nil
}

// byMerchant sums messages up by the merchant of their subject in QUARANTINE.
func byMerchant(subjects map[string]uint64) map[string]uint64 {
	sum := map[string]uint64{}
	for subject, n := range subjects {
		if tokens := strings.Split(subject, "."); len(tokens) == 5 {
			sum[tokens[4]] += n
		}
	}
	return sum
}

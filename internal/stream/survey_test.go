package stream

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

func TestSurvey(t *testing.T) {
	b := newStreams(t)
	ledger := openLedger(t, b)
	for i, e := range []events.Event{
		reconciletest.Review(reconciletest.Order(events.FlowCollect, "A.1"), "amount_mismatch", "1"),
		reconciletest.Review(reconciletest.Order(events.FlowPay, "B1"), "lagging", "3"),
	} {
		if _, err := ledger.Append(within(t), e, 0); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := ledger.Append(within(t), reconciletest.Resolved(e), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for subject, n := range map[string]int{
		"parked.v1.collect.m1": 2, "parked.v1.pay.m1": 1, "parked.v1.collect.m2": 1,
		"quarantine.v1.signature.collect.m1": 3, "quarantine.v1.unknown._unknown._unknown": 1,
	} {
		for range n {
			if _, err := b.js.PublishMsg(within(t), nats.NewMsg(subject)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := NewSurvey(b.js)
	for range 2 { // what the first round remembers must not change the second
		parked, err := s.Parked(within(t))
		if err != nil || parked["m1"].Messages != 3 || parked["m2"].Messages != 1 || len(parked) != 2 {
			t.Errorf("parked: %v, %v", parked, err)
		}
		refused, err := s.Quarantined(within(t))
		if err != nil || refused[QuarantineSubject{ClassSignature, "m1"}].Messages != 3 || len(refused) != 2 {
			t.Errorf("quarantined: %v, %v", refused, err)
		}
		reviews, err := s.OpenReviews(within(t))
		if err != nil || reviews[reconciletest.MerchantID].Messages != 1 || len(reviews) != 1 {
			t.Errorf("open reviews: %v, %v", reviews, err)
		}
	}
	states, err := s.Streams(within(t), config.Topology{Replicas: 3})
	if err != nil || len(states) != len(Names()) {
		t.Fatalf("streams: %+v, %v", states, err)
	}
	for _, state := range states {
		if state.Replicas != 1 || state.Declared != 3 {
			t.Errorf("%s has %d copies, declared are %d; want 1 and 3", state.Name, state.Replicas, state.Declared)
		}
		if state.Name == Parked && state.Messages != 4 {
			t.Errorf("%s holds %d messages, want 4", state.Name, state.Messages)
		}
	}
}

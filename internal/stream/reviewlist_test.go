package stream

import (
	"errors"
	"slices"
	"testing"

	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

func TestReviewList(t *testing.T) {
	b := newStreams(t)
	ledger := openLedger(t, b)
	tell := func(e events.Event) events.Event {
		t.Helper()
		if _, err := ledger.Append(within(t), e, 0); err != nil {
			t.Fatal(err)
		}
		return e
	}
	order := reconciletest.Order
	open := tell(reconciletest.Review(order(events.FlowCollect, "A.1"), "amount_mismatch", "1"))
	closed := tell(reconciletest.Review(order(events.FlowCollect, "A.1"), "lagging", "2"))
	other := tell(reconciletest.Review(order(events.FlowPay, "B1"), "lagging", "3"))
	resolution := tell(reconciletest.Resolved(closed))

	log, err := OpenReviewLog(within(t), b.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		f    ReviewFilter
		want []string
	}{
		"all":              {ReviewFilter{}, []string{open.ID, closed.ID, other.ID}},
		"open":             {ReviewFilter{State: ReviewOpen}, []string{open.ID, other.ID}},
		"resolved":         {ReviewFilter{State: ReviewResolved}, []string{closed.ID}},
		"order":            {ReviewFilter{OrderID: "A.1"}, []string{open.ID, closed.ID}},
		"flow":             {ReviewFilter{Flow: "pay"}, []string{other.ID}},
		"merchant":         {ReviewFilter{Merchant: reconciletest.MerchantID}, []string{open.ID, closed.ID, other.ID}},
		"another merchant": {ReviewFilter{Merchant: "m9"}, []string{}},
		"reason":           {ReviewFilter{Reason: "lagging"}, []string{closed.ID, other.ID}},
		"reason and state": {ReviewFilter{Reason: "lagging", State: ReviewOpen}, []string{other.ID}},
	} {
		t.Run(name, func(t *testing.T) {
			ids := []string{}
			err := log.List(within(t), tt.f, func(r Review) error {
				ids = append(ids, r.Event.ID)
				if (r.State() == ReviewResolved) != (r.Event.ID == closed.ID) {
					t.Errorf("%s is %s", r.Event.ID, r.State())
				}
				if r.Resolution != nil && r.Resolution.ID != resolution.ID {
					t.Errorf("%s is closed by %s", r.Event.ID, r.Resolution.ID)
				}
				return nil
			})
			if err != nil || !slices.Equal(ids, tt.want) {
				t.Errorf("got %v, %v; want %v", ids, err, tt.want)
			}
		})
	}
	tail := closed.Data.(events.Review).Case
	r, err := log.Find(within(t), reconciletest.MerchantID, "A.1", tail)
	if err != nil || r.Event.ID != closed.ID || r.Sequence != 2 || r.Resolution == nil || r.Case() != tail {
		t.Errorf("found %+v, %v", r, err)
	}
	if _, err := log.Find(within(t), reconciletest.MerchantID, "A.1", "lagging-00000000"); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
}

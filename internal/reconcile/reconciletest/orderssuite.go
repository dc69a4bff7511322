package reconciletest

import (
	"context"
	"testing"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// OrderBook is reconcile.Orders with the way in.
type OrderBook interface {
	reconcile.Orders
	// Submit stores a registration or a withdrawal, once: a repeat with the
	// same amount succeeds, with another it fails and the first stands.
	Submit(ctx context.Context, e events.OrderEvent) error
}

// OrdersSuite holds an implementation to the contract of [reconcile.Orders].
// open returns an empty book.
func OrdersSuite(t *testing.T, open func(testing.TB) OrderBook) {
	collect, pay := Order(events.FlowCollect, OrderID), Order(events.FlowPay, OrderID)
	other := collect
	other.Merchant = "m1002"
	for _, test := range []struct {
		name    string
		events  []events.OrderEvent
		refused int // how many of them, from the end
		want    *reconcile.Submitted
	}{
		{name: "unknown"},
		{
			name: "submitted", events: []events.OrderEvent{Submission(collect, "1000.5")},
			want: &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("1000.50")},
		},
		{
			name: "on the other flow", events: []events.OrderEvent{Submission(pay, "7")},
			want: &reconcile.Submitted{Flow: events.FlowPay, Amount: events.MustParseAmount("7")},
		},
		{
			name: "twice with the same amount", events: []events.OrderEvent{Submission(collect, "10"), Submission(collect, "10.00")},
			want: &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("10")},
		},
		{
			name: "twice with another amount, the first stands", refused: 1,
			events: []events.OrderEvent{Submission(collect, "10"), Submission(collect, "11")},
			want:   &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("10")},
		},
		{name: "withdrawn", events: []events.OrderEvent{Submission(collect, "10"), Withdrawal(collect, "10")}},
		{
			name:   "withdrawn on one flow, standing on the other",
			events: []events.OrderEvent{Submission(collect, "10"), Submission(pay, "10"), Withdrawal(pay, "10")},
			want:   &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("10")},
		},
		{name: "another merchant's", events: []events.OrderEvent{Submission(other, "10")}},
		{name: "another order's", events: []events.OrderEvent{Submission(Order(events.FlowCollect, OrderID+".1"), "10")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			book := open(t)
			for i, e := range test.events {
				err := book.Submit(t.Context(), e)
				if refuse := i >= len(test.events)-test.refused; (err != nil) != refuse {
					t.Fatalf("Submit(%s, %s) = %v", e.ID, e.Data.Amount, err)
				}
			}
			got, err := book.Submitted(t.Context(), MerchantID, OrderID)
			if err != nil {
				t.Fatal(err)
			}
			if (got == nil) != (test.want == nil) || got != nil && (got.Flow != test.want.Flow || !got.Amount.Equal(test.want.Amount) || got.Currency != Currency || got.Unusable) {
				t.Errorf("Submitted = %+v, want %+v", got, test.want)
			}
		})
	}
	t.Run("context", func(t *testing.T) {
		book := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := book.Submitted(ctx, MerchantID, OrderID); err == nil {
			t.Error("Submitted without time says that there is none")
		}
		if err := book.Submit(ctx, Submission(collect, "1")); err == nil {
			t.Error("Submit without time says that it is stored")
		}
	})
}

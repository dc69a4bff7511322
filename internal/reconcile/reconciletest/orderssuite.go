package reconciletest

import (
	"context"
	"testing"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// OrderBook is reconcile.Orders with the way in, which is that of pkg/orders.
type OrderBook interface {
	reconcile.Orders
	// Submit stores a registration, once: a repeat with the same amount
	// succeeds and is not fresh, with another, or in the other flow, it fails
	// and the first stands.
	Submit(ctx context.Context, e events.OrderEvent) (fresh bool, err error)
	// Withdraw takes a registration back for good, unless it was repeated.
	Withdraw(ctx context.Context, e events.OrderEvent) error
}

// OrdersSuite holds an implementation to the contract of [reconcile.Orders].
// open returns an empty book.
func OrdersSuite(t *testing.T, open func(testing.TB) OrderBook) {
	collect, pay := Order(events.FlowCollect, OrderID), Order(events.FlowPay, OrderID)
	other := collect
	other.Merchant = "m1002"
	for _, test := range []struct {
		name  string
		calls []call
		want  *reconcile.Submitted
	}{
		{name: "unknown"},
		{
			name: "submitted", calls: []call{{Submission(collect, "1000.5"), fresh}},
			want: &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("1000.50")},
		},
		{
			name: "on the other flow", calls: []call{{Submission(pay, "7"), fresh}},
			want: &reconcile.Submitted{Flow: events.FlowPay, Amount: events.MustParseAmount("7")},
		},
		{
			name: "twice with the same amount", calls: []call{{Submission(collect, "10"), fresh}, {Submission(collect, "10.00"), done}},
			want: &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("10")},
		},
		{
			name:  "twice with another amount, the first stands",
			calls: []call{{Submission(collect, "10"), fresh}, {Submission(collect, "11"), refused}},
			want:  &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("10")},
		},
		{
			name: "withdrawn, for good",
			calls: []call{
				{Submission(collect, "10"), fresh},
				{Withdrawal(collect, "10"), done},
				{Withdrawal(collect, "10"), done},
				{Submission(collect, "10"), refused},
			},
		},
		{
			name: "what was not registered is not withdrawn",
			calls: []call{
				{Withdrawal(collect, "10"), refused}, {Submission(collect, "10"), fresh}, {Withdrawal(collect, "11"), refused},
			},
			want: &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("10")},
		},
		{
			name: "repeated, and so never withdrawn",
			calls: []call{
				{Submission(collect, "10"), fresh},
				{Submission(collect, "10"), done},
				{Withdrawal(collect, "10"), refused},
				{Submission(collect, "10"), done},
			},
			want: &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("10")},
		},
		{
			name: "an order id is of one flow",
			calls: []call{
				{Submission(collect, "10"), fresh}, {Submission(pay, "10"), refused}, {Withdrawal(pay, "10"), refused},
			},
			want: &reconcile.Submitted{Flow: events.FlowCollect, Amount: events.MustParseAmount("10")},
		},
		{
			name: "an order id withdrawn in one flow is used up in both",
			calls: []call{
				{Submission(collect, "10"), fresh}, {Withdrawal(collect, "10"), done}, {Submission(pay, "10"), refused},
			},
		},
		{name: "another merchant's", calls: []call{{Submission(other, "10"), fresh}}},
		{name: "another order's", calls: []call{{Submission(Order(events.FlowCollect, OrderID+".1"), "10"), fresh}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			book := open(t)
			for _, c := range test.calls {
				c.make(t, book)
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
	t.Run("context", func(t *testing.T) { ordersWithoutTime(t, open(t)) })
}

// result is what becomes of a call.
type result int

const (
	done result = iota
	fresh
	refused
)

// call is a registration or a withdrawal, by its event.
type call struct {
	event events.OrderEvent
	want  result
}

func (c call) make(t *testing.T, book OrderBook) {
	t.Helper()
	var isFresh bool
	var err error
	if c.event.Withdrawn() {
		err = book.Withdraw(t.Context(), c.event)
	} else {
		isFresh, err = book.Submit(t.Context(), c.event)
	}
	if isFresh != (c.want == fresh) || (err != nil) != (c.want == refused) {
		t.Fatalf("%s, %s: fresh %t, error %v", c.event.ID, c.event.Data.Amount, isFresh, err)
	}
}

func ordersWithoutTime(t *testing.T, book OrderBook) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	order := Order(events.FlowCollect, OrderID)
	if _, err := book.Submitted(ctx, MerchantID, OrderID); err == nil {
		t.Error("Submitted without time says that there is none")
	}
	if isFresh, err := book.Submit(ctx, Submission(order, "1")); err == nil || isFresh {
		t.Error("Submit without time says that it is stored")
	}
	if err := book.Withdraw(ctx, Withdrawal(order, "1")); err == nil {
		t.Error("Withdraw without time says that it is stored")
	}
}

package reconciletest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// CallbackBook is reconcile.Callbacks with the way in.
type CallbackBook interface {
	reconcile.Callbacks
	// Keep stores a callback received at [Start], and returns its sequence. One
	// that is on its way again names the place it had before; else that is 0.
	Keep(t testing.TB, order events.Order, cb callback.Callback, before uint64) uint64
	// Now is a moment after whatever is stored by then.
	Now() time.Time
}

// CallbacksSuite holds an implementation to the contract of
// [reconcile.Callbacks]. open returns an empty book.
func CallbacksSuite(t *testing.T, open func(testing.TB) CallbackBook) {
	collect := Order(events.FlowCollect, OrderID)
	newest := func(t *testing.T, b CallbackBook, since time.Time) *reconcile.Heard {
		t.Helper()
		h, err := b.Newest(t.Context(), collect, since, callback.Callback.Final)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	expect := func(t *testing.T, got *reconcile.Heard, sequence uint64, amount string) {
		t.Helper()
		switch {
		case got == nil:
			t.Fatal("nothing was found")
		case got.StreamSequence != sequence || got.Callback.Amount.Cmp(decimal.MustParse(amount)) != 0 || !got.ReceivedAt.Equal(Start):
			t.Errorf("found %+v, want %s as %d", got, amount, sequence)
		}
	}
	t.Run("none", func(t *testing.T) {
		if got := newest(t, open(t), time.Time{}); got != nil {
			t.Errorf("found %+v", got)
		}
	})
	t.Run("the newest, among others", func(t *testing.T) {
		b := open(t)
		others(t, b)
		b.Keep(t, collect, Says(collect, callback.Success, "1000"), 0)
		sequence := b.Keep(t, collect, Says(collect, callback.Failed, "999"), 0)
		others(t, b)
		expect(t, newest(t, b, time.Time{}), sequence, "999")
		expect(t, newest(t, b, Start.AddDate(-1, 0, 0)), sequence, "999")
	})
	t.Run("the newest is the last one", func(t *testing.T) {
		b := open(t)
		b.Keep(t, collect, Says(collect, callback.Success, "1000"), 0)
		sequence := b.Keep(t, collect, Says(collect, callback.Success, "7"), 0)
		expect(t, newest(t, b, time.Time{}), sequence, "7")
	})
	t.Run("one that does not count hides none", func(t *testing.T) {
		b := open(t)
		sequence := b.Keep(t, collect, Says(collect, callback.Success, "1000"), 0)
		b.Keep(t, collect, Says(collect, callback.Failed, "1000"), 0)
		h, err := b.Newest(t.Context(), collect, time.Time{}, func(cb callback.Callback) bool { return cb.Status == callback.Success })
		if err != nil {
			t.Fatal(err)
		}
		expect(t, h, sequence, "1000")
	})
	t.Run("only others", func(t *testing.T) {
		b := open(t)
		others(t, b)
		if got := newest(t, b, time.Time{}); got != nil {
			t.Errorf("found %+v", got)
		}
	})
	t.Run("one that comes again keeps its place", func(t *testing.T) {
		b := open(t)
		first := b.Keep(t, collect, Says(collect, callback.Success, "1"), 0)
		second := b.Keep(t, collect, Says(collect, callback.Success, "2"), 0)
		b.Keep(t, collect, Says(collect, callback.Success, "1"), first)
		expect(t, newest(t, b, time.Time{}), second, "2")
	})
	t.Run("since", func(t *testing.T) {
		b := open(t)
		b.Keep(t, collect, Says(collect, callback.Success, "1000"), 0)
		since := b.Now()
		if got := newest(t, b, since); got != nil {
			t.Errorf("found %+v from before", got)
		}
		others(t, b)
		if got := newest(t, b, since); got != nil {
			t.Errorf("found %+v from before", got)
		}
		sequence := b.Keep(t, collect, Says(collect, callback.Success, "2"), 0)
		expect(t, newest(t, b, since), sequence, "2")
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := open(t).Newest(ctx, collect, time.Time{}, callback.Callback.Final); err == nil {
			t.Error("without time it says that there is none")
		}
	})
}

// others keeps callbacks that are not about the collection with [OrderID], or say
// nothing final about it.
func others(t testing.TB, b CallbackBook) {
	for _, order := range []events.Order{neighbour(), Order(events.FlowPay, OrderID), {Flow: events.FlowCollect, Merchant: "m1002", OrderID: OrderID}} {
		b.Keep(t, order, Says(order, callback.Success, "5"), 0)
	}
	collect := Order(events.FlowCollect, OrderID)
	b.Keep(t, collect, Says(collect, callback.Submitted, "5"), 0)
}

// neighbour is an order whose callbacks share the subject of those of [OrderID].
func neighbour() events.Order {
	subject := events.CallbackSubject(string(events.FlowCollect), MerchantID, OrderID)
	for i := 0; ; i++ {
		if id := fmt.Sprint("N", i); events.CallbackSubject(string(events.FlowCollect), MerchantID, id) == subject {
			return Order(events.FlowCollect, id)
		}
	}
}

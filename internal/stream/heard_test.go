package stream

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// callbackBook is the worker's reading of what the receiver stores.
type callbackBook struct {
	*CallbackBook
	js jetstream.JetStream
}

func (b callbackBook) Keep(t testing.TB, order events.Order, cb callback.Callback, before uint64) uint64 {
	t.Helper()
	a := Accepted{
		Flow: order.Flow, Merchant: order.Merchant, Callback: cb, ContentType: "application/json", ReceivedAt: reconciletest.Start,
		Body: fmt.Appendf(nil, `{"orderId":%q,"platOrderId":%q,"amount":%s,"status":%d,"reverse":%t,"fee":0,"remark":"","sign":"%s"}`,
			cb.OrderID, cb.PlatOrderID, cb.Amount, cb.Status, cb.Reverse, strings.Repeat("0", 32)),
	}
	m := a.message()
	m.Header.Del(jetstream.MsgIDHeader) // several of one kind at once
	if before > 0 {
		m.Header.Set(HeaderSequence, strconv.FormatUint(before, 10))
	}
	ack, err := b.js.PublishMsg(within(t), m)
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func (callbackBook) Now() time.Time { return time.Now().Add(time.Nanosecond) }

func TestCallbackBook(t *testing.T) {
	reconciletest.CallbacksSuite(t, func(t testing.TB) reconciletest.CallbackBook {
		js := newStreams(t).js
		book, err := OpenCallbacks(within(t), js, patience)
		if err != nil {
			t.Fatal(err)
		}
		return callbackBook{book, js}
	})
}

// TestSearchSkipsWhatIsUnreadable: it is parked by who consumes it.
func TestSearchSkipsWhatIsUnreadable(t *testing.T) {
	js := newStreams(t).js
	book, err := OpenCallbacks(within(t), js, patience)
	if err != nil {
		t.Fatal(err)
	}
	order := reconciletest.Order(events.FlowCollect, reconciletest.OrderID)
	kept := callbackBook{book, js}.Keep(t, order, reconciletest.Says(order, callback.Success, "1000"), 0)
	subject := events.CallbackSubject(string(order.Flow), order.Merchant, order.OrderID)
	for _, body := range []string{"", "{", `{"orderId":"A17"}`} {
		if _, err := js.Publish(within(t), subject, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := book.Newest(within(t), order, time.Time{}, callback.Callback.Final)
	if err != nil || got == nil || got.StreamSequence != kept {
		t.Errorf("found %+v, %v; want %d", got, err, kept)
	}
}

// BenchmarkSearch looks for an order among 2,000 callbacks on its subject: half a
// million of a merchant's.
func BenchmarkSearch(b *testing.B) {
	js := newStreams(b).js
	book, err := OpenCallbacks(within(b), js, patience)
	if err != nil {
		b.Fatal(err)
	}
	order := reconciletest.Order(events.FlowCollect, reconciletest.OrderID)
	cb := reconciletest.Says(order, callback.Success, "1000")
	callbackBook{book, js}.Keep(b, order, cb, 0)
	others := cb
	others.OrderID = "another of this subject"
	for range 2000 {
		callbackBook{book, js}.Keep(b, order, others, 0)
	}
	for b.Loop() {
		if h, err := book.Newest(b.Context(), order, time.Time{}, callback.Callback.Final); err != nil || h == nil {
			b.Fatal(h, err)
		}
	}
}

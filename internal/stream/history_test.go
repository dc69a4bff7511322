package stream

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// put publishes what a stream keeps, and must take.
func (b *bench) put(t testing.TB, subject string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.js.Publish(within(t), subject, text); err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
}

// everything stores one of each kind about an order.
func (b *bench) everything(t testing.TB, order events.Order) {
	t.Helper()
	submission, review := reconciletest.Submission(order, "1000"), reconciletest.Review(order, "lagging", "1")
	for _, e := range []events.OrderEvent{submission, reconciletest.Withdrawal(order, "1000")} {
		b.put(t, e.NATSSubject(), e)
	}
	for _, e := range []events.Event{review, reconciletest.Outcome(order, events.OutcomeSettled, "1000"), reconciletest.Resolved(review)} {
		b.put(t, e.NATSSubject(), e)
	}
	a := accepted(t, order.Merchant, order.OrderID)
	a.Flow = order.Flow
	if _, err := NewCallbackLog(b.js).Store(within(t), a); err != nil {
		t.Fatal(err)
	}
	b.put(t, events.TrailSubject(string(order.Flow), order.Merchant, order.OrderID),
		Look{Flow: order.Flow, Merchant: order.Merchant, OrderID: order.OrderID, Verdict: "retry", Reason: "lagging"})
	refused := Refused{Class: ClassSignature, Flow: string(order.Flow), Merchant: order.Merchant, Reason: "bad-signature", Body: a.Body, ContentType: a.ContentType}
	if err := NewQuarantineLog(b.js).Keep(within(t), refused); err != nil {
		t.Fatal(err)
	}
	b.put(t, events.ParkedSubject(string(order.Flow), order.Merchant), json.RawMessage(a.Body))
}

// counts are how many of each kind a history holds, by merchant and flow.
func counts(h History) map[string]int {
	found := map[string]int{}
	for _, r := range h.Registrations {
		found[fmt.Sprintf("registration %s %s %s", r.Order.Merchant, r.Order.Flow, r.Order.OrderID)]++
	}
	for _, c := range h.Callbacks {
		found[fmt.Sprintf("callback %s %s %s", c.Order.Merchant, c.Order.Flow, c.Order.OrderID)]++
	}
	for _, l := range h.Looks {
		found[fmt.Sprintf("look %s %s %s", l.Merchant, l.Flow, l.OrderID)]++
	}
	for _, e := range h.Events {
		p := e.Event.Data.Common()
		found[fmt.Sprintf("event %s %s %s", p.Merchant, p.Flow, p.OrderID)]++
	}
	for _, p := range h.Parked {
		found[fmt.Sprintf("parked %s %s", p.Merchant, p.Flow)]++
	}
	for _, q := range h.Quarantined {
		found[fmt.Sprintf("refused %s %s", q.Merchant, q.Flow)]++
	}
	return found
}

// all are the counts of [bench.everything].
func all(order events.Order) map[string]int {
	name := fmt.Sprintf("%s %s %s", order.Merchant, order.Flow, order.OrderID)
	of := fmt.Sprintf("%s %s", order.Merchant, order.Flow)
	return map[string]int{
		"registration " + name: 2, "callback " + name: 1, "look " + name: 1, "event " + name: 3, "parked " + of: 1, "refused " + of: 1,
	}
}

// neighbourOf is another order id of the same bucket.
func neighbourOf(orderID string) string {
	for i := 0; ; i++ {
		if id := fmt.Sprintf("N%d", i); events.Bucket(id) == events.Bucket(orderID) {
			return id
		}
	}
}

// Of an order everything is found, and nothing of its neighbours on its subjects,
// however odd its id is.
func TestHistory(t *testing.T) {
	for _, id := range []string{"A1", "a.b>*/%41", "_unknown"} {
		t.Run(id, func(t *testing.T) {
			b := newStreams(t)
			ours, neighbour := collect("m1", id), collect("m1", neighbourOf(id))
			theirs := events.Order{Flow: events.FlowPay, Merchant: "m2", OrderID: id}
			for _, order := range []events.Order{neighbour, ours, theirs} {
				b.everything(t, order)
			}

			h, err := ReadHistory(within(t), b.js, "m1", id)
			ok(t, err)
			if diff := cmp.Diff(all(ours), counts(h)); diff != "" {
				t.Errorf("of one merchant (-want +got):\n%s", diff)
			}
			if !slices.IsSortedFunc(h.Events, func(a, b StoredEvent) int { return int(a.Sequence) - int(b.Sequence) }) {
				t.Errorf("events are not in the order of the ledger: %+v", h.Events)
			}
			h, err = ReadHistory(within(t), b.js, "", id)
			ok(t, err)
			want := all(ours)
			for name, n := range all(theirs) {
				want[name] = n
			}
			if diff := cmp.Diff(want, counts(h)); diff != "" {
				t.Errorf("of all merchants (-want +got):\n%s", diff)
			}
			h, err = ReadHistory(within(t), b.js, "", "other-"+id)
			ok(t, err)
			if diff := cmp.Diff(map[string]int{}, counts(h)); diff != "" {
				t.Errorf("of an order that nobody knows (-want +got):\n%s", diff)
			}
		})
	}
}

// A callback tells what the receiver knew of it, and where it was first.
func TestHistoryOfACallback(t *testing.T) {
	b := newStreams(t)
	a := accepted(t, "m1", "A1")
	_, err := NewCallbackLog(b.js).Store(within(t), a)
	ok(t, err)
	h, err := ReadHistory(within(t), b.js, "m1", "A1")
	ok(t, err)
	if len(h.Callbacks) != 1 {
		t.Fatalf("%d callbacks, want 1", len(h.Callbacks))
	}
	got := h.Callbacks[0]
	if got.Sequence != 1 || got.First != 1 || got.At.IsZero() || !got.ReceivedAt.Equal(a.ReceivedAt) || got.Callback != a.Callback ||
		got.KeyID != "k1" || got.Source != "192.0.2.1" || len(got.Dialects) != 0 {
		t.Errorf("the callback is %+v", got)
	}
}

// What can't be read in ORDERS is a fact about the order.
func TestHistoryOfABrokenRegistration(t *testing.T) {
	b := newStreams(t)
	order := collect("m1", "A1")
	b.put(t, events.SubmittedSubject(order), reconciletest.Submission(collect("m1", "A2"), "1000"))
	h, err := ReadHistory(within(t), b.js, "m1", "A1")
	ok(t, err)
	if len(h.Registrations) != 1 || h.Registrations[0].Event != nil || h.Registrations[0].Fault == nil || h.Registrations[0].Order != order {
		t.Errorf("the registrations are %+v", h.Registrations)
	}
}

func collect(merchant, orderID string) events.Order {
	return events.Order{Flow: events.FlowCollect, Merchant: merchant, OrderID: orderID}
}

// Strangers can push any number of bodies that speak of an order: the newest of each
// merchant are kept, and the others counted.
func TestHistoryOfManyRefused(t *testing.T) {
	r := &historian{}
	r.keepRefused(Quarantined{Sequence: 1, Refused: Refused{Merchant: "m2"}})
	for i := range uint64(mostRefused + 30) {
		r.keepRefused(Quarantined{Sequence: 2 + i, Refused: Refused{Merchant: "m1"}})
	}
	if n := len(r.Quarantined); n != mostRefused+1 || r.Quarantined[0].Sequence != 1 || r.Quarantined[1].Sequence != 32 {
		t.Errorf("%d are kept, the first of m1 is %d", n, r.Quarantined[1].Sequence)
	}
	if diff := cmp.Diff(map[string]int{"m1": 30}, r.Omitted); diff != "" {
		t.Errorf("omitted (-want +got):\n%s", diff)
	}
}

// A body that spells the order id by escapes is not passed over.
func TestHistoryOfEscapedRefused(t *testing.T) {
	b := newStreams(t)
	for i, kept := range []struct{ contentType, body string }{
		{"application/json", `{"orderId":"A 1"}`},
		{"application/json", `{"orderId":"\u0041 1"}`},
		{"application/x-www-form-urlencoded", "orderId=A+1"},
		{"application/x-www-form-urlencoded", "orderId=%41%201"},
		{"application/json", `{"orderId":"other"}`},
	} {
		ok(t, NewQuarantineLog(b.js).Keep(within(t), Refused{
			Class: ClassSignature, Flow: "collect", Merchant: fmt.Sprint("m", i), Reason: "bad-signature", Source: "192.0.2.1",
			ContentType: kept.contentType, ReceivedAt: reconciletest.Start, Body: []byte(kept.body),
		}))
	}
	h, err := ReadHistory(within(t), b.js, "", "A 1")
	ok(t, err)
	if len(h.Quarantined) != 4 {
		t.Errorf("%d refused pushes, want 4: %+v", len(h.Quarantined), h.Quarantined)
	}
}

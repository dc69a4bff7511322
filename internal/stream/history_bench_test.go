package stream

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// BenchmarkHistory reads the history of an order in a ledger of a million orders
// of one merchant, each with a registration, a callback, a look and an event.
func BenchmarkHistory(b *testing.B) {
	const orders = 1_000_000
	const gib = config.Bytes(1 << 30)
	s := newBench(b)
	t := topology()
	t.PaymentsMaxBytes, t.CallbacksMaxBytes, t.OrdersMaxBytes, t.TrailMaxBytes = 3*gib, gib, gib, gib
	t.QuarantineMaxBytes, t.QuarantineMaxPerSubject = gib, 200_000
	if err := Setup(within(b), s.js, t); err != nil {
		b.Fatal(err)
	}
	s.fill(b, orders)
	const junk = 200_000 // of one class, flow and merchant: all that QUARANTINE keeps
	for _, of := range []struct {
		name, merchant string
		junk           int
	}{{"merchant", "m1", 0}, {"any merchant", "", 0}, {"any merchant, QUARANTINE full", "", junk}} {
		s.refuse(b, of.junk)
		b.Run(of.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i += 7919
				h, err := ReadHistory(b.Context(), s.js, of.merchant, fmt.Sprintf("A%d", i%orders))
				if err != nil {
					b.Fatal(err)
				}
				if len(h.Registrations) != 1 || len(h.Callbacks) != 1 || len(h.Looks) != 1 || len(h.Events) != 1 {
					b.Fatalf("%v", counts(h))
				}
			}
		})
	}
}

// fill stores orders, many at a time.
func (b *bench) fill(t testing.TB, orders int) {
	t.Helper()
	js, err := jetstream.New(b.nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		t.Fatal(err)
	}
	put := func(subject string, header nats.Header, body []byte) {
		if _, err := js.PublishMsgAsync(&nats.Msg{Subject: subject, Header: header, Data: body}); err != nil {
			t.Fatal(err)
		}
	}
	asJSON := func(value any) []byte {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for i := range orders {
		order := collect("m1", fmt.Sprintf("A%d", i))
		registered, settled := reconciletest.Submission(order, "1000"), reconciletest.Outcome(order, events.OutcomeSettled, "1000")
		put(registered.NATSSubject(), nil, asJSON(registered))
		put(settled.NATSSubject(), nil, asJSON(settled))
		heard := accepted(t, "m1", order.OrderID).message()
		put(heard.Subject, heard.Header, heard.Data)
		put(events.TrailSubject("collect", "m1", order.OrderID), nil,
			asJSON(Look{Flow: order.Flow, Merchant: "m1", OrderID: order.OrderID, Verdict: "retry", Reason: "lagging"}))
	}
	<-js.PublishAsyncComplete()
}

// refuse stores pushes with a wrong signature.
func (b *bench) refuse(t testing.TB, count int) {
	t.Helper()
	js, err := jetstream.New(b.nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		_, err := js.PublishMsgAsync(&nats.Msg{
			Subject: events.QuarantineSubject(events.QuarantineSignature, "collect", "m1"),
			Header:  nats.Header{HeaderContentType: {"application/json"}, HeaderReason: {"bad-signature"}},
			Data:    fmt.Appendf(nil, `{"platOrderId":"P%d","orderId":"junk%d","amount":1000.00,"status":1,"remark":"","sign":"e6c17a5f2c7587641371b7b041f8ced0"}`, i, i),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
}

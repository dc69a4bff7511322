package stream

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// TestOrdersOfBothFlows: what is written without the guard, as by services in
// other languages, may register one id in both flows; the last that was not
// withdrawn stands. That an order was repeated says nothing here.
func TestOrdersOfBothFlows(t *testing.T) {
	collect, pay := reconciletest.Order(events.FlowCollect, "A"), reconciletest.Order(events.FlowPay, "A")
	repeated := func(order events.Order, amount string) events.OrderEvent {
		e := reconciletest.Submission(order, amount)
		e, err := events.NewRepeated(e.Installation(), e.Time, e.Data)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for name, test := range map[string]struct {
		stored []events.OrderEvent
		want   events.Flow // empty: nothing stands
	}{
		"the last": {
			[]events.OrderEvent{reconciletest.Submission(collect, "1"), reconciletest.Submission(pay, "1"), repeated(collect, "1")},
			events.FlowPay,
		},
		"withdrawn in one": {
			[]events.OrderEvent{reconciletest.Submission(collect, "1"), reconciletest.Submission(pay, "1"), reconciletest.Withdrawal(pay, "1")},
			events.FlowCollect,
		},
		"withdrawn in both": {
			[]events.OrderEvent{
				reconciletest.Submission(collect, "1"), reconciletest.Withdrawal(collect, "1"),
				reconciletest.Submission(pay, "1"), reconciletest.Withdrawal(pay, "1"),
			},
			"",
		},
		"repeated, and never registered": {[]events.OrderEvent{repeated(pay, "1")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newStreams(t)
			for _, e := range test.stored {
				body, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := b.js.PublishMsg(within(t), &nats.Msg{Subject: e.NATSSubject(), Data: body}); err != nil {
					t.Fatal(err)
				}
			}
			o, err := OpenOrders(within(t), b.js, patience)
			if err != nil {
				t.Fatal(err)
			}
			got, err := o.Submitted(within(t), reconciletest.MerchantID, "A")
			if err != nil || (got == nil) != (test.want == "") || got != nil && (got.Flow != test.want || got.Unusable) {
				t.Errorf("Submitted = %+v, %v; want of %q", got, err, test.want)
			}
		})
	}
}

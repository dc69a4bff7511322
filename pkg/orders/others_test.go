package orders_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

// register publishes as a service in another language may: without the filter,
// and without a token.
func register(t *testing.T, js jetstream.JetStream, e events.OrderEvent) {
	t.Helper()
	body, err := e.MarshalJSON()
	must(t, err)
	_, err = js.PublishMsg(within(t), &nats.Msg{Subject: e.NATSSubject(), Data: body}, jetstream.WithExpectLastSequencePerSubject(0))
	must(t, err)
}

// TestRegistrationsOfOthers stand like our own.
func TestRegistrationsOfOthers(t *testing.T) {
	_, js := newServer(t)
	b := orders.NewBook(js, patience)
	register(t, js, submission(t, order("A1", "10")))
	submits(t, b, submission(t, order("A1", "11")), false, orders.ErrOtherAmount)
	submits(t, b, submission(t, order("A1", "10")), false, nil)
	withdraws(t, b, withdrawal(t, order("A1", "10")), orders.ErrRepeated)
	register(t, js, submission(t, order("A2", "10")))
	withdraws(t, b, withdrawal(t, order("A2", "10")), nil)
	submits(t, b, submission(t, order("A2", "10")), false, orders.ErrWithdrawn)

	pay := order("A3", "10")
	pay.Flow = events.FlowPay
	register(t, js, submission(t, order("A3", "10")))
	register(t, js, submission(t, pay))
	submits(t, b, submission(t, order("A3", "10")), false, orders.ErrOtherFlow)
	withdraws(t, b, withdrawal(t, order("A3", "10")), orders.ErrOtherFlow)
	holds(
		t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1", "submitted.collect.m1001.A2", "withdrawn.collect.m1001.A2",
		"submitted.collect.m1001.A3", "submitted.pay.m1001.A3",
	)
}

// TestBroken: what nobody can write who keeps to the protocol never gets an
// order a new id, nor through.
func TestBroken(t *testing.T) {
	_, js := newServer(t)
	b := orders.NewBook(js, patience)
	repeat := func(o events.SubmittedOrder) events.OrderEvent {
		e, err := events.NewRepeated("test", at, o)
		must(t, err)
		return e
	}
	behind, before, gone := order("behind", "1"), order("before", "1"), order("gone", "1")
	for _, e := range []events.OrderEvent{
		submission(t, behind), repeat(behind), withdrawal(t, behind),
		submission(t, before), withdrawal(t, before), repeat(before),
		repeat(gone),
	} {
		register(t, js, e)
	}
	for _, o := range []events.SubmittedOrder{behind, before, gone} {
		fresh, err := b.Submit(within(t), submission(t, o))
		if fresh || err == nil || errors.Is(err, orders.ErrWithdrawn) || !strings.Contains(err.Error(), "a person has to rule") {
			t.Errorf("%s: Submit = %t, %v", o.OrderID, fresh, err)
		}
	}
	withdraws(t, b, withdrawal(t, behind), orders.ErrRepeated)
	withdraws(t, b, withdrawal(t, before), orders.ErrRepeated)
	withdraws(t, b, withdrawal(t, gone), orders.ErrNotRegistered)
}

func TestUnknownSubject(t *testing.T) {
	js := dial(t, testserver.NATS(t).ClientURL())
	_, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: stream.Orders, Subjects: []string{"orders.v1.>"}})
	must(t, err)
	_, err = js.Publish(within(t), "orders.v1.cancelled.collect.m1001.A1", nil)
	must(t, err)
	b := orders.NewBook(js, patience)
	if fresh, err := b.Submit(within(t), submission(t, order("A1", "1"))); fresh || !errors.Is(err, events.ErrSubject) {
		t.Errorf("Submit = %t, %v", fresh, err)
	}
	if err := b.Withdraw(within(t), withdrawal(t, order("A1", "1"))); !errors.Is(err, events.ErrSubject) {
		t.Errorf("Withdraw = %v", err)
	}
}

// TestStreamOfBefore takes no repeats until it is set up again, and without
// them no repeat may be created.
func TestStreamOfBefore(t *testing.T) {
	js := dial(t, testserver.NATS(t).ClientURL())
	_, err := js.CreateStream(within(t), jetstream.StreamConfig{
		Name: stream.Orders, Subjects: []string{"orders.v1.submitted.*.*.*", "orders.v1.withdrawn.*.*.*"},
		Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true, DenyDelete: true, DenyPurge: true,
	})
	must(t, err)
	must(t, stream.NewLedger(within(t), js, topology())) // it has one
	b := orders.NewBook(js, patience)
	e := submission(t, order("A1", "1"))
	submits(t, b, e, true, nil)
	if fresh, err := b.Submit(within(t), e); fresh || err == nil || !strings.Contains(err.Error(), "run 'settlehook setup' first") {
		t.Errorf("Submit = %t, %v", fresh, err)
	}
	must(t, stream.Setup(within(t), js, topology()))
	must(t, stream.Verify(within(t), js, topology()))
	submits(t, b, e, false, nil)
	holds(t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1")
}

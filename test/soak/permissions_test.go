package soak

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
)

// role is a connection in one of the roles of deploy/nats. What the server
// forbids it says on the side, and answers nothing.
type role struct {
	t         *testing.T
	nc        *nats.Conn
	js        jetstream.JetStream
	forbidden chan error
}

func (r *rig) as(t *testing.T, name string) *role {
	t.Helper()
	x := &role{t: t, forbidden: make(chan error, 64)}
	var err error
	x.nc, err = nats.Connect(r.nats.URL(name), nats.CustomInboxPrefix(testserver.InboxPrefix(name)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { x.forbidden <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.nc.Close)
	if x.js, err = jetstream.New(x.nc); err != nil {
		t.Fatal(err)
	}
	return x
}

// may not do what do does: the server says so.
func (x *role) mayNot(what string, do func(ctx context.Context) error) {
	x.t.Helper()
	ctx, cancel := context.WithCancel(x.t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	select {
	case err := <-x.forbidden:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			x.t.Errorf("%s: %v, want that it is forbidden", what, err)
		}
		cancel()
		<-done
	case err := <-done:
		if err == nil {
			x.t.Errorf("may %s", what)
			return
		}
		// The client knows of the violation, or the API does.
		if !errors.Is(err, nats.ErrPermissionViolation) && !strings.Contains(err.Error(), "permission") {
			x.t.Errorf("%s: %v, want that it is forbidden", what, err)
		}
	case <-time.After(patience):
		x.t.Errorf("%s: nobody forbids it", what)
	}
}

func (x *role) may(what string, do func(ctx context.Context) error) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 30*time.Second)
	defer cancel()
	if err := do(ctx); err != nil {
		x.t.Errorf("may not %s: %v", what, err)
	}
	select {
	case err := <-x.forbidden:
		x.t.Errorf("may not %s: %v", what, err)
	default:
	}
}

func (x *role) publish(subject string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := x.js.Publish(ctx, subject, []byte("{}"))
		return err
	}
}

func (x *role) consume(name, filter string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := x.js.CreateConsumer(ctx, name, jetstream.ConsumerConfig{FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy})
		return err
	}
}

func (x *role) request(subject, body string) func(context.Context) error {
	return func(ctx context.Context) error {
		m, err := x.nc.RequestWithContext(ctx, subject, []byte(body))
		if err == nil && strings.Contains(string(m.Data), `"error"`) {
			err = errors.New(string(m.Data))
		}
		return err
	}
}

const (
	apiGetLast = `{"last_by_subj":"payments.v1.settled.collect.load0.X"}`
	apiPurge   = "$JS.API.STREAM.PURGE."
)

// TestPermissions: every role does at NATS what it is for, which the other runs
// show for the programs, and nothing else.
func TestPermissions(t *testing.T) {
	g := newLoadGateway(t, 1, testserver.FreeAddr(t))
	r := newRig(t, plan{merchants: g.merchantsFile(), gateways: map[string]string{"load": g.addr}})
	const settled = "payments.v1.settled.collect.load0.X"

	t.Run("receiver", func(t *testing.T) {
		x := r.as(t, "receiver")
		x.may("store a callback", x.publish("callbacks.v1.collect.load0.ff"))
		x.may("look at a stream", func(ctx context.Context) error { _, err := x.js.Stream(ctx, stream.Payments); return err })
		x.mayNot("read PAYMENTS", x.request("$JS.API.STREAM.MSG.GET.PAYMENTS", apiGetLast))
		x.mayNot("read PAYMENTS directly", x.request("$JS.API.DIRECT.GET.PAYMENTS", apiGetLast))
		x.mayNot("make a consumer of PAYMENTS", x.consume(stream.Payments, "payments.v1.>"))
		x.mayNot("make a consumer of CALLBACKS", x.consume(stream.Callbacks, "callbacks.v1.>"))
		x.mayNot("pull another's consumer", x.request("$JS.API.CONSUMER.MSG.NEXT.CALLBACKS.reconciler-load0", "1"))
		x.mayNot("tell downstream", x.publish(settled))
		x.mayNot("register an order", x.publish("orders.v1.submitted.collect.load0.X"))
		x.mayNot("purge CALLBACKS", x.request(apiPurge+stream.Callbacks, ""))
		x.mayNot("listen to payments", x.subscribe("payments.v1.>"))
		x.mayNot("listen to callbacks", x.subscribe("callbacks.v1.>"))
		x.mayNot("listen to all", x.subscribe(">"))
		x.mayNot("read the worker's replies", x.subscribe(testserver.InboxPrefix("worker")+".>"))
		x.mayNot("read the common inbox", x.subscribe("_INBOX.>"))
	})
	t.Run("worker", func(t *testing.T) {
		x := r.as(t, "worker")
		x.may("purge CALLBACKS", x.request(apiPurge+stream.Callbacks, `{"seq":1}`))
		x.may("make a merchant's consumer", x.consume(stream.Callbacks, "callbacks.v1.*.new.*"))
		x.mayNot("purge PAYMENTS", x.request(apiPurge+stream.Payments, ""))
		x.mayNot("purge ORDERS", x.request(apiPurge+stream.Orders, ""))
		x.mayNot("remove an event", x.request("$JS.API.STREAM.MSG.DELETE.PAYMENTS", `{"seq":1}`))
		x.mayNot("change PAYMENTS", x.request("$JS.API.STREAM.UPDATE.PAYMENTS", "{}"))
		x.mayNot("remove PAYMENTS", x.request("$JS.API.STREAM.DELETE.PAYMENTS", ""))
		x.mayNot("make a stream", x.request("$JS.API.STREAM.CREATE.OTHER", "{}"))
		x.mayNot("remove a consumer", x.request("$JS.API.CONSUMER.DELETE.CALLBACKS.reconciler-load0", ""))
		x.mayNot("set a consumer back", x.request("$JS.API.CONSUMER.RESET.CALLBACKS.reconciler-load0", `{"seq":1}`))
		x.mayNot("move a stream", x.request("$JS.API.STREAM.LEADER.STEPDOWN.PAYMENTS", ""))
		x.mayNot("store a callback", x.publish("callbacks.v1.collect.load0.ff"))
		x.mayNot("register an order", x.publish("orders.v1.submitted.collect.load0.X"))
		x.mayNot("listen to payments", x.subscribe("payments.v1.>"))
		x.mayNot("read the receiver's replies", x.subscribe(testserver.InboxPrefix("receiver")+".>"))
	})
	t.Run("order service", func(t *testing.T) {
		x := r.as(t, "order-service")
		x.may("register an order", x.publish("orders.v1.submitted.collect.load0.X"))
		x.mayNot("tell downstream", x.publish(settled))
		x.mayNot("store a callback", x.publish("callbacks.v1.collect.load0.ff"))
		x.mayNot("read PAYMENTS", x.request("$JS.API.STREAM.MSG.GET.PAYMENTS", apiGetLast))
		x.mayNot("make a consumer", x.consume(stream.Payments, "payments.v1.>"))
		x.mayNot("purge ORDERS", x.request(apiPurge+stream.Orders, ""))
		x.mayNot("remove a registration", x.request("$JS.API.STREAM.MSG.DELETE.ORDERS", `{"seq":1}`))
	})
	t.Run("downstream", func(t *testing.T) {
		x := r.as(t, "downstream")
		x.may("make a consumer of PAYMENTS", x.consume(stream.Payments, "payments.v1.settled.>"))
		for _, o := range []events.Outcome{
			events.OutcomeSettled, events.OutcomeFailed, events.OutcomeReversed, events.OutcomeExpired, events.OutcomeReview, events.OutcomeResolved,
		} {
			x.mayNot("tell itself "+string(o), x.publish("payments.v1."+string(o)+".collect.load0.X"))
		}
		x.mayNot("store a callback", x.publish("callbacks.v1.collect.load0.ff"))
		x.mayNot("register an order", x.publish("orders.v1.submitted.collect.load0.X"))
		x.mayNot("read callbacks", x.consume(stream.Callbacks, "callbacks.v1.>"))
		x.mayNot("read the submitted orders", x.consume(stream.Orders, "orders.v1.>"))
		x.mayNot("purge PAYMENTS", x.request(apiPurge+stream.Payments, ""))
		x.mayNot("remove a consumer", x.request("$JS.API.CONSUMER.DELETE.PAYMENTS.lookback-load0", ""))
	})
	t.Run("operator", func(t *testing.T) {
		x := r.as(t, "operator")
		x.may("read the ledger", x.consume(stream.Payments, "payments.v1.>"))
		x.may("redrive a callback", x.publish("callbacks.v1.collect.load0.ff"))
		x.mayNot("purge PAYMENTS", x.request(apiPurge+stream.Payments, ""))
		x.mayNot("remove an event", x.request("$JS.API.STREAM.MSG.DELETE.PAYMENTS", `{"seq":1}`))
		x.mayNot("change PAYMENTS", x.request("$JS.API.STREAM.UPDATE.PAYMENTS", "{}"))
		x.mayNot("register an order", x.publish("orders.v1.submitted.collect.load0.X"))
		x.mayNot("remove a worker's consumer", x.request("$JS.API.CONSUMER.DELETE.CALLBACKS.reconciler-load0", ""))
		x.mayNot("set a worker's consumer back", x.request("$JS.API.CONSUMER.RESET.CALLBACKS.reconciler-load0", `{"seq":1}`))
	})
	t.Run("setup", func(t *testing.T) {
		x := r.as(t, "setup")
		x.mayNot("tell downstream", x.publish(settled))
		x.mayNot("store a callback", x.publish("callbacks.v1.collect.load0.ff"))
		x.mayNot("remove PAYMENTS", x.request("$JS.API.STREAM.DELETE.PAYMENTS", ""))
		x.mayNot("purge PAYMENTS", x.request(apiPurge+stream.Payments, ""))
	})
	t.Run("recovery", func(t *testing.T) {
		x := r.as(t, "recovery")
		x.mayNot("tell downstream", x.publish(settled))
		x.mayNot("remove PAYMENTS", x.request("$JS.API.STREAM.DELETE.PAYMENTS", ""))
		x.mayNot("purge PAYMENTS", x.request(apiPurge+stream.Payments, ""))
		x.mayNot("change PAYMENTS", x.request("$JS.API.STREAM.UPDATE.PAYMENTS", "{}"))
	})
	t.Run("nobody", func(t *testing.T) {
		if nc, err := nats.Connect("nats://" + r.nats[0].Addr); err == nil {
			nc.Close()
			t.Error("may connect")
		}
	})
	r.permitted()
}

// subscribe returns once the server has taken or forbidden the subscription.
func (x *role) subscribe(subject string) func(context.Context) error {
	return func(ctx context.Context) error {
		sub, err := x.nc.SubscribeSync(subject)
		if err != nil {
			return err
		}
		_, err = sub.NextMsgWithContext(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
}

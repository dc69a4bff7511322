package orders_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

// two returns the books of two processes, the first over a line.
func two(t *testing.T) (js jetstream.JetStream, a *orders.Book, l *line, b *orders.Book) {
	t.Helper()
	url, js := newServer(t)
	l = &line{JetStream: dial(t, url)}
	return js, orders.NewBook(l, patience), l, orders.NewBook(dial(t, url), patience)
}

// late holds publishes of a kind back, tells their caller that they failed, and
// returns what sends the last of them.
func (l *line) late(kind string) (arrive func() error) {
	held := func() error { return errors.New("nothing is on its way") }
	l.of = kind
	l.publish = func(_ context.Context, send func(context.Context) error) error {
		held = func() error { return send(context.Background()) }
		return nats.ErrTimeout
	}
	return func() error { return held() }
}

// refusedByTheServer is for a publish that comes too late.
func refusedByTheServer(t *testing.T, err error) {
	t.Helper()
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
		t.Errorf("what came too late: %v, want the wrong last sequence", err)
	}
}

// TestRepeatKeepsTheRegistration: a second attempt was told that it may create
// the order, so neither the first nor the second can withdraw it.
func TestRepeatKeepsTheRegistration(t *testing.T) {
	js, a, _, b := two(t)
	o := order("A1", "10")
	submits(t, a, submission(t, o), true, nil)
	submits(t, b, submission(t, o), false, nil)
	for range 2 {
		withdraws(t, a, withdrawal(t, o), orders.ErrRepeated)
		withdraws(t, b, withdrawal(t, o), orders.ErrRepeated)
		submits(t, a, submission(t, o), false, nil)
	}
	withdraws(t, a, withdrawal(t, order("A1", "11")), orders.ErrOtherAmount)
	submits(t, b, submission(t, order("A1", "11")), false, orders.ErrOtherAmount)
	holds(t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1")
}

// TestLateWithdrawal: its caller was told that nobody knows, and a further
// attempt was let through before it arrived.
func TestLateWithdrawal(t *testing.T) {
	js, a, l, b := two(t)
	o := order("A1", "10")
	submits(t, a, submission(t, o), true, nil)
	arrive := l.late("withdrawn.")
	withdraws(t, a, withdrawal(t, o), nats.ErrTimeout)
	submits(t, b, submission(t, o), false, nil)
	refusedByTheServer(t, arrive())
	withdraws(t, a, withdrawal(t, o), orders.ErrRepeated)
	holds(t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1")
}

// TestLateWithdrawalIsFirst: it arrives before the further attempt.
func TestLateWithdrawalIsFirst(t *testing.T) {
	js, a, l, b := two(t)
	o := order("A1", "10")
	submits(t, a, submission(t, o), true, nil)
	arrive := l.late("withdrawn.")
	withdraws(t, a, withdrawal(t, o), nats.ErrTimeout)
	must(t, arrive())
	submits(t, b, submission(t, o), false, orders.ErrWithdrawn)
	withdraws(t, a, withdrawal(t, o), nil)
	holds(t, js, "submitted.collect.m1001.A1", "withdrawn.collect.m1001.A1")
}

// TestLateRepeat: its caller was told that nobody knows, and so created nothing.
func TestLateRepeat(t *testing.T) {
	js, a, l, b := two(t)
	o := order("A1", "10")
	submits(t, b, submission(t, o), true, nil)
	arrive := l.late("repeated.")
	submits(t, a, submission(t, o), false, nats.ErrTimeout)
	withdraws(t, b, withdrawal(t, o), nil)
	refusedByTheServer(t, arrive())
	submits(t, a, submission(t, o), false, orders.ErrWithdrawn)
	holds(t, js, "submitted.collect.m1001.A1", "withdrawn.collect.m1001.A1")
}

// TestLateRegistration: another attempt registered, was refused and withdrew in
// the meantime.
func TestLateRegistration(t *testing.T) {
	js, a, l, b := two(t)
	o := order("A1", "10")
	arrive := l.late("submitted.")
	submits(t, a, submission(t, o), false, nats.ErrTimeout)
	submits(t, b, submission(t, o), true, nil)
	withdraws(t, b, withdrawal(t, o), nil)
	refusedByTheServer(t, arrive())
	holds(t, js, "submitted.collect.m1001.A1", "withdrawn.collect.m1001.A1")
}

// TestRepeatAfterWithdrawal, also where the withdrawal gets in between the two
// publishes of the repeat.
func TestRepeatAfterWithdrawal(t *testing.T) {
	for _, between := range []bool{false, true} {
		t.Run(fmt.Sprintf("between %t", between), func(t *testing.T) {
			js, b, l, a := two(t)
			o := order("A1", "10")
			submits(t, a, submission(t, o), true, nil)
			l.of = "repeated."
			l.publish = func(ctx context.Context, send func(context.Context) error) error {
				if !between {
					t.Error("the repeat of a withdrawn order was published")
				}
				withdraws(t, a, withdrawal(t, o), nil)
				return send(ctx)
			}
			if !between {
				withdraws(t, a, withdrawal(t, o), nil)
			}
			submits(t, b, submission(t, o), false, orders.ErrWithdrawn)
			holds(t, js, "submitted.collect.m1001.A1", "withdrawn.collect.m1001.A1")
		})
	}
}

// TestWithdrawalAfterRepeat, where the repeat gets in between the withdrawal's
// reading and its publish.
func TestWithdrawalAfterRepeat(t *testing.T) {
	js, a, l, b := two(t)
	o := order("A1", "10")
	submits(t, a, submission(t, o), true, nil)
	l.of = "withdrawn."
	l.publish = func(ctx context.Context, send func(context.Context) error) error {
		submits(t, b, submission(t, o), false, nil)
		return send(ctx)
	}
	withdraws(t, a, withdrawal(t, o), orders.ErrRepeated)
	holds(t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1")
}

// TestLostRepeat: its answer is lost, or it is, while another attempt's stands.
func TestLostRepeat(t *testing.T) {
	for name, lose := range map[string]func(context.Context, func(context.Context) error) error{
		"answer": lostAnswer, "request": lostRequest,
	} {
		t.Run(name, func(t *testing.T) {
			js, a, l, b := two(t)
			o := order("A1", "10")
			submits(t, b, submission(t, o), true, nil)
			l.of, l.publish = "repeated.", func(ctx context.Context, send func(context.Context) error) error {
				submits(t, b, submission(t, o), false, nil)
				return lose(ctx, func(ctx context.Context) error { _ = send(ctx); return nil })
			}
			submits(t, a, submission(t, o), false, nil)
			holds(t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1")
		})
	}
}

// TestOtherFlow: an order id names one order.
func TestOtherFlow(t *testing.T) {
	_, js := newServer(t)
	b := orders.NewBook(js, patience)
	flowed := func(id string, f events.Flow) events.SubmittedOrder {
		o := order(id, "10")
		o.Flow = f
		return o
	}
	collect := func(id string) events.SubmittedOrder { return flowed(id, events.FlowCollect) }
	pay := func(id string) events.SubmittedOrder { return flowed(id, events.FlowPay) }
	for _, id := range []string{"registered", "repeated", "withdrawn"} {
		submits(t, b, submission(t, collect(id)), true, nil)
	}
	submits(t, b, submission(t, collect("repeated")), false, nil)
	withdraws(t, b, withdrawal(t, collect("withdrawn")), nil)
	before := len(stored(t, js))
	for _, id := range []string{"registered", "repeated", "withdrawn"} {
		submits(t, b, submission(t, pay(id)), false, orders.ErrOtherFlow)
		withdraws(t, b, withdrawal(t, pay(id)), orders.ErrOtherFlow)
	}
	if n := len(stored(t, js)); n != before {
		t.Errorf("%d messages are stored, want %d", n, before)
	}
}

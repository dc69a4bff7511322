package orders_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

// submits calls Submit and checks what it says.
func submits(t *testing.T, b *orders.Book, e events.OrderEvent, fresh bool, want error) {
	t.Helper()
	got, err := b.Submit(within(t), e)
	if got != fresh || !errors.Is(err, want) {
		t.Errorf("Submit(%s, %s %s) = %t, %v; want %t, %v", e.ID, e.Data.Amount, e.Data.Currency, got, err, fresh, want)
	}
}

func TestSubmitOnce(t *testing.T) {
	b, js := newBook(t)
	e := submission(t, order("A1", "1000.5"))
	submits(t, b, e, true, nil)
	submits(t, b, e, false, nil)
	submits(t, orders.NewBook(js, patience), submission(t, order("A1", "1000.50")), false, nil)
	submits(t, b, submission(t, order("A1", "1000.51")), false, orders.ErrOtherAmount)
	dollars := order("A1", "1000.5")
	dollars.Currency = "USD"
	submits(t, b, submission(t, dollars), false, orders.ErrOtherAmount)
	submits(t, b, submission(t, order("A1.2", "7")), true, nil)
	pay := order("A1", "7")
	pay.Flow = events.FlowPay // a subject of its own: the worker finds the conflict
	submits(t, b, submission(t, pay), true, nil)

	all := stored(t, js)
	if len(all) != 3 {
		t.Fatalf("%d messages are stored, want 3", len(all))
	}
	m := all[0]
	if m.Subject != "orders.v1.submitted.collect.m1001.A1" || m.Header.Get("Content-Type") != events.ContentType {
		t.Errorf("stored on %s as %s", m.Subject, m.Header.Get("Content-Type"))
	}
	if got, err := events.DecodeSubmitted(m.Data); err != nil || got.Data.Amount.String() != "1000.50" || !got.Time.Equal(at) {
		t.Errorf("stored %+v, %v", got, err)
	}
}

func TestErrorsNameTheOrder(t *testing.T) {
	b, _ := newBook(t)
	submits(t, b, submission(t, order("A1", "1")), true, nil)
	_, err := b.Submit(within(t), submission(t, order("A1", "2")))
	const want = "register order A1 of merchant m1001: the order was registered before with another amount: repeat it with that amount, or take a new order id"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestSubmitOverWhatIsUnreadable(t *testing.T) {
	b, js := newBook(t)
	elsewhere, err := submission(t, order("B", "10")).MarshalJSON()
	must(t, err)
	for id, body := range map[string][]byte{"A1": []byte(`{"type":"another program's"}`), "A2": elsewhere, "A3": nil} {
		_, err := js.Publish(within(t), events.SubmittedSubject(order(id, "10").Order()), body)
		must(t, err)
		submits(t, b, submission(t, order(id, "10")), false, orders.ErrOtherAmount)
		if err := b.Withdraw(within(t), withdrawal(t, order(id, "10"))); !errors.Is(err, orders.ErrOtherAmount) {
			t.Errorf("Withdraw(%s) = %v", id, err)
		}
	}
}

func TestWithdraw(t *testing.T) {
	b, js := newBook(t)
	o := order("A1", "10")
	if err := b.Withdraw(within(t), withdrawal(t, o)); !errors.Is(err, orders.ErrNotRegistered) {
		t.Errorf("Withdraw of nothing = %v", err)
	}
	submits(t, b, submission(t, o), true, nil)
	if err := b.Withdraw(within(t), withdrawal(t, order("A1", "11"))); !errors.Is(err, orders.ErrOtherAmount) {
		t.Errorf("Withdraw of another amount = %v", err)
	}
	for range 2 {
		if err := b.Withdraw(within(t), withdrawal(t, o)); err != nil {
			t.Errorf("Withdraw = %v", err)
		}
	}
	submits(t, b, submission(t, o), false, orders.ErrWithdrawn)
	submits(t, b, submission(t, order("A1", "11")), false, orders.ErrWithdrawn)
	all := stored(t, js)
	if len(all) != 2 || all[1].Subject != "orders.v1.withdrawn.collect.m1001.A1" || all[1].Header.Get("Content-Type") != events.ContentType {
		t.Errorf("stored %+v", all)
	}
}

// TestWithdrawnBeforehand: a withdrawal without a registration would take away
// the registration that comes after it.
func TestWithdrawnBeforehand(t *testing.T) {
	b, js := newBook(t)
	_, err := js.Publish(within(t), events.WithdrawnSubject(order("A1", "1").Order()), nil)
	must(t, err)
	submits(t, b, submission(t, order("A1", "1")), false, orders.ErrWithdrawn)
}

func TestEachCallTakesItsOwnEvents(t *testing.T) {
	b, js := newBook(t)
	o := order("A1", "1")
	if fresh, err := b.Submit(within(t), withdrawal(t, o)); fresh || err == nil {
		t.Errorf("Submit of a withdrawal = %t, %v", fresh, err)
	}
	if err := b.Withdraw(within(t), submission(t, o)); err == nil {
		t.Error("Withdraw takes a registration")
	}
	if fresh, err := b.Submit(within(t), events.OrderEvent{}); fresh || err == nil {
		t.Errorf("Submit of nothing = %t, %v", fresh, err)
	}
	if n := len(stored(t, js)); n != 0 {
		t.Errorf("%d messages are stored", n)
	}
}

// TestGuardIsOnTheMessage: it does not take the stream's limit to keep the
// first registration.
func TestGuardIsOnTheMessage(t *testing.T) {
	js := dial(t, testserver.NATS(t).ClientURL())
	_, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: stream.Orders, Subjects: []string{"orders.v1.>"}})
	must(t, err)
	b := orders.NewBook(js, patience)
	submits(t, b, submission(t, order("A1", "10")), true, nil)
	submits(t, b, submission(t, order("A1", "11")), false, orders.ErrOtherAmount)
	if n := len(stored(t, js)); n != 1 {
		t.Errorf("%d messages are stored, want 1", n)
	}
}

// TestRace: of all who register an order at once, one got there first and
// knows it, and those with another amount are told.
func TestRace(t *testing.T) {
	url, js := newServer(t)
	const racers = 16
	type answer struct {
		amount string
		fresh  bool
		err    error
	}
	for _, id := range []string{"A1", "A2", "A3", "A4"} {
		answers := make(chan answer, racers)
		var start, done sync.WaitGroup
		start.Add(1)
		for i := range racers {
			b := orders.NewBook(dial(t, url), patience)
			amount := []string{"10", "11"}[i%2]
			e := submission(t, order(id, amount))
			done.Go(func() {
				start.Wait()
				fresh, err := b.Submit(within(t), e)
				answers <- answer{amount, fresh, err}
			})
		}
		start.Done()
		done.Wait()
		close(answers)
		standing, err := js.Stream(within(t), stream.Orders)
		must(t, err)
		m, err := standing.GetLastMsgForSubject(within(t), events.SubmittedSubject(order(id, "1").Order()))
		must(t, err)
		stands, err := events.DecodeSubmitted(m.Data)
		must(t, err)
		fresh := 0
		for a := range answers {
			if a.fresh {
				fresh++
			}
			switch same := events.MustParseAmount(a.amount).Equal(stands.Data.Amount); {
			case same && a.err != nil:
				t.Errorf("%s: the amount that stands is refused: %v", id, a.err)
			case !same && (a.fresh || !errors.Is(a.err, orders.ErrOtherAmount)):
				t.Errorf("%s: the amount that does not stand: %t, %v", id, a.fresh, a.err)
			}
		}
		if fresh != 1 {
			t.Errorf("%s: %d were told that they were first", id, fresh)
		}
	}
}

func TestWithoutStream(t *testing.T) {
	js := dial(t, testserver.NATS(t).ClientURL())
	b := orders.NewBook(js, patience)
	fresh, err := b.Submit(within(t), submission(t, order("A1", "1")))
	if fresh || err == nil || !strings.Contains(err.Error(), "run 'settlehook setup' first") {
		t.Errorf("Submit = %t, %v", fresh, err)
	}
	// It is looked for again.
	must(t, stream.Setup(within(t), js, topology()))
	submits(t, b, submission(t, order("A1", "1")), true, nil)
}

func TestStaleReadsAreRefused(t *testing.T) {
	js := dial(t, testserver.NATS(t).ClientURL())
	_, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: stream.Orders, Subjects: []string{"orders.v1.>"}, AllowDirect: true})
	must(t, err)
	fresh, err := orders.NewBook(js, patience).Submit(within(t), submission(t, order("A1", "1")))
	if fresh || err == nil || !strings.Contains(err.Error(), "allow_direct") {
		t.Errorf("Submit = %t, %v", fresh, err)
	}
}

func TestWithoutTime(t *testing.T) {
	b, js := newBook(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := order("A1", "1")
	if fresh, err := b.Submit(ctx, submission(t, o)); fresh || !errors.Is(err, context.Canceled) {
		t.Errorf("Submit = %t, %v", fresh, err)
	}
	if err := b.Withdraw(ctx, withdrawal(t, o)); !errors.Is(err, context.Canceled) {
		t.Errorf("Withdraw = %v", err)
	}
	if n := len(stored(t, js)); n != 0 {
		t.Errorf("%d messages are stored", n)
	}
}

package orders_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// withdraws calls Withdraw and checks what it says.
func withdraws(t *testing.T, b *orders.Book, e events.OrderEvent, want error) {
	t.Helper()
	if err := b.Withdraw(within(t), e); !errors.Is(err, want) {
		t.Errorf("Withdraw(%s, %s %s) = %v; want %v", e.ID, e.Data.Amount, e.Data.Currency, err, want)
	}
}

// holds checks what the stream has, by subject, oldest first.
func holds(t *testing.T, js jetstream.JetStream, want ...string) {
	t.Helper()
	var got []string
	for _, m := range stored(t, js) {
		got = append(got, strings.TrimPrefix(m.Subject, "orders.v1."))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
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

	holds(t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1", "submitted.collect.m1001.A1%2E2")
	all := stored(t, js)
	for _, m := range all[:2] {
		if e, err := events.DecodeOrder(m.Data); err != nil || e.NATSSubject() != m.Subject || e.Data.Amount.String() != "1000.50" ||
			e.Data.Currency != "INR" || e.Source != "urn:settlehook:test:m1001" || !e.Time.Equal(at) {
			t.Errorf("on %s: %+v, %v", m.Subject, e, err)
		}
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
	const want = "register order A1 of merchant m1001: the order was registered before with another amount: " +
		"the amount of an order can't change; a person has to rule out the first attempt before the sale gets a new order id"
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
	withdraws(t, b, withdrawal(t, order("A1", "1")), orders.ErrNotRegistered)
	holds(t, js, "withdrawn.collect.m1001.A1")
}

func TestEachCallTakesItsOwnEvents(t *testing.T) {
	b, js := newBook(t)
	o := order("A1", "1")
	if fresh, err := b.Submit(within(t), withdrawal(t, o)); fresh || err == nil {
		t.Errorf("Submit of a withdrawal = %t, %v", fresh, err)
	}
	repeated, err := events.NewRepeated("test", at, o)
	must(t, err)
	if fresh, err := b.Submit(within(t), repeated); fresh || err == nil {
		t.Errorf("Submit of a repeat = %t, %v", fresh, err)
	}
	for _, e := range []events.OrderEvent{submission(t, o), repeated} {
		if err := b.Withdraw(within(t), e); err == nil {
			t.Errorf("Withdraw takes a %s", e.Type)
		}
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
	for range 2 {
		submits(t, b, submission(t, order("A1", "10")), false, nil)
	}
	holds(t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1")
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

func TestDefaultTimeout(t *testing.T) {
	url, js := newServer(t)
	for _, timeout := range []time.Duration{0, -time.Second} {
		l := &line{JetStream: dial(t, url)}
		l.publish = func(ctx context.Context, send func(context.Context) error) error {
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left <= 0 || left > 5*time.Second {
				t.Errorf("with %s a publish has %s", timeout, left)
			}
			return send(ctx)
		}
		b := orders.NewBook(l, timeout)
		submits(t, b, submission(t, order("A"+timeout.String(), "1")), true, nil)
	}
	if n := len(stored(t, js)); n != 2 {
		t.Errorf("%d messages are stored, want 2", n)
	}
}

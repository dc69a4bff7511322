package orders_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

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

// attempts is what many processes were told about one order.
type attempts struct {
	mu                                 sync.Mutex
	first, repeats, withdrawn, refused int
	wrong                              []error
}

// attempt is one process: it registers, and is then refused by the gateway,
// whereupon it tries to withdraw, whether it may or not.
func (a *attempts) attempt(ctx context.Context, b *orders.Book, register, withdraw events.OrderEvent) {
	fresh, err := b.Submit(ctx, register)
	a.note(func() {
		switch {
		case fresh && err == nil:
			a.first++
		case err == nil:
			a.repeats++
		case !errors.Is(err, orders.ErrWithdrawn):
			a.wrong = append(a.wrong, err)
		}
	})
	if err != nil {
		return
	}
	err = b.Withdraw(ctx, withdraw)
	a.note(func() {
		switch {
		case err == nil && fresh:
			a.withdrawn++
		case errors.Is(err, orders.ErrRepeated):
			a.refused++
		default:
			a.wrong = append(a.wrong, fmt.Errorf("fresh %t: Withdraw = %v", fresh, err))
		}
	})
}

func (a *attempts) note(what func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	what()
}

// TestRacingAttempts: of one order there is never both a withdrawal and a
// process that was told that it may create it after all.
func TestRacingAttempts(t *testing.T) {
	const rounds, racers = 50, 6
	url, js := newServer(t)
	books := make([]*orders.Book, racers)
	for i := range books {
		books[i] = orders.NewBook(dial(t, url), patience)
	}
	s, err := js.Stream(within(t), stream.Orders)
	must(t, err)
	withdrawn, kept := 0, 0
	for round := range rounds {
		o := order(fmt.Sprintf("R%d", round), "10")
		register, withdraw := submission(t, o), withdrawal(t, o)
		ctx := within(t)
		var told attempts
		var start, done sync.WaitGroup
		start.Add(1)
		for _, b := range books {
			done.Go(func() {
				start.Wait()
				told.attempt(ctx, b, register, withdraw)
			})
		}
		start.Done()
		done.Wait()
		_, err := s.GetLastMsgForSubject(ctx, events.WithdrawnSubject(o.Order()))
		stands := err == nil
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			t.Fatal(err)
		}
		if told.first != 1 || len(told.wrong) > 0 {
			t.Errorf("%s: %d were first; %v", o.OrderID, told.first, told.wrong)
		}
		if stands && (told.repeats > 0 || told.withdrawn != 1) || !stands && told.withdrawn > 0 {
			t.Errorf("%s: withdrawn %t; %d repeats may create it, %d were told that it is withdrawn, %d that it is not",
				o.OrderID, stands, told.repeats, told.withdrawn, told.refused)
		}
		if stands {
			withdrawn++
		} else {
			kept++
		}
	}
	t.Logf("%d withdrawn, %d kept", withdrawn, kept)
}

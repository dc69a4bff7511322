package e2e

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// TestLostCreateIsOneOrder: the gateway creates every order and loses every
// answer. The order service tries again under the same id, several times at
// once; there is one order, one registration and one outcome.
func TestLostCreateIsOneOrder(t *testing.T) {
	w := newWorldAt(t, timeScale, sandbox.Rates{sandbox.CreateLost: 1}, 1)
	service, g := w.orderService(alice), w.gateways[alice]
	creates := map[string]func(id string) error{
		"collect": func(id string) error {
			_, err := service.CreateCollect(t.Context(), gateway.CollectOrder{PayCode: "upi", OrderID: id, Amount: dec("1000.00")})
			return err
		},
		"pay": func(id string) error {
			_, err := service.CreatePay(t.Context(), gateway.PayOrder{
				PayCode: "upi", OrderID: id, Amount: dec("1000.00"), BankAccount: "50100123456789",
				CustomName: "Asha Rao", Remark: "HDFC0000001", Number: "919876543210",
			})
			return err
		},
	}
	for flow, create := range creates {
		id := "lost-" + flow
		g.ExpectPayer(alice, id)
		var unknown *gateway.UnknownError
		if err := create(id); !errors.As(err, &unknown) {
			t.Fatalf("%s: %v, want an unknown outcome", flow, err)
		}
		var tries sync.WaitGroup
		for range 4 {
			tries.Go(func() {
				var exists *gateway.ExistsError
				if err := create(id); !errors.As(err, &exists) || exists.Order.OrderID != id {
					t.Errorf("%s again: %v, want that it exists", flow, err)
				}
			})
		}
		tries.Wait()
	}
	// And from the start several at once, as two instances of an order service
	// would: one of them creates it, all of them find it there.
	g.ExpectPayer(alice, "raced")
	var tries sync.WaitGroup
	for range 8 {
		tries.Go(func() { w.untilItExists(func() error { return creates["collect"]("raced") }) })
	}
	tries.Wait()

	if err := g.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.await("an event of every order", func() bool { return w.count(stream.Payments) >= 3 })
	w.await("all callbacks decided", func() bool { return w.drained(alice) })
	l := w.ledger()
	for _, id := range []string{"lost-collect", "lost-pay", "raced"} {
		l.holds(t, alice, id, "settled")
		for _, e := range l.of(alice, id) {
			if p := e.Data.Common(); p.Match != events.ThreeWay || p.Amount.String() != "1000.00" {
				t.Errorf("%s: %s over %s", id, p.Match, p.Amount)
			}
		}
	}
	if books := g.Books(); len(books) != 3 {
		t.Errorf("the gateway has %d orders, want 3", len(books))
	}
	// Each was registered once, and repeated, and nobody withdrew what exists.
	if submitted, repeated, withdrawn := w.said("submitted"), w.said("repeated"), w.said("withdrawn"); submitted != 3 || repeated != 3 || withdrawn != 0 {
		t.Errorf("%d orders registered, %d repeated, %d withdrawn, want 3, 3 and none", submitted, repeated, withdrawn)
	}
}

// untilItExists tries a create again while nobody knows what became of it.
func (w *world) untilItExists(create func() error) {
	var last error
	for range 10 {
		var exists *gateway.ExistsError
		var unknown *gateway.UnknownError
		if last = create(); errors.As(last, &exists) {
			return
		}
		if !errors.As(last, &unknown) {
			break
		}
	}
	w.t.Error(fmt.Errorf("it never existed: %w", last))
}

// said counts the messages of one kind that order services wrote.
func (w *world) said(kind string) int {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), stream.Orders)
	if err != nil {
		w.t.Fatalf("read %s: %v", stream.Orders, err)
	}
	info, err := s.Info(w.t.Context(), jetstream.WithSubjectFilter("orders.v1."+kind+".>"))
	if err != nil {
		w.t.Fatalf("read %s: %v", stream.Orders, err)
	}
	count := 0
	for _, n := range info.State.Subjects {
		count += int(n)
	}
	return count
}

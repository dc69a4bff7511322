package stream

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// A set-up that finds callbacks or orders and no ledger makes nothing: what is in
// them would be told again.
func TestSetupMakesNoSecondLedger(t *testing.T) {
	for filled, subject := range map[string]string{
		Callbacks: "callbacks.v1.collect.m1.00", Orders: "orders.v1.submitted.collect.m1.A1",
	} {
		t.Run(filled, func(t *testing.T) {
			b := newBench(t)
			ok(t, Setup(within(t), b.js, topology()))
			_, err := b.js.Publish(within(t), subject, nil)
			ok(t, err)
			for _, name := range []string{Payments, Parked} {
				ok(t, b.js.DeleteStream(within(t), name))
			}

			err = Setup(within(t), b.js, topology())
			if !errors.Is(err, ErrLedgerMissing) || !strings.Contains(err.Error(), filled+" has had messages") {
				t.Errorf("error %v, want %v with %s", err, ErrLedgerMissing, filled)
			}
			for _, name := range []string{Payments, Parked} {
				if _, err := b.js.Stream(within(t), name); !errors.Is(err, jetstream.ErrStreamNotFound) {
					t.Errorf("%s was made: %v", name, err)
				}
			}

			ok(t, NewLedger(within(t), b.js, topology()))
			ok(t, Setup(within(t), b.js, topology()))
			ok(t, Verify(within(t), b.js, topology()))
		})
	}
}

// Half a set-up, or a stream that was lost beside a ledger that is there, is
// mended.
func TestSetupMendsWhatIsNotTheLedger(t *testing.T) {
	for name, lost := range map[string][]string{
		"half a set-up":      {Payments, Orders, Trail, Parked, Quarantine},
		"all but the ledger": {Callbacks, Orders, Trail, Parked, Quarantine},
		"everything":         {Callbacks, Payments, Orders, Trail, Parked, Quarantine},
		"the callbacks":      {Callbacks},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			// nats-server 2.15.2 removes the account's folder after its last stream is
			// gone, in a race with the next stream's creation (10049): keep one there.
			_, err := b.js.CreateStream(within(t), jetstream.StreamConfig{Name: "ELSE", Subjects: []string{"else"}})
			ok(t, err)
			ok(t, Setup(within(t), b.js, topology()))
			for _, stream := range lost {
				ok(t, b.js.DeleteStream(within(t), stream))
			}
			ok(t, Setup(within(t), b.js, topology()))
			ok(t, Verify(within(t), b.js, topology()))
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package stream

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
)

// TestReadEvents reads parts of the ledger.
func TestReadEvents(t *testing.T) {
	b := newStreams(t)
	ledger, err := OpenLedger(within(t), b.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	tell := func(e events.Event, expected uint64) {
		t.Helper()
		if _, err := ledger.Append(within(t), e, expected); err != nil {
			t.Fatal(err)
		}
	}
	tell(reconciletest.Outcome(collect("m1", "A1"), events.OutcomeSettled, "1"), 0)
	tell(reconciletest.Outcome(collect("m2", "A1"), events.OutcomeSettled, "1"), 0)
	tell(reconciletest.Review(collect("m1", "A2"), "lagging"), 0)
	tell(reconciletest.Outcome(collect("m1", "A.3"), events.OutcomeFailed, "1"), 0)
	last, err := LastEvent(within(t), b.js)
	if err != nil || last != 4 {
		t.Fatalf("the last event is %d, %v", last, err)
	}
	for name, tt := range map[string]struct {
		r    EventRange
		want []uint64
	}{
		"all":              {EventRange{}, []uint64{1, 2, 3, 4}},
		"merchant":         {EventRange{Merchant: "m1"}, []uint64{1, 3, 4}},
		"last":             {EventRange{Last: 3}, []uint64{1, 2, 3}},
		"between two":      {EventRange{Merchant: "m2", Last: 3}, []uint64{2}},
		"beyond the end":   {EventRange{Last: 100}, []uint64{1, 2, 3, 4}},
		"since the future": {EventRange{Since: time.Now().Add(time.Hour)}, nil},
		"nobody's":         {EventRange{Merchant: "m3"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []uint64
			if err := ReadEvents(within(t), b.js, tt.r, nil, func(e StoredEvent) error { got = append(got, e.Sequence); return nil }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	broken := errors.New("broken")
	if err := ReadEvents(within(t), b.js, EventRange{}, nil, func(StoredEvent) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

// TestReadEventsRefusesForeignOnes: a line that is another order's than its subject
// says would be counted for the wrong merchant.
func TestReadEventsRefusesForeignOnes(t *testing.T) {
	for name, body := range map[string]string{"no event": "{}", "another merchant's": ""} {
		t.Run(name, func(t *testing.T) {
			b := newStreams(t)
			if body == "" {
				text, err := reconciletest.Outcome(collect("m2", "A1"), events.OutcomeSettled, "1").MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				body = string(text)
			}
			if _, err := b.js.Publish(within(t), "payments.v1.settled.collect.m1.A1", []byte(body)); err != nil {
				t.Fatal(err)
			}
			if err := ReadEvents(within(t), b.js, EventRange{}, nil, func(StoredEvent) error { return nil }); err == nil {
				t.Error("it is read")
			}
		})
	}
}

// TestReadRegistrations reads what order services said of one merchant's orders.
func TestReadRegistrations(t *testing.T) {
	b := newStreams(t)
	for i, merchant := range []string{"m1", "m2", "m1"} {
		e := reconciletest.Submission(collect(merchant, fmt.Sprintf("A%d", i)), "1000")
		body, err := e.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.js.Publish(within(t), e.NATSSubject(), body); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.js.Publish(within(t), "orders.v1.submitted.collect.m1.A9", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := ReadRegistrations(within(t), b.js, "m1", time.Time{}, nil, func(r Registration) error {
		got = append(got, fmt.Sprintf("%s %t", r.Order.OrderID, r.Fault != nil))
		return nil
	})
	if want := []string{"A0 false", "A2 false", "A9 true"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

package reconciletest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// LedgerSuite holds an implementation to the contract of [reconcile.Ledger].
// open returns an empty ledger.
func LedgerSuite(t *testing.T, open func(testing.TB) reconcile.Ledger) {
	for name, test := range map[string]func(*testing.T, ledgerUnderTest){
		"append":              testAppend,
		"append refused":      testAppendRefused,
		"guard spans":         testGuardSpans,
		"guard is per order":  testGuardPerOrder,
		"reviews":             testReviews,
		"open reviews":        testOpenReviews,
		"race":                testRace,
		"context":             testLedgerContext,
		"empty":               testEmpty,
		"what is read back":   testRoundTrip,
		"resolution is final": testResolvedOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, ledgerUnderTest{t, open(t)}) })
	}
}

// ledgerUnderTest adds what a test expects to a ledger.
type ledgerUnderTest struct {
	t *testing.T
	reconcile.Ledger
}

func (l ledgerUnderTest) stores(e events.Event, expected uint64) uint64 {
	l.t.Helper()
	seq, err := l.Append(context.Background(), e, expected)
	if err != nil || seq == 0 {
		l.t.Fatalf("Append(%s, %d) = %d, %v; want it stored", e.ID, expected, seq, err)
	}
	return seq
}

// refuses expects a definite refusal, which leaves the ledger as it was.
func (l ledgerUnderTest) refuses(e events.Event, expected uint64, want error) {
	l.t.Helper()
	order := e.Data.Common()
	before := l.lastID(order.Merchant, order.OrderID)
	seq, err := l.Append(context.Background(), e, expected)
	if !errors.Is(err, want) || seq != 0 {
		l.t.Fatalf("Append(%s, %d) = %d, %v; want %v", e.ID, expected, seq, err, want)
	}
	for _, other := range []error{reconcile.ErrConflict, reconcile.ErrExists} {
		if other != want && errors.Is(err, other) {
			l.t.Fatalf("Append(%s, %d) = %v: two reasons", e.ID, expected, err)
		}
	}
	if after := l.lastID(order.Merchant, order.OrderID); after != before {
		l.t.Fatalf("a refused event left its trace: last was %q, is %q", before, after)
	}
}

func (l ledgerUnderTest) lastID(merchant, orderID string) string {
	l.t.Helper()
	last, err := l.Last(context.Background(), merchant, orderID)
	if err != nil {
		l.t.Fatalf("Last(%s, %s): %v", merchant, orderID, err)
	}
	if last == nil {
		return ""
	}
	return last.Event.ID
}

func (l ledgerUnderTest) open(orderID string) []string {
	l.t.Helper()
	reviews, err := l.OpenReviews(context.Background(), MerchantID, orderID)
	if err != nil {
		l.t.Fatalf("OpenReviews(%s): %v", orderID, err)
	}
	ids := []string{}
	for i, r := range reviews {
		if r.Sequence == 0 || i > 0 && r.Sequence <= reviews[i-1].Sequence {
			l.t.Errorf("open reviews are not oldest first: %d after %d", r.Sequence, reviews[max(i-1, 0)].Sequence)
		}
		ids = append(ids, r.Event.ID)
	}
	return ids
}

func testEmpty(t *testing.T, l ledgerUnderTest) {
	if id := l.lastID(MerchantID, OrderID); id != "" {
		t.Errorf("the last event of an unknown order is %q", id)
	}
	if open := l.open(OrderID); len(open) != 0 {
		t.Errorf("open reviews of an unknown order: %v", open)
	}
}

func testAppend(t *testing.T, l ledgerUnderTest) {
	order := Order(events.FlowCollect, OrderID)
	failed := l.stores(Outcome(order, events.OutcomeFailed, "1000"), 0)
	settled := l.stores(Outcome(order, events.OutcomeSettled, "1000"), failed)
	reversed := l.stores(Outcome(order, events.OutcomeReversed, "1000"), settled)
	if failed >= settled || settled >= reversed {
		t.Errorf("sequences %d, %d, %d do not grow", failed, settled, reversed)
	}
	last, err := l.Last(t.Context(), MerchantID, OrderID)
	if err != nil || last == nil || last.Sequence != reversed || last.Event.Outcome() != events.OutcomeReversed {
		t.Errorf("Last = %+v, %v; want the reversal at %d", last, err, reversed)
	}
}

func testRoundTrip(t *testing.T, l ledgerUnderTest) {
	want := Outcome(Order(events.FlowPay, OrderID), events.OutcomeSettled, "1000.5")
	seq := l.stores(want, 0)
	last, err := l.Last(t.Context(), MerchantID, OrderID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&reconcile.Entry{Sequence: seq, Event: want}, last); diff != "" {
		t.Errorf("what is read back differs (-stored +read):\n%s", diff)
	}
}

func testAppendRefused(_ *testing.T, l ledgerUnderTest) {
	order := Order(events.FlowCollect, OrderID)
	settled, failed := Outcome(order, events.OutcomeSettled, "1000"), Outcome(order, events.OutcomeFailed, "1000")
	l.refuses(settled, 7, reconcile.ErrConflict) // nothing there yet
	seq := l.stores(settled, 0)
	l.refuses(failed, 0, reconcile.ErrConflict)
	l.refuses(failed, seq+1, reconcile.ErrConflict)
	l.refuses(settled, 0, reconcile.ErrConflict)
	l.refuses(settled, seq, reconcile.ErrExists) // the guard fits, the subject is taken
}

func testGuardSpans(t *testing.T, l ledgerUnderTest) {
	collect, pay := Order(events.FlowCollect, OrderID), Order(events.FlowPay, OrderID)
	outcomes := []events.Outcome{events.OutcomeSettled, events.OutcomeFailed, events.OutcomeReversed, events.OutcomeExpired}
	first := l.stores(Outcome(collect, events.OutcomeExpired, "1000"), 0)
	for _, order := range []events.Order{collect, pay} {
		for _, o := range outcomes {
			l.refuses(Outcome(order, o, "1000"), 0, reconcile.ErrConflict)
		}
	}
	second := l.stores(Outcome(pay, events.OutcomeSettled, "1000"), first)
	last, err := l.Last(t.Context(), MerchantID, OrderID)
	if err != nil || last.Sequence != second || last.Event.Data.Common().Flow != events.FlowPay {
		t.Errorf("Last = %+v, %v; want the other flow's event at %d", last, err, second)
	}
}

// testGuardPerOrder uses ids that mean something to subjects.
func testGuardPerOrder(t *testing.T, l ledgerUnderTest) {
	ids := []string{"A", "A.1", "A.2", "*", ">", "a", "A%2E1", "A_1", "$A"}
	for _, id := range ids {
		l.stores(Outcome(Order(events.FlowCollect, id), events.OutcomeSettled, "1000"), 0)
	}
	other := Order(events.FlowCollect, "A")
	other.Merchant = "m1002"
	l.stores(Outcome(other, events.OutcomeFailed, "1000"), 0)
	for _, id := range ids {
		want := events.ID(MerchantID, id, events.OutcomeSettled)
		if got := l.lastID(MerchantID, id); got != want {
			t.Errorf("last of %q is %q, want %q", id, got, want)
		}
	}
}

func testReviews(t *testing.T, l ledgerUnderTest) {
	order := Order(events.FlowCollect, OrderID)
	early, late := Review(order, "lagging", "early"), Review(order, "lagging", "late")
	l.stores(early, 0)
	if id := l.lastID(MerchantID, OrderID); id != "" {
		t.Errorf("a review counts as an outcome: last is %q", id)
	}
	l.refuses(early, 0, reconcile.ErrExists)
	settled := l.stores(Outcome(order, events.OutcomeSettled, "1000"), 0) // a review does not stand in the way
	l.refuses(late, 0, reconcile.ErrConflict)                             // but an outcome stands in a review's
	l.stores(late, settled)
	l.refuses(late, settled, reconcile.ErrExists)
	l.refuses(early, settled, reconcile.ErrExists)
	l.refuses(Resolved(early), 0, reconcile.ErrConflict)
	l.stores(Resolved(early), settled)
	if got, want := l.lastID(MerchantID, OrderID), events.ID(MerchantID, OrderID, events.OutcomeSettled); got != want {
		t.Errorf("last is %q, want %q", got, want)
	}
}

func testOpenReviews(t *testing.T, l ledgerUnderTest) {
	collect, pay := Order(events.FlowCollect, OrderID), Order(events.FlowPay, OrderID)
	reviews := []events.Event{
		Review(collect, "not_found", "z"), Review(pay, "flow_conflict", "y"), Review(collect, "lagging", "x"),
	}
	var want []string
	for _, r := range reviews {
		l.stores(r, 0)
		want = append(want, r.ID)
	}
	l.stores(Review(Order(events.FlowCollect, OrderID+".1"), "lagging"), 0) // of another order
	if diff := cmp.Diff(want, l.open(OrderID)); diff != "" {
		t.Errorf("open reviews, oldest first (-want +got):\n%s", diff)
	}
	for len(reviews) > 0 {
		l.stores(Resolved(reviews[0]), 0)
		reviews, want = reviews[1:], want[1:]
		if diff := cmp.Diff(want, l.open(OrderID)); diff != "" {
			t.Errorf("open reviews after a resolution (-want +got):\n%s", diff)
		}
	}
}

func testResolvedOnce(_ *testing.T, l ledgerUnderTest) {
	review := Review(Order(events.FlowCollect, OrderID), "lagging")
	l.stores(review, 0)
	l.stores(Resolved(review), 0)
	l.refuses(Resolved(review), 0, reconcile.ErrExists)
	l.refuses(review, 0, reconcile.ErrExists) // and it does not open again
}

// testRace lets contradictory outcomes of one order race: one is stored.
func testRace(t *testing.T, l ledgerUnderTest) {
	const emitters = 16
	order := Order(events.FlowCollect, OrderID)
	outcomes := []events.Outcome{events.OutcomeSettled, events.OutcomeFailed, events.OutcomeExpired}
	var racing sync.WaitGroup
	var mu sync.Mutex
	var stored []string
	start := make(chan struct{})
	for i := range emitters {
		racing.Go(func() {
			e := Outcome(order, outcomes[i%len(outcomes)], "1000")
			<-start
			if _, err := l.Append(t.Context(), e, 0); err == nil {
				mu.Lock()
				defer mu.Unlock()
				stored = append(stored, e.ID)
			}
		})
	}
	close(start)
	racing.Wait()
	if len(stored) != 1 || l.lastID(MerchantID, OrderID) != stored[0] {
		t.Errorf("stored %v, last is %q; want exactly one", stored, l.lastID(MerchantID, OrderID))
	}
}

func testLedgerContext(t *testing.T, l ledgerUnderTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Append(ctx, Outcome(Order(events.FlowCollect, OrderID), events.OutcomeSettled, "1000"), 0)
	if err == nil || errors.Is(err, reconcile.ErrConflict) || errors.Is(err, reconcile.ErrExists) {
		t.Errorf("Append without time = %v; want an error that says nothing about the event", err)
	}
	if _, err := l.Last(ctx, MerchantID, OrderID); err == nil {
		t.Error("Last without time says that there is none")
	}
	if _, err := l.OpenReviews(ctx, MerchantID, OrderID); err == nil {
		t.Error("OpenReviews without time says that there are none")
	}
}

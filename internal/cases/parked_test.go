package cases_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/stream"
)

// TestRedriveParked: everything that is meant goes back as a worker takes it, and
// nothing else.
func TestRedriveParked(t *testing.T) {
	s := newSite(t)
	s.park("A1", "expired", 11)
	s.park("A2", "unfit", 12)
	s.parkRaw(nats.Header{"Settlehook-Reason": []string{"expired"}}, "{}") // by whom?
	s.park("A3", "expired", 13)
	parked := cases.NewParked(s.parkedStore(), time.Now)

	plan, err := parked.All(s.within(), cases.ParkedQuery{Reason: "expired"}, parked.PlanRedrive, cases.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	expectTally(t, plan, map[cases.Verdict]int{cases.Redrivable: 2, cases.Refused: 1})
	if n := len(s.held(stream.Callbacks)); n != 0 {
		t.Fatalf("the plan stored %d callbacks", n)
	}

	var failed []uint64
	total, seen := uint64(0), 0
	done, err := parked.All(s.within(), cases.ParkedQuery{Reason: "expired"}, parked.Redrive, cases.Watch{
		Total: func(n uint64) { total = n }, Seen: func() { seen++ },
		Each: func(r cases.Result) {
			if r.Err != nil {
				failed = append(failed, r.Sequence)
			}
		},
	})
	if err != nil || total != 4 || seen != 4 || !slices.Equal(failed, []uint64{3}) {
		t.Errorf("saw %d of %d, failed %v: %v", seen, total, failed, err)
	}
	expectTally(t, done, map[cases.Verdict]int{cases.Redriven: 2, cases.Refused: 1})
	stored := s.held(stream.Callbacks)
	if got := s.orders(); !slices.Equal(got, []string{"A1", "A3"}) {
		t.Errorf("in CALLBACKS: %v", got)
	}
	for i, m := range stored {
		want := map[string]string{
			"Settlehook-Sequence": []string{"11", "13"}[i], "Settlehook-Received-At": "2026-05-01T12:00:00Z",
			"Settlehook-Key-Id": "k1", "Settlehook-Source": "192.0.2.1", "Content-Type": "application/json",
			"Nats-Msg-Id": []string{"redrive/parked/1", "redrive/parked/4"}[i], "Nats-Expected-Stream": "CALLBACKS",
		}
		for name, values := range m.Header {
			if len(values) != 1 || values[0] != want[name] {
				t.Errorf("message %d: %s is %v, want %q", i, name, values, want[name])
			}
		}
		if m.Subject != "callbacks.v1.collect.m1001.ab" {
			t.Errorf("stored on %s", m.Subject)
		}
	}
	if left := s.held(stream.Parked); len(left) != 2 || left[0].Sequence != 2 || left[1].Sequence != 3 {
		t.Errorf("left in PARKED: %d", len(left))
	}
}

func TestRedriveSome(t *testing.T) {
	s := newSite(t)
	s.park("A1", "expired", 11)
	s.park("A2", "expired", 12)
	parked := cases.NewParked(s.parkedStore(), time.Now)
	done, err := parked.Some(s.within(), []uint64{2, 7, 1}, parked.Redrive, cases.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	expectTally(t, done, map[cases.Verdict]int{cases.Redriven: 2, cases.Refused: 1})
	if got := s.orders(); !slices.Equal(got, []string{"A2", "A1"}) {
		t.Errorf("in CALLBACKS: %v", got)
	}
}

func TestParkedQuery(t *testing.T) {
	s := newSite(t)
	s.park("A1", "expired", 11)
	s.park("A2", "expired", 12)
	s.parkRaw(nats.Header{"Settlehook-Reason": []string{"unreadable"}}, "?")
	parked := cases.NewParked(s.parkedStore(), time.Now)
	for name, tt := range map[string]struct {
		q    cases.ParkedQuery
		want []uint64
	}{
		"all":      {cases.ParkedQuery{}, []uint64{1, 2, 3}},
		"order":    {cases.ParkedQuery{OrderID: "A2"}, []uint64{2}},
		"reason":   {cases.ParkedQuery{Reason: "unreadable"}, []uint64{3}},
		"merchant": {cases.ParkedQuery{ParkedFilter: stream.ParkedFilter{Merchant: "m9"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []uint64
			err := parked.List(s.within(), tt.q, func(p stream.ParkedCallback) error { got = append(got, p.Sequence); return nil })
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// faultyParked breaks the first call of a step of the real store.
type faultyParked struct {
	*stream.ParkedStore
	step string
	how  fault
	left *int
}

func (f faultyParked) failsAt(step string) *int {
	if f.step == step {
		return f.left
	}
	return new(int)
}

func (f faultyParked) Return(ctx context.Context, p stream.ParkedCallback) (stream.Receipt, error) {
	return breaks(f.how, f.failsAt("return"), func() (stream.Receipt, error) { return f.ParkedStore.Return(ctx, p) })
}

func (f faultyParked) Delete(ctx context.Context, sequence uint64) error {
	_, err := breaks(f.how, f.failsAt("delete"), func() (struct{}, error) { return struct{}{}, f.ParkedStore.Delete(ctx, sequence) })
	return err
}

func (f faultyParked) RecordDrop(ctx context.Context, p stream.ParkedCallback, by, why string, at time.Time) error {
	_, err := breaks(f.how, f.failsAt("record"), func() (struct{}, error) { return struct{}{}, f.ParkedStore.RecordDrop(ctx, p, by, why, at) })
	return err
}

// TestRedriveParkedFaults: broken at each step, in each way, and done again,
// every callback is in CALLBACKS once, and none is left.
func TestRedriveParkedFaults(t *testing.T) {
	for _, step := range []string{"return", "delete"} {
		for name, how := range map[string]fault{"unapplied": unapplied, "applied": applied} {
			t.Run(step+" "+name, func(t *testing.T) {
				s := newSite(t)
				s.park("A1", "expired", 11)
				s.park("A2", "expired", 12)
				store := s.parkedStore()
				left := 1
				parked := cases.NewParked(faultyParked{store, step, how, &left}, time.Now)
				first, err := parked.All(s.within(), cases.ParkedQuery{}, parked.Redrive, cases.Watch{})
				if err != nil || left != 0 {
					t.Fatalf("nothing was tested: %d, %v", left, err)
				}
				expectTally(t, first, map[cases.Verdict]int{cases.Failed: 1, cases.Redriven: 1})
				if len(s.held(stream.Callbacks))+len(s.held(stream.Parked)) < 2 {
					t.Fatal("a callback is gone")
				}
				if _, err := parked.All(s.within(), cases.ParkedQuery{}, parked.Redrive, cases.Watch{}); err != nil {
					t.Fatal(err)
				}
				got := s.orders()
				slices.Sort(got)
				if !slices.Equal(got, []string{"A1", "A2"}) || len(s.held(stream.Parked)) != 0 {
					t.Errorf("in CALLBACKS %v, in PARKED %d", got, len(s.held(stream.Parked)))
				}
			})
		}
	}
}

// TestRedriveParkedInParallel: several persons redrive the same at once.
func TestRedriveParkedInParallel(t *testing.T) {
	s := newSite(t)
	const n = 50
	for i := range uint64(n) {
		s.park(fmt.Sprintf("A%d", i), "expired", 100+i)
	}
	var wg sync.WaitGroup
	for range 3 {
		parked := cases.NewParked(s.parkedStore(), time.Now)
		wg.Go(func() {
			done, err := parked.All(s.within(), cases.ParkedQuery{}, parked.Redrive, cases.Watch{})
			if err != nil || done.Count(cases.Failed, cases.Refused) != 0 {
				t.Errorf("%v, %v", done, err)
			}
		})
	}
	wg.Wait()
	if got := len(s.orders()); got != n || len(s.held(stream.Parked)) != 0 {
		t.Errorf("%d in CALLBACKS, %d in PARKED", got, len(s.held(stream.Parked)))
	}
}

// TestRedriveParkedFull: a full stream is said clearly, and nothing is deleted.
func TestRedriveParkedFull(t *testing.T) {
	s := newSite(t)
	for i := range uint64(3) {
		s.park(fmt.Sprintf("A%d", i), "expired", 100+i)
	}
	undo := s.fill()
	parked := cases.NewParked(s.parkedStore(), time.Now)
	done, err := parked.All(s.within(), cases.ParkedQuery{}, parked.Redrive, cases.Watch{})
	if !errors.Is(err, stream.ErrFull) || !strings.Contains(err.Error(), "CALLBACKS_MAX_BYTES") {
		t.Errorf("got %v", err)
	}
	expectTally(t, done, map[cases.Verdict]int{cases.Failed: 1})
	if n := len(s.held(stream.Parked)); n != 3 {
		t.Errorf("%d left in PARKED", n)
	}
	undo()
	done, err = parked.All(s.within(), cases.ParkedQuery{}, parked.Redrive, cases.Watch{})
	if err != nil || len(s.orders()) != 3 || len(s.held(stream.Parked)) != 0 {
		t.Errorf("%v, %v", done, err)
	}
}

// TestDropParked: nothing is deleted that is not recorded.
func TestDropParked(t *testing.T) {
	s := newSite(t)
	s.park("A1", "expired", 11)
	left := 1
	parked := cases.NewParked(faultyParked{s.parkedStore(), "record", unapplied, &left}, time.Now)
	done, err := parked.Some(s.within(), []uint64{1}, parked.Drop("alice", "a test"), cases.Watch{})
	if err != nil || len(s.held(stream.Parked)) != 1 || len(s.held(stream.Trail)) != 0 {
		t.Fatalf("deleted without a record: %v, %v", done, err)
	}
	expectTally(t, done, map[cases.Verdict]int{cases.Failed: 1})
	if done, err = parked.Some(s.within(), []uint64{1}, parked.PlanDrop, cases.Watch{}); err != nil || done.Count(cases.Droppable) != 1 || len(s.held(stream.Parked)) != 1 {
		t.Fatalf("planned: %v, %v", done, err)
	}
	if done, err = parked.Some(s.within(), []uint64{1}, parked.Drop("alice", "a test"), cases.Watch{}); err != nil || done.Count(cases.Dropped) != 1 {
		t.Fatalf("dropped: %v, %v", done, err)
	}
	trail := s.held(stream.Trail)
	if len(s.held(stream.Parked)) != 0 || len(trail) != 1 || !strings.Contains(string(trail[0].Data), `"by":"alice","why":"a test"`) {
		t.Errorf("the trail has %d messages", len(trail))
	}
}

// TestBulkGivesUp: what fails again and again is not the messages' fault.
func TestBulkGivesUp(t *testing.T) {
	s := newSite(t)
	for i := range uint64(10) {
		s.park(fmt.Sprintf("A%d", i), "expired", 100+i)
	}
	left := 100
	parked := cases.NewParked(faultyParked{s.parkedStore(), "return", unapplied, &left}, time.Now)
	done, err := parked.All(s.within(), cases.ParkedQuery{}, parked.Redrive, cases.Watch{})
	if err == nil || !strings.Contains(err.Error(), "5 messages failed in a row") || done.Count(cases.Failed) != 5 {
		t.Errorf("%v, %v", done, err)
	}
}

package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// listed is the bodies of what a filter finds.
func listed(t testing.TB, s *QuarantineStore, f QuarantineFilter) []string {
	t.Helper()
	bodies := []string{}
	if err := s.List(within(t), f, nil, func(q Quarantined) error { bodies = append(bodies, string(q.Body)); return nil }); err != nil {
		t.Fatal(err)
	}
	return bodies
}

func keep(t testing.TB, b *bench, class Class, merchant, body string) {
	t.Helper()
	r := Refused{Class: class, Flow: "collect", Merchant: merchant, Reason: "bad-signature", Body: []byte(body)}
	if err := NewQuarantineLog(b.js).Keep(within(t), r); err != nil {
		t.Fatal(err)
	}
}

func openQuarantine(t testing.TB, b *bench) *QuarantineStore {
	t.Helper()
	s, err := OpenQuarantine(within(t), b.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScanFilters(t *testing.T) {
	b := newStreams(t)
	s := openQuarantine(t, b)
	if got := listed(t, s, QuarantineFilter{}); len(got) != 0 {
		t.Errorf("an empty stream lists %v", got)
	}
	keep(t, b, ClassSignature, "m1", "1")
	keep(t, b, ClassMalformed, "m1", "2")
	keep(t, b, ClassSignature, "m2", "3")
	second, err := s.Get(within(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		f    QuarantineFilter
		want []string
	}{
		"all":                 {QuarantineFilter{}, []string{"1", "2", "3"}},
		"class":               {QuarantineFilter{Class: ClassSignature}, []string{"1", "3"}},
		"merchant":            {QuarantineFilter{Merchant: "m1"}, []string{"1", "2"}},
		"both":                {QuarantineFilter{Class: ClassSignature, Merchant: "m2"}, []string{"3"}},
		"flow":                {QuarantineFilter{Flow: "pay"}, []string{}},
		"since":               {QuarantineFilter{Window: Window{Since: second.At}}, []string{"2", "3"}},
		"until":               {QuarantineFilter{Window: Window{Until: second.At}}, []string{"1", "2"}},
		"since the future":    {QuarantineFilter{Window: Window{Since: time.Now().Add(time.Hour)}}, []string{}},
		"since far ahead":     {QuarantineFilter{Window: Window{Since: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)}}, []string{}},
		"until the beginning": {QuarantineFilter{Window: Window{Until: second.At.Add(-time.Hour)}}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := listed(t, s, tt.f); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestScanEnds: what is stored while a list is read is left out, what is deleted
// does not hold it up, and there may be more than is fetched at once.
func TestScanEnds(t *testing.T) {
	const n = 3 * scanAhead
	for name, tt := range map[string]struct {
		left uint64
		late int // stored meanwhile
	}{
		"all are left":            {n, 10},
		"the last are deleted":    {n - 20, 10},
		"the unfetched are gone":  {scanAhead, 0},
		"… and others are stored": {scanAhead, 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := newStreams(t)
			publish := func(count int) {
				for i := range count {
					if _, err := b.js.Publish(within(t), "parked.v1.collect.m1", fmt.Append(nil, i)); err != nil {
						t.Fatal(err)
					}
				}
			}
			publish(n)
			s := openParked(t, b)
			seen, total := uint64(0), uint64(0)
			err := s.List(within(t), ParkedFilter{}, func(n uint64) { total = n }, func(p ParkedCallback) error {
				if seen++; p.Sequence != seen {
					t.Fatalf("message %d is %d", seen, p.Sequence)
				}
				if seen > 1 {
					return nil
				}
				for sequence := uint64(n); sequence > tt.left; sequence-- {
					if err := s.Delete(within(t), sequence); err != nil {
						t.Fatal(err)
					}
				}
				publish(tt.late)
				return nil
			})
			if err != nil || seen != tt.left || total != n {
				t.Errorf("saw %d of %d, want %d: %v", seen, total, tt.left, err)
			}
		})
	}
}

func TestScanStops(t *testing.T) {
	b := newStreams(t)
	keep(t, b, ClassSignature, "m1", "1")
	keep(t, b, ClassSignature, "m1", "2")
	s := openQuarantine(t, b)
	broken := errors.New("broken")
	for _, tt := range []struct{ give, want error }{{ErrStop, nil}, {broken, broken}} {
		seen := 0
		err := s.List(within(t), QuarantineFilter{}, nil, func(Quarantined) error { seen++; return tt.give })
		if seen != 1 || !errors.Is(err, tt.want) {
			t.Errorf("%v: saw %d, got %v", tt.give, seen, err)
		}
	}
	ctx, cancel := context.WithCancel(within(t))
	err := s.List(ctx, QuarantineFilter{}, nil, func(Quarantined) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

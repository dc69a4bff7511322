package stream

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/finance"
)

func aClosing(t testing.TB, closed []finance.Closing, merchant, period string) finance.Closing {
	t.Helper()
	p, err := finance.ParsePeriod(period)
	if err != nil {
		t.Fatal(err)
	}
	c, err := finance.Begin(closed, merchant, p, time.UTC, p.Ends(time.UTC), 7)
	if err != nil {
		t.Fatal(err)
	}
	c.By, c.Digest = "ann", "d"
	return c
}

func openClosings(t testing.TB, b *bench) *ClosingBook {
	t.Helper()
	book, err := OpenClosings(within(t), b.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// TestClosings: periods are closed one after the other, each once, and each
// merchant's on its own.
func TestClosings(t *testing.T) {
	b := newStreams(t)
	book := openClosings(t, b)
	if all, err := book.List(within(t), ""); err != nil || len(all) != 0 {
		t.Fatalf("nothing is closed: %v, %v", all, err)
	}
	november := aClosing(t, nil, "m1", "2026-11")
	if err := book.Append(within(t), november, 0); err != nil {
		t.Fatal(err)
	}
	if err := book.Append(within(t), november, 0); err != nil {
		t.Errorf("the same again, as after a lost acknowledgement: %v", err)
	}
	others := november
	others.By = "bob"
	if err := book.Append(within(t), others, 0); !errors.Is(err, ErrClosedMeanwhile) {
		t.Errorf("another who closes it at the same time: %v", err)
	}
	december := aClosing(t, []finance.Closing{november}, "m1", "2026-12")
	if err := book.Append(within(t), december, 0); !errors.Is(err, ErrClosedMeanwhile) {
		t.Errorf("the next, without having seen the last: %v", err)
	}
	if err := book.Append(within(t), aClosing(t, nil, "m2", "2026-12"), 0); err != nil {
		t.Errorf("another merchant: %v", err)
	}
	stored, err := book.List(within(t), "m1")
	if err != nil || len(stored) != 1 {
		t.Fatalf("%v, %v", stored, err)
	}
	if err := book.Append(within(t), december, stored[0].Own.Sequence); err != nil {
		t.Fatal(err)
	}
	stored, err = book.List(within(t), "m1")
	if err != nil {
		t.Fatal(err)
	}
	var got []finance.Closing
	for _, s := range stored {
		got = append(got, s.Closing)
	}
	if diff := cmp.Diff([]finance.Closing{november, december}, got); diff != "" {
		t.Errorf("closings (-want +got):\n%s", diff)
	}
	if all, err := book.List(within(t), ""); err != nil || len(all) != 3 {
		t.Errorf("of all merchants: %v, %v", all, err)
	}
	s, err := b.js.Stream(within(t), Closings)
	if err != nil {
		t.Fatal(err)
	}
	if s.DeleteMsg(within(t), 1) == nil || s.Purge(within(t)) == nil {
		t.Error("a period can be opened again")
	}
}

// TestForeignClosings: what is no closing of this version is not taken for none.
func TestForeignClosings(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"a later version":    func(m map[string]any) { m["version"] = 2 },
		"an unknown field":   func(m map[string]any) { m["reopened"] = true },
		"another merchant's": func(m map[string]any) { m["merchant"] = "m2" },
	} {
		t.Run(name, func(t *testing.T) {
			b := newStreams(t)
			body, err := json.Marshal(aClosing(t, nil, "m1", "2026-11"))
			if err != nil {
				t.Fatal(err)
			}
			var m map[string]any
			if err := json.Unmarshal(body, &m); err != nil {
				t.Fatal(err)
			}
			change(m)
			if body, err = json.Marshal(m); err != nil {
				t.Fatal(err)
			}
			if _, err := b.js.Publish(within(t), "closings.v1.m1.2026-11", body); err != nil {
				t.Fatal(err)
			}
			if all, err := openClosings(t, b).List(within(t), "m1"); err == nil {
				t.Errorf("%v", all)
			}
		})
	}
}

// TestClosingsRace: many close the same period at once; one does.
func TestClosingsRace(t *testing.T) {
	b := newStreams(t)
	const people = 8
	results := make(chan error)
	for i := range people {
		book, c := openClosings(t, b), aClosing(t, nil, "m1", "2026-11")
		c.By = string(rune('a' + i))
		go func() { results <- book.Append(t.Context(), c, 0) }()
	}
	var errs []error
	for range people {
		errs = append(errs, <-results)
	}
	lost := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(lost) != people-1 || slices.ContainsFunc(lost, func(err error) bool { return !errors.Is(err, ErrClosedMeanwhile) }) {
		t.Errorf("%d did not: %v", len(lost), lost)
	}
}

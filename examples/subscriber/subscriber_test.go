package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// serve runs the service over what a source holds, and returns what it failed
// with.
func serve(t *testing.T, source *eventstest.Source, j *Journal, sandbox bool) error {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b := &bookkeeper{journal: j, sandbox: sandbox, stop: stop}
	if err := source.Drain(ctx, b.config(), b.handle); err != nil {
		t.Fatal(err)
	}
	return b.failed
}

// Redeliveries, a restart that reads all again and a line cut by a crash book
// nothing twice.
func TestBooksOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	for seed := range uint64(3) {
		source := eventstest.NewSource(seed)
		source.LostAcks = 50
		if err := source.Publish(eventstest.Settled(), eventstest.Failed(eventstest.Order("A2")), eventstest.Reversed()); err != nil {
			t.Fatal(err)
		}
		if err := serve(t, source, open(t, path), false); err != nil {
			t.Fatal(err)
		}
		if err := appendText(path, `{"id":"m1001/A2/set`); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
	const want = `{"id":"m1001/A1/settled","day":"2026-05-01","merchant":"m1001","order":"A1","direction":"credit","amount":"1000.00","net":"980.00","currency":"INR"}
{"id":"m1001/A1/reversed","day":"2026-05-01","merchant":"m1001","order":"A1","direction":"debit","amount":"1000.00","net":"980.00","currency":"INR"}
`
	if got := read(t, path); got != want {
		t.Errorf("journal:\n%s\nwant:\n%s", got, want)
	}
}

func appendText(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandle(t *testing.T) {
	t.Parallel()
	settled, ofSandbox := body(t, eventstest.Settled()), body(t, eventstest.Settled(eventstest.Sandbox()))
	for _, test := range []struct {
		name    string
		body    string
		sandbox bool
		books   int
		fails   bool
	}{
		{name: "settled", body: settled, books: 1},
		{name: "of the sandbox", body: ofSandbox},
		{name: "of the sandbox, wanted", body: ofSandbox, sandbox: true, books: 1},
		{name: "of a newer type", body: strings.Replace(settled, "payment.settled.v1", "payment.settled.v2", 1)},
		{name: "no event", body: `{"specversion":"1.0"}`, fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source := eventstest.NewSource(1)
			if err := source.PublishRaw(eventstest.Settled().NATSSubject(), []byte(test.body)); err != nil {
				t.Fatal(err)
			}
			j := open(t, filepath.Join(t.TempDir(), "journal.jsonl"))
			if err := serve(t, source, j, test.sandbox); (err != nil) != test.fails {
				t.Fatalf("failed with: %v", err)
			}
			if got := len(j.booked); got != test.books {
				t.Errorf("%d bookings, want %d", got, test.books)
			}
		})
	}
}

// A journal that can't be written ends the service, with the event unbooked.
func TestJournalFails(t *testing.T) {
	t.Parallel()
	source := eventstest.NewSource(1)
	if err := source.Publish(eventstest.Settled()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := open(t, path)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := serve(t, source, j, false); !errors.Is(err, os.ErrClosed) {
		t.Errorf("failed with %v, want %v", err, os.ErrClosed)
	}
	again := open(t, path)
	if err := serve(t, source, again, false); err != nil || len(again.booked) != 1 {
		t.Errorf("the next run books %d: %v", len(again.booked), err)
	}
}

func body(t *testing.T, e events.Event) string {
	t.Helper()
	b, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/pkg/events"
)

func payment(live bool) events.Payment {
	return events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect,
		Merchant: "m1001", Account: "8801", OrderID: "A1", Currency: "INR", BookingDate: "2026-05-02",
		Amount: events.MustParseAmount("1000"), Fee: events.MustParseAmount("20"), Net: events.MustParseAmount("980"), LiveMode: live,
	}
}

func body(t *testing.T, d events.Data) []byte {
	t.Helper()
	e, err := events.New("test", time.Date(2026, 5, 1, 19, 4, 5, 0, time.UTC), d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// A redelivery, a restart and a line cut by a crash book nothing twice.
func TestBooksOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	settled := body(t, events.Settled{Payment: payment(true)})
	reversed := payment(true)
	reversed.Supersedes = "m1001/A1/settled"
	for range 2 {
		b := &bookkeeper{journal: open(t, path)}
		for _, event := range [][]byte{settled, settled, body(t, events.Reversed{Payment: reversed})} {
			if err := b.handle(event); err != nil {
				t.Fatal(err)
			}
		}
		if err := appendText(path, `{"id":"m1001/A2/set`); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
	const want = `{"id":"m1001/A1/settled","day":"2026-05-02","merchant":"m1001","order":"A1","direction":"credit","amount":"1000.00","net":"980.00","currency":"INR"}
{"id":"m1001/A1/reversed","day":"2026-05-02","merchant":"m1001","order":"A1","direction":"debit","amount":"1000.00","net":"980.00","currency":"INR"}
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
	newer := strings.Replace(string(body(t, events.Settled{Payment: payment(true)})), "payment.settled.v1", "payment.settled.v2", 1)
	for _, test := range []struct {
		name    string
		body    []byte
		sandbox bool
		books   int
		fails   bool
	}{
		{name: "settled", body: body(t, events.Settled{Payment: payment(true)}), books: 1},
		{name: "of the sandbox", body: body(t, events.Settled{Payment: payment(false)})},
		{name: "of the sandbox, wanted", body: body(t, events.Settled{Payment: payment(false)}), sandbox: true, books: 1},
		{name: "of a newer type", body: []byte(newer)},
		{name: "no event", body: []byte(`{"specversion":"1.0"}`), fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &bookkeeper{journal: open(t, filepath.Join(t.TempDir(), "journal.jsonl")), sandbox: test.sandbox}
			if err := b.handle(test.body); (err != nil) != test.fails {
				t.Fatalf("handle: %v", err)
			}
			if got := len(b.journal.booked); got != test.books {
				t.Errorf("%d bookings, want %d", got, test.books)
			}
		})
	}
}

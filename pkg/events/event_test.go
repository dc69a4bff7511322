package events_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ce "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/pkg/events"
)

var update = flag.Bool("update", false, "rewrite the golden events")

// golden compares an event with testdata/<name>.json, which is indented for
// people: the bytes on the wire are its compact form.
func golden(t *testing.T, name string, wire []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, wire, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(compact.String(), string(wire)); diff != "" {
		t.Errorf("%s differs (golden → wire):\n%s", path, diff)
	}
}

func TestGoldenEvents(t *testing.T) {
	for name, data := range samples() {
		t.Run(name, func(t *testing.T) {
			e := must(t, data)
			wire := encode(t, e)
			golden(t, name, wire)
			checkSchema(t, e.Type, wire)
			checkCloudEvent(t, e, wire)
		})
	}
}

func TestGoldenOrders(t *testing.T) {
	build := map[string]func(string, time.Time, events.SubmittedOrder) (events.OrderEvent, error){
		"order-submitted": events.NewSubmitted, "order-repeated": events.NewRepeated, "order-withdrawn": events.NewWithdrawn,
	}
	for name, fn := range build {
		t.Run(name, func(t *testing.T) {
			e, err := fn(installation, confirmed, submitted())
			if err != nil {
				t.Fatal(err)
			}
			wire := encode(t, e)
			golden(t, name, wire)
			checkSchema(t, e.Type, wire)
			back, err := events.DecodeOrder(wire)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, back); diff != "" {
				t.Errorf("round trip (-want +got):\n%s", diff)
			}
			if want := "orders.v1." + strings.TrimPrefix(name, "order-") + ".pay.m1001.A%2E17"; e.NATSSubject() != want {
				t.Errorf("NATSSubject = %s, want %s", e.NATSSubject(), want)
			}
		})
	}
}

// Every event that New accepts can be read back, is equal to what was written,
// writes the same bytes again, and satisfies the schemas.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := events.New(installation, genTime().Draw(t, "at"), genData().Draw(t, "data"))
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		wire := encode(t, e)
		back, err := events.Decode(wire)
		if err != nil {
			t.Fatalf("Decode: %v\n%s", err, wire)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatalf("round trip (-want +got):\n%s", diff)
		}
		if again := encode(t, back); !bytes.Equal(again, wire) {
			t.Fatalf("not deterministic:\n%s\n%s", wire, again)
		}
		checkSchema(t, e.Type, wire)
		parts, err := events.ParseSubject(e.NATSSubject())
		if err != nil {
			t.Fatalf("ParseSubject: %v", err)
		}
		if parts.Outcome != e.Outcome() || parts.Order != e.Data.Common().Order() {
			t.Fatalf("subject %s says %+v", e.NATSSubject(), parts)
		}
	})
}

// A reader that others wrote sees the same envelope.
func checkCloudEvent(t *testing.T, e events.Event, wire []byte) {
	t.Helper()
	var other ce.Event
	if err := json.Unmarshal(wire, &other); err != nil {
		t.Fatalf("cloudevents sdk: %v", err)
	}
	if err := other.Validate(); err != nil {
		t.Fatalf("cloudevents sdk: %v", err)
	}
	got := []string{
		other.SpecVersion(), other.ID(), other.Source(), other.Type(), other.Subject(),
		other.Time().Format(time.RFC3339Nano), other.DataContentType(), other.DataSchema(),
	}
	want := []string{
		"1.0", e.ID, e.Source, e.Type, e.Subject,
		e.Time.Format(time.RFC3339Nano), "application/json", e.DataSchema,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cloudevents sdk reads (-want +got):\n%s", diff)
	}
	var loose struct{ Remark string }
	if err := json.Unmarshal(other.Data(), &loose); err != nil {
		t.Fatal(err)
	}
	if loose.Remark != e.Data.Common().Remark {
		t.Errorf("remark = %q, want %q", loose.Remark, e.Data.Common().Remark)
	}
	// What the sdk writes again, with its own order of fields, we read.
	rewritten, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	back, err := events.Decode(rewritten)
	if err != nil {
		t.Fatalf("Decode of the sdk's JSON: %v", err)
	}
	if diff := cmp.Diff(e, back); diff != "" {
		t.Errorf("through the sdk (-want +got):\n%s", diff)
	}
}

func TestNewCompletes(t *testing.T) {
	p := payment()
	p.Net, p.Fee = events.Amount{}, events.Amount{}
	p.Remark = strings.Repeat("é", 300) + "\xff"
	zone := time.FixedZone("IST", 5*3600+1800)
	p.Evidence.ConfirmedAt = confirmed.Add(999 * time.Microsecond).In(zone)
	callback := p.Evidence.Callback

	e := must(t, &events.Settled{Payment: p})
	got, ok := e.Data.(events.Settled)
	if !ok {
		t.Fatalf("data is a %T, want a value", e.Data)
	}
	if got.Outcome != events.OutcomeSettled || got.Direction != events.Credit {
		t.Errorf("outcome %q, direction %q", got.Outcome, got.Direction)
	}
	if got.Amount.String() != "1000.00" || got.Evidence.Callback.Amount.String() != "1000.00" {
		t.Errorf("amounts %s, %s: want the digits of INR", got.Amount, got.Evidence.Callback.Amount)
	}
	if got.Remark != strings.Repeat("é", events.MaxRemarkRunes) {
		t.Errorf("remark of %d bytes", len(got.Remark))
	}
	if !got.Evidence.ConfirmedAt.Equal(confirmed) || got.Evidence.ConfirmedAt.Location() != time.UTC {
		t.Errorf("confirmedAt = %s", got.Evidence.ConfirmedAt)
	}
	if callback.Amount.String() != "1000" {
		t.Error("New changed the caller's evidence")
	}
	if e.Installation() != installation {
		t.Errorf("Installation = %q", e.Installation())
	}
}

func TestNewRefuses(t *testing.T) {
	settled := func(change func(*events.Payment)) events.Data {
		p := payment()
		change(&p)
		return events.Settled{Payment: p}
	}
	review := samples()["review"].(events.Review)
	resolved := samples()["resolved"].(events.Resolved)
	for name, tc := range map[string]struct {
		data  events.Data
		field string
	}{
		"nothing":            {nil, "data"},
		"no reason":          {settled(func(p *events.Payment) { p.Reason = "" }), "data.reason"},
		"reason not a name":  {settled(func(p *events.Payment) { p.Reason = "by query" }), "data.reason"},
		"unknown via":        {settled(func(p *events.Payment) { p.Via = "rumour" }), "data.via"},
		"settled unmatched":  {settled(func(p *events.Payment) { p.Match = "" }), "data.match"},
		"unknown match":      {settled(func(p *events.Payment) { p.Match = "one-way" }), "data.match"},
		"no flow":            {settled(func(p *events.Payment) { p.Flow = "" }), "data.flow"},
		"merchant with dot":  {settled(func(p *events.Payment) { p.Merchant = "m.1" }), "data.merchant"},
		"no account":         {settled(func(p *events.Payment) { p.Account = "" }), "data.account"},
		"order with space":   {settled(func(p *events.Payment) { p.OrderID = "a b" }), "data.orderId"},
		"order too long":     {settled(func(p *events.Payment) { p.OrderID = strings.Repeat("a", 65) }), "data.orderId"},
		"platform order &":   {settled(func(p *events.Payment) { p.PlatOrderID = "a&b" }), "data.platOrderId"},
		"no amount":          {settled(func(p *events.Payment) { p.Amount = events.Amount{} }), "data.amount"},
		"settled zero":       {settled(func(p *events.Payment) { p.Amount = amount("0.00") }), "data.amount"},
		"wrong direction":    {settled(func(p *events.Payment) { p.Direction = events.Debit }), "data.direction"},
		"net does not add":   {settled(func(p *events.Payment) { p.Net = amount("987.51") }), "data.net"},
		"net without fee":    {settled(func(p *events.Payment) { p.Fee = events.Amount{} }), "data.net"},
		"small currency":     {settled(func(p *events.Payment) { p.Currency = "inr" }), "data.currency"},
		"no booking date":    {settled(func(p *events.Payment) { p.BookingDate = "" }), "data.bookingDate"},
		"day that is not":    {settled(func(p *events.Payment) { p.BookingDate = "2026-02-30" }), "data.bookingDate"},
		"supersedes another": {settled(func(p *events.Payment) { p.Supersedes = "m1001/B/failed" }), "data.supersedes"},
		"status 3":           {settled(func(p *events.Payment) { p.Evidence.Query.Status = 3 }), "data.evidence.query.status"},
		"found and not":      {settled(func(p *events.Payment) { p.Evidence.Query.NotFound = true }), "data.evidence.query.notFound"},
		"failed with net":    {events.Failed{Payment: payment()}, "data.net"},
		"review, no case":    {events.Review{Payment: review.Payment}, "data.case"},
		"case of another":    {events.Review{Payment: review.Payment, Case: "other-01234567"}, "data.reason"},
		"resolved by nobody": {events.Resolved{Payment: resolved.Payment, Case: resolved.Case, Why: "x"}, "data.by"},
		"resolved for no reason": {
			events.Resolved{Payment: resolved.Payment, Case: resolved.Case, By: "x", Why: " "}, "data.why",
		},
		"resolves another": {
			events.Resolved{Payment: resolved.Payment, Case: resolved.Case, By: "x", Why: "y", Resolves: "z"}, "data.resolves",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := events.New(installation, confirmed, tc.data)
			wantInvalid(t, err, tc.field)
		})
	}

	for _, name := range []string{"", "a:b", "a b", strings.Repeat("a", 65)} {
		_, err := events.New(name, confirmed, samples()["settled"])
		wantInvalid(t, err, "source")
	}
	_, err := events.New(installation, time.Time{}, samples()["settled"])
	wantInvalid(t, err, "time")
}

// An event changed after New can't leave.
func TestMarshalRefusesBroken(t *testing.T) {
	e := must(t, samples()["settled"])
	e.ID = "m1001/other/settled"
	if _, err := json.Marshal(e); err == nil {
		t.Error("an event with another id was written")
	}
	if _, err := json.Marshal(events.Event{}); err == nil {
		t.Error("the empty event was written")
	}
	if _, err := json.Marshal(events.OrderEvent{}); err == nil {
		t.Error("the empty order event was written")
	}
}

func TestNewSubmittedRefuses(t *testing.T) {
	for field, change := range map[string]func(*events.SubmittedOrder){
		"data.flow":     func(o *events.SubmittedOrder) { o.Flow = "x" },
		"data.merchant": func(o *events.SubmittedOrder) { o.Merchant = "*" },
		"data.orderId":  func(o *events.SubmittedOrder) { o.OrderID = "" },
		"data.amount":   func(o *events.SubmittedOrder) { o.Amount = events.Amount{} },
		"data.currency": func(o *events.SubmittedOrder) { o.Currency = "" },
	} {
		o := submitted()
		change(&o)
		_, err := events.NewSubmitted(installation, confirmed, o)
		wantInvalid(t, err, field)
	}
	o := submitted()
	o.Amount = amount("0.0")
	_, err := events.NewSubmitted(installation, confirmed, o)
	wantInvalid(t, err, "data.amount")
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func encode(t fataler, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	return b
}

package tail_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/tail"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

// tell publishes an event.
func (f *followed) tell(e events.Event) {
	f.t.Helper()
	body, err := e.MarshalJSON()
	if err != nil {
		f.t.Fatal(err)
	}
	f.publish(e.NATSSubject(), string(body), nil)
}

var asJSON = nats.Header{stream.HeaderContentType: []string{sign.MediaJSON}}

func pushed(order string) string {
	return fmt.Sprintf(`{"platOrderId":"P1","orderId":%q,"amount":1000.00,"fee":20.00,"remark":"no","status":1,"reverse":false,"sign":"%s"}`,
		order, strings.Repeat("0", 32))
}

func (f *followed) push(flow, merchant, order string) {
	f.t.Helper()
	f.publish(events.CallbackSubject(flow, merchant, order), pushed(order), asJSON)
}

func (f *followed) refuse(flow, merchant, order string) {
	f.t.Helper()
	header := nats.Header{stream.HeaderReason: []string{"bad-signature"}, stream.HeaderContentType: []string{sign.MediaJSON}}
	f.publish(events.QuarantineSubject("signature", flow, merchant), pushed(order), header)
}

// Each choice leaves out what it should, of each stream.
func TestChoices(t *testing.T) {
	t.Parallel()
	f := installation(t)
	f.push("collect", "m1001", "A.1")
	f.tell(eventstest.Review(eventstest.Order("A.1")))
	f.tell(eventstest.Settled(eventstest.Order("A.1")))
	f.refuse("collect", "m1001", "A.1")
	f.publish(events.ParkedSubject("collect", "m1001"), pushed("A.1"), asJSON)
	f.push("pay", "m1001", "B1")
	f.tell(eventstest.Failed(eventstest.Order("B1"), eventstest.Flow(events.FlowPay)))
	f.refuse("pay", "m1001", "B1")
	f.push("collect", "m2002", "A.1")
	f.tell(eventstest.Reversed(eventstest.Order("A.1"), eventstest.Merchant("m2002")))
	f.publish(events.ParkedSubject("collect", "m2002"), "…", nil)

	for _, test := range []struct {
		name   string
		choose tail.Options
		want   string
	}{
		{"all", tail.Options{}, "callback review settled refused parked callback failed refused callback reversed parked"},
		{"a merchant", tail.Options{Merchant: "m2002"}, "callback reversed parked"},
		{"a flow", tail.Options{Flow: "pay"}, "callback failed refused"},
		{"an order", tail.Options{Order: "A.1"}, "callback review settled refused parked callback reversed"},
		{"an order of a merchant", tail.Options{Order: "A.1", Merchant: "m2002"}, "callback reversed"},
		{"events", tail.Options{EventsOnly: true}, "review settled failed reversed"},
		{"an outcome", tail.Options{Outcomes: []events.Outcome{events.OutcomeFailed}}, "failed"},
		{
			"outcomes of a merchant",
			tail.Options{Merchant: "m1001", Outcomes: []events.Outcome{events.OutcomeReview, events.OutcomeSettled, events.OutcomeReversed}},
			"review settled",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.choose.Since = time.Now().Add(-time.Hour)
			g := &followed{t: t, js: f.js, lines: make(chan string, 1000), ended: make(chan error, 1)}
			g.open(f.js, test.choose)
			var got []string
			for range strings.Fields(test.want) {
				got = append(got, strings.Fields(g.next())[1])
			}
			g.stop()
			if err := <-g.ended; err != nil {
				t.Error(err)
			}
			for range len(g.lines) {
				got = append(got, strings.Fields(g.next())[1])
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}

// What several streams have stored comes in the order in which it was stored.
func TestPastInOrder(t *testing.T) {
	t.Parallel()
	f := installation(t)
	const n = 150
	for i := range n {
		f.push("collect", "m1001", fmt.Sprint("A", i))
		f.tell(eventstest.Settled(eventstest.Order(fmt.Sprint("A", i))))
	}
	f.open(f.js, tail.Options{Since: time.Now().Add(-time.Hour)})
	for i := range n {
		for _, kind := range []string{"callback", "settled"} {
			if got := strings.Fields(f.next()); got[1] != kind || got[4] != fmt.Sprint("A", i) {
				t.Fatalf("got %v, want the %s of A%d", got, kind, i)
			}
		}
	}
}

// It begins at the time that was asked for.
func TestSince(t *testing.T) {
	t.Parallel()
	f := installation(t)
	f.push("collect", "m1001", "before")
	s, err := f.js.Stream(t.Context(), stream.Callbacks)
	if err != nil {
		t.Fatal(err)
	}
	last := s.CachedInfo().State.LastTime
	f.push("collect", "m1001", "behind")
	f.open(f.js, tail.Options{Since: last.Add(time.Nanosecond)})
	if got := f.next(); !strings.Contains(got, " behind ") {
		t.Errorf("the first line is %q", got)
	}
}

// A program gets the event itself, and of what is none its kind and what is known;
// a terminal has nothing to obey.
func TestJSON(t *testing.T) {
	t.Parallel()
	f := installation(t)
	f.open(f.js, tail.Options{JSON: true})
	settled := eventstest.Settled(eventstest.With(func(p *events.Payment) { p.Remark = "no\u202e\u009bevil" }))
	body, err := settled.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(body), "payment.settled.v1", "payment.settled.v2", 1)
	for _, test := range []struct {
		name  string
		apply func()
		want  string // in JSON; at and sequence are left out
	}{
		{"event", func() { f.publish(settled.NATSSubject(), string(body), nil) }, string(body)},
		{"event over lines", func() { f.publish(settled.NATSSubject()+"2", strings.Replace(string(body), ",", ",\n ", 1), nil) }, string(body)},
		{"newer event", func() { f.publish(settled.NATSSubject()+"3", newer, nil) }, newer},
		{"callback", func() { f.push("collect", "m1001", "A1") }, `{"kind":"callback","stream":"CALLBACKS","subject":"` + events.CallbackSubject("collect", "m1001", "A1") +
			`","merchant":"m1001","flow":"collect","orderId":"A1","amount":"1000","status":"success"}`},
		{"refused", func() { f.refuse("pay", "m1001", "A1\x1b") }, `{"kind":"refused","stream":"QUARANTINE","subject":"quarantine.v1.signature.pay.m1001",` +
			`"merchant":"m1001","flow":"pay","reason":"bad-signature"}`},
		{"parked", func() { f.publish("parked.v1.pay.m1001", "…", nil) }, `{"kind":"parked","stream":"PARKED","subject":"parked.v1.pay.m1001","merchant":"m1001","flow":"pay"}`},
		{"unreadable", func() { f.publish("callbacks.v1.collect.m1001.ab", "[]", asJSON) }, `{"kind":"unreadable","stream":"CALLBACKS",` +
			`"subject":"callbacks.v1.collect.m1001.ab","merchant":"m1001","flow":"collect","error":"malformed: body is not a JSON object"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.apply()
			line := f.line()
			if strings.ContainsAny(line, "\x1b\u202e\u009b") {
				t.Errorf("%q drives a terminal", line)
			}
			if got, want := stable(t, line), stable(t, test.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// stable is an object without what differs from run to run.
func stable(t *testing.T, text string) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	delete(object, "at")
	delete(object, "sequence")
	b, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Colour ends before what outsiders wrote begins.
func TestColor(t *testing.T) {
	t.Parallel()
	f := installation(t)
	f.open(f.js, tail.Options{Color: true})
	f.tell(eventstest.Settled())
	const want = "\x1b[32m✓ settled   \x1b[0m m1001    collect A1                         1000.00 INR credit (net 980.00)"
	if got := f.next(); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// What is stored while the server was away, or before the streams are read again,
// is not missed. The permissions are an operator's.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	servers := testserver.NATSWithRoles(t)
	dial := func(role string) jetstream.JetStream {
		nc, err := nats.Connect(servers.URL(role), nats.CustomInboxPrefix(testserver.InboxPrefix(role)),
			nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		return js
	}
	cfg, err := config.LoadUp(map[string]string{"MERCHANTS_FILE": "not read"})
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Setup(t.Context(), dial("setup"), cfg.Topology); err != nil {
		t.Fatal(err)
	}
	f := &followed{t: t, js: dial("operator"), lines: make(chan string, 100), ended: make(chan error, 1)}
	f.open(dial("operator"), tail.Options{})
	f.push("collect", "m1001", "A0")
	if got := f.next(); !strings.Contains(got, " A0 ") {
		t.Fatalf("got %q", got)
	}
	servers[0].Kill()
	servers[0].Start()
	eventuallyPublished(t, dial("operator"), eventstest.Settled())
	if got := f.next(); !strings.Contains(got, "settled") {
		t.Errorf("got %q", got)
	}
	f.push("collect", "m1001", "A2")
	if got := f.next(); !strings.Contains(got, " A2 ") {
		t.Errorf("got %q", got)
	}
}

// eventuallyPublished publishes as soon as the streams are back.
func eventuallyPublished(t *testing.T, js jetstream.JetStream, e events.Event) {
	t.Helper()
	body, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), e.NATSSubject(), body, jetstream.WithRetryAttempts(100), jetstream.WithRetryWait(50*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
}

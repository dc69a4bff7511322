package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// TestStoreCallback: a callback is stored as received, with what is known of
// it beside; the same push again within the window is told to be stored.
func TestStoreCallback(t *testing.T) {
	b := newStreams(t)
	log := NewCallbackLog(b.js)
	a := accepted(t, "m1", "A.1/x")
	a.Dialects = []sign.Dialect{sign.DialectUppercaseHex, sign.DialectQuotedNumber}
	first, err := log.Store(within(t), a)
	if err != nil || first != (Receipt{Sequence: 1}) {
		t.Fatalf("Store = %+v, %v", first, err)
	}
	a.Body, a.ReceivedAt = []byte("written otherwise"), a.ReceivedAt.Add(time.Minute)
	again, err := log.Store(within(t), a)
	if err != nil || again != (Receipt{Sequence: 1, Duplicate: true}) {
		t.Errorf("the same push again: %+v, %v", again, err)
	}
	for what, other := range map[string]func(*Accepted){
		"merchant": func(a *Accepted) { a.Merchant = "m2" },
		"flow":     func(a *Accepted) { a.Flow = events.FlowPay },
		"order":    func(a *Accepted) { a.Callback.OrderID = "B" },
		"says":     func(a *Accepted) { a.Callback.Reverse = true },
	} {
		c := accepted(t, "m1", "A.1/x")
		other(&c)
		if got, err := log.Store(within(t), c); err != nil || got.Duplicate {
			t.Errorf("another %s: %+v, %v; want it stored", what, got, err)
		}
	}
	stored := b.messages(t, Callbacks)
	want := nats.Header{
		"Nats-Msg-Id": {"m1/collect/A.1%2Fx/P1/s1-r0-1000"}, "Nats-Expected-Stream": {Callbacks},
		"Settlehook-Received-At": {"2026-05-04T12:00:00Z"}, "Settlehook-Key-Id": {"k1"},
		"Settlehook-Dialects": {"uppercase-hex,quoted-number"}, "Settlehook-Source": {"192.0.2.1"},
		"Content-Type": {"application/json"},
	}
	if diff := cmp.Diff(want, stored[0].Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if stored[0].Subject != events.CallbackSubject("collect", "m1", "A.1/x") || string(stored[0].Data) != string(accepted(t, "m1", "A.1/x").Body) {
		t.Errorf("stored on %s: %s", stored[0].Subject, stored[0].Data)
	}
}

// hostile are header values that outsiders may try.
var hostile = []string{
	"application/json\r\nNats-Msg-Id: forged", "a\nNats-Rollup: all", "a\rb", "\r\n\r\n", "a\x00b\x7f\x1b[31m",
	strings.Repeat("x", 10_000), strings.Repeat("é", 200), "\xff\xfe", " padded ",
}

// TestHeadersCannotBeInjected: whatever an outsider writes stays one line of
// its own header, and the connection lives.
func TestHeadersCannotBeInjected(t *testing.T) {
	b := newStreams(t)
	for i, value := range hostile {
		a := accepted(t, "m1", fmt.Sprintf("A%d", i))
		a.ContentType, a.Source = value, value
		if _, err := NewCallbackLog(b.js).Store(within(t), a); err != nil {
			t.Errorf("%q: %v", value, err)
		}
		if err := NewQuarantineLog(b.js).Keep(within(t), Refused{
			Class: ClassUnknown, Flow: Unknown, Merchant: Unknown, Reason: "unknown-flow", Detail: value, Path: value,
			ContentType: value, Source: value, ReceivedAt: a.ReceivedAt, Body: []byte(value),
		}); err != nil {
			t.Errorf("%q: %v", value, err)
		}
	}
	ours := map[string]bool{
		"Nats-Msg-Id": true, "Nats-Expected-Stream": true, headerReceivedAt: true, headerKeyID: true, HeaderContentType: true,
		headerSource: true, HeaderReason: true, headerError: true, headerPath: true,
	}
	for _, m := range append(b.messages(t, Callbacks), b.messages(t, Quarantine)...) {
		for name, values := range m.Header {
			if !ours[name] || len(values) != 1 {
				t.Errorf("a header came in: %s: %q", name, values)
				continue
			}
			if v := values[0]; strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(v) > maxHeaderValue || !utf8.ValidString(v) {
				t.Errorf("%s is not a short printable line: %q", name, v)
			}
		}
	}
	if !b.nc.IsConnected() || b.nc.Stats().Reconnects != 0 {
		t.Error("the connection was lost over a header")
	}
}

// TestQuarantineBudgets: junk pushes out junk of its own class, flow and
// merchant, and no evidence of a wrong key.
func TestQuarantineBudgets(t *testing.T) {
	b := newStreams(t)
	log := NewQuarantineLog(b.js)
	keep := func(class Class, merchant, body string) {
		if err := log.Keep(within(t), Refused{
			Class: class, Flow: "collect", Merchant: merchant, Reason: "bad-signature", Detail: "no key fits",
			Path: "/callbacks/collect/m1", Body: []byte(body), ReceivedAt: reconciletest.Start,
		}); err != nil {
			t.Fatal(err)
		}
	}
	keep(ClassSignature, "m1", "evidence")
	for i := range 10 {
		keep(ClassMalformed, "m1", fmt.Sprint(i))
		keep(ClassSignature, "m2", fmt.Sprint(i))
	}
	s, err := b.js.Stream(within(t), Quarantine)
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.GetLastMsgForSubject(within(t), "quarantine.v1.signature.collect.m1")
	if err != nil || string(first.Data) != "evidence" || first.Header.Get(HeaderReason) != "bad-signature" ||
		first.Header.Get(headerError) != "no key fits" || first.Header.Get(headerPath) != "/callbacks/collect/m1" {
		t.Errorf("the evidence: %+v, %v", first, err)
	}
	info, err := s.Info(within(t))
	if err != nil || info.State.Msgs != 1+3+3 {
		t.Errorf("%d kept, %v; want 1 and twice the budget of 3", info.State.Msgs, err)
	}
}

// TestTrail: a look is one JSON message on its order's subject.
func TestTrail(t *testing.T) {
	b := newStreams(t)
	d := reconciletest.Push(reconciletest.Order(events.FlowPay, "A1"), 1, "1000", reconciletest.Start)
	d.Deliveries = 2
	answer := reconciletest.Open("P1").Answer
	NewTrailLog(b.nc, func(err error) { t.Error(err) }).Record(reconcile.Look{
		Delivery: d, At: reconciletest.Start.Add(time.Second), Answer: &answer, Attempts: 1,
		Decision: reconcile.Decision{Verdict: reconcile.Retry, Reason: reconcile.ReasonLagging},
		Err:      errors.New("two\nlines"),
	})
	var stored string
	eventually(t, "the look is stored", func() bool {
		for _, m := range b.messages(t, Trail) {
			stored = m.Subject + " " + string(m.Data)
		}
		return stored != ""
	})
	const want = `trail.v1.pay.m1001.` + `%s {"at":"2026-05-04T12:00:01Z","flow":"pay","merchant":"m1001","orderId":"A1","via":"callback","verdict":"retry",` +
		`"reason":"lagging","attempt":1,"fingerprint":"s1-r0-1000","receivedAt":"2026-05-04T12:00:00Z","streamSequence":1,` +
		`"deliveries":2,"query":{"status":0,"amount":"0","fee":"0","platOrderId":"P1"},"error":"two lines"}`
	if diff := cmp.Diff(fmt.Sprintf(want, events.Bucket("A1")), stored); diff != "" {
		t.Errorf("a look (-want +got):\n%s", diff)
	}
}

// TestTrailNeverBlocks: a look that can't be written is heard of, and that is
// all.
func TestTrailNeverBlocks(t *testing.T) {
	b := newStreams(t)
	b.nc.Close()
	var heard error
	NewTrailLog(b.nc, func(err error) { heard = err }).Record(reconcile.Look{
		Delivery: reconciletest.Push(reconciletest.Order(events.FlowPay, "A1"), 1, "1000", reconciletest.Start),
	})
	if !errors.Is(heard, nats.ErrConnectionClosed) {
		t.Errorf("heard %v", heard)
	}
}

// TestFullLedger: a full stream refuses with the code of a subject that is
// taken; only what can be read back was told.
func TestFullLedger(t *testing.T) {
	b := newBench(t)
	small := topology()
	small.PaymentsMaxBytes = 4096
	if err := Setup(within(t), b.js, small); err != nil {
		t.Fatal(err)
	}
	l := openLedger(t, b)
	for i := range 100 {
		e := reconciletest.Outcome(reconciletest.Order(events.FlowCollect, fmt.Sprintf("A%d", i)), events.OutcomeSettled, "1000")
		_, err := l.Append(within(t), e, 0)
		if err == nil {
			continue
		}
		if errors.Is(err, reconcile.ErrExists) || errors.Is(err, reconcile.ErrConflict) {
			t.Errorf("a full ledger says %v: the event would be lost", err)
		}
		if last, err := l.Last(within(t), reconciletest.MerchantID, fmt.Sprintf("A%d", i)); err != nil || last != nil {
			t.Errorf("refused, and yet: %+v, %v", last, err)
		}
		return
	}
	t.Fatal("the ledger was never full")
}

// TestForeignMessages: what is no event of ours is named, and never taken for
// none.
func TestForeignMessages(t *testing.T) {
	b := newStreams(t)
	order := reconciletest.Order(events.FlowCollect, reconciletest.OrderID)
	for _, subject := range []string{events.Subject(events.OutcomeSettled, order), events.SubmittedSubject(order)} {
		if _, err := b.js.Publish(within(t), subject, []byte(`{"type":"another program's"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := openLedger(t, b).Last(within(t), order.Merchant, order.OrderID); err == nil || !strings.Contains(err.Error(), "message 1 of PAYMENTS") {
		t.Errorf("Last = %+v, %v", last, err)
	}
	orders, err := OpenOrders(within(t), b.js, patience)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := orders.Submitted(within(t), order.Merchant, order.OrderID); err != nil || s == nil || !s.Unusable {
		t.Errorf("Submitted = %+v, %v; want it unusable, since nobody can take it back", s, err)
	}
	// A submission on another order's subject is no better.
	other := reconciletest.Order(events.FlowCollect, "other")
	body, err := json.Marshal(reconciletest.Submission(order, "1000"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.js.Publish(within(t), events.SubmittedSubject(other), body); err != nil {
		t.Fatal(err)
	}
	if s, err := orders.Submitted(within(t), other.Merchant, other.OrderID); err != nil || s == nil || !s.Unusable {
		t.Errorf("Submitted = %+v, %v; want it unusable", s, err)
	}
}

func TestOpenWithoutStreams(t *testing.T) {
	b := newBench(t)
	if _, err := OpenLedger(within(t), b.js, patience); err == nil {
		t.Error("a ledger without a stream")
	}
	if _, err := OpenOrders(within(t), b.js, patience); err == nil {
		t.Error("orders without a stream")
	}
}

// TestLookJSON: a look without an answer has none.
func TestLookJSON(t *testing.T) {
	body, err := json.Marshal(Look{Query: reconcile.Look{}.Query()})
	if err != nil || strings.Contains(string(body), "query") {
		t.Errorf("%s, %v", body, err)
	}
}

package tail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/tail"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

const patience = 20 * time.Second

// followed is an installation whose streams are followed.
type followed struct {
	t     *testing.T
	js    jetstream.JetStream
	lines chan string
	stop  context.CancelFunc
	ended chan error
}

// Write takes whole lines only: a line must never come in pieces.
func (f *followed) Write(b []byte) (int, error) {
	if bytes.Count(b, []byte("\n")) != 1 || !bytes.HasSuffix(b, []byte("\n")) {
		f.t.Errorf("written: %q", b)
	}
	f.lines <- strings.TrimSuffix(string(b), "\n")
	return len(b), nil
}

// installation has the streams, and nobody who follows them yet.
func installation(t *testing.T) *followed {
	t.Helper()
	nc, err := nats.Connect(testserver.NATS(t).ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	f := &followed{t: t, lines: make(chan string, 1000), ended: make(chan error, 1)}
	if f.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadUp(map[string]string{"MERCHANTS_FILE": "not read"})
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Setup(t.Context(), f.js, cfg.Topology); err != nil {
		t.Fatal(err)
	}
	return f
}

func follow(t *testing.T) *followed {
	t.Helper()
	f := installation(t)
	f.publish("quarantine.v1.unknown._unknown._unknown", "from before", nil)
	f.open(f.js, tail.Options{})
	return f
}

// open begins to follow.
func (f *followed) open(js jetstream.JetStream, o tail.Options) {
	f.t.Helper()
	tailed, err := tail.Open(f.t.Context(), js, f, o)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(f.t.Context()))
	f.stop = stop
	go func() { f.ended <- tailed.Run(ctx) }()
	f.t.Cleanup(stop)
}

func (f *followed) publish(subject, body string, header nats.Header) {
	f.t.Helper()
	if _, err := f.js.PublishMsg(f.t.Context(), &nats.Msg{Subject: subject, Data: []byte(body), Header: header}); err != nil {
		f.t.Fatal(err)
	}
}

var clock = regexp.MustCompile(`^\d\d:\d\d:\d\d  `)

// line returns the next line.
func (f *followed) line() string {
	f.t.Helper()
	select {
	case line := <-f.lines:
		return line
	case <-time.After(patience):
		f.t.Fatal("no line came")
		return ""
	}
}

// next returns the next line without its time.
func (f *followed) next() string {
	f.t.Helper()
	line := f.line()
	if !clock.MatchString(line) {
		f.t.Errorf("%q does not begin with the time", line)
	}
	return clock.ReplaceAllString(line, "")
}

func amount(s string) events.Amount { return events.MustParseAmount(s) }

// payment is a settled collection.
func payment() events.Payment {
	return events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.ThreeWay, Flow: events.FlowCollect,
		Merchant: "m1001", Account: "8801", OrderID: "A1", PlatOrderID: "P1",
		Amount: amount("1000"), Fee: amount("20"), Net: amount("980"), SubmittedAmount: amount("1000"),
		Currency: "INR", BookingDate: "2026-05-02",
	}
}

func event(t *testing.T, data events.Data) (subject, body string) {
	t.Helper()
	e, err := events.New("test", time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), data)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return e.NATSSubject(), string(b)
}

func TestEveryKindOfMessageIsALine(t *testing.T) {
	f := follow(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())

	settled := payment()
	failed := payment()
	failed.Net = events.Amount{}
	failed.Flow, failed.OrderID = events.FlowPay, "A2"
	reversed := payment()
	reversed.Supersedes = events.ID("m1001", "A1", events.OutcomeSettled)
	expired := payment()
	expired.OrderID, expired.Amount, expired.Fee, expired.Net = "A3", events.Amount{}, events.Amount{}, events.Amount{}
	short := payment()
	short.OrderID, short.Reason, short.Net = "A4", "amount_mismatch", events.Amount{}
	short.Amount = amount("900")
	short.Evidence = events.Evidence{
		Callback: &events.CallbackEvidence{Status: 1, Amount: amount("900")},
		Query:    &events.QueryEvidence{Status: 1, Amount: amount("900")},
	}
	shortCase := events.CaseTail(short.Order(), short.Reason, "900")
	resolved := short
	late := payment()
	late.OrderID, late.Supersedes = "A4", events.ReviewID("m1001", "A4", shortCase)

	callback := func(more string) string {
		return `{"platOrderId":"P1","orderId":"A1","amount":1000.00,"fee":20.00,"remark":"no","sign":"` + strings.Repeat("0", 32) + `",` + more + `}`
	}
	json := nats.Header{stream.HeaderContentType: []string{sign.MediaJSON}}
	reason := func(r string) nats.Header { return nats.Header{stream.HeaderReason: []string{r}} }

	for _, tc := range []struct {
		name, want    string
		subject, body string
		header        nats.Header
		event         events.Data
	}{
		{
			name: "callback of a success", subject: "callbacks.v1.collect.m1001.ab", body: callback(`"status":1,"reverse":false`), header: json,
			want: "→ callback   m1001    collect A1                         1000 success",
		},
		{
			name: "callback of a failure", subject: "callbacks.v1.pay.m1001.ab", body: callback(`"status":2,"reverse":false`), header: json,
			want: "→ callback   m1001    pay     A1                         1000 failed",
		},
		{
			name: "callback of a reversal", subject: "callbacks.v1.collect.m1001.ab", body: callback(`"status":2,"reverse":true`), header: json,
			want: "→ callback   m1001    collect A1                         1000 failed, reversed",
		},
		{
			name: "what is no callback", subject: "callbacks.v1.collect.m1001.ab", body: "[]", header: json,
			want: "? callbacks.v1.collect.m1001.ab: malformed: body is not a JSON object",
		},
		{
			name: "settled", event: events.Settled{Payment: settled},
			want: "✓ settled    m1001    collect A1                         1000.00 INR credit (net 980.00)",
		},
		{
			name: "failed", event: events.Failed{Payment: failed},
			want: "✗ failed     m1001    pay     A2                         1000.00 INR",
		},
		{
			name: "reversed", event: events.Reversed{Payment: reversed},
			want: "↺ reversed   m1001    collect A1                         1000.00 INR debit (net 980.00), supersedes settled",
		},
		{
			name: "expired", event: events.Expired{Payment: expired},
			want: "∅ expired    m1001    collect A3                        ",
		},
		{
			name: "review", event: events.Review{Payment: short, Case: shortCase},
			want: "! review     m1001    collect A4                         900.00 INR needs a person: amount_mismatch, callback 900.00, query 900.00, submitted 1000.00",
		},
		{
			name: "settled after a review", event: events.Settled{Payment: late},
			want: "✓ settled    m1001    collect A4                         1000.00 INR credit (net 980.00), supersedes " + shortCase,
		},
		{
			name: "resolved", event: events.Resolved{Payment: resolved, Case: shortCase, By: "asha", Why: "agreed"},
			want: "· resolved   m1001    collect A4                         900.00 INR review closed by asha",
		},
		{
			name: "what is no event", subject: "payments.v1.settled.collect.m1001.A9", body: "{}",
			want: "? payments.v1.settled.collect.m1001.A9: ",
		},
		{
			name: "parked", subject: "parked.v1.collect.m1001", body: "…", header: reason("merchant_removed"),
			want: "‖ parked     m1001    collect                            merchant_removed",
		},
		{
			name: "refused", subject: "quarantine.v1.signature.pay.m1001", body: "…", header: reason("bad-signature"),
			want: "⊘ refused    m1001    pay                                bad-signature",
		},
		{
			name: "refused without a merchant", subject: "quarantine.v1.unknown._unknown._unknown", body: "…", header: reason("unknown-merchant"),
			want: "⊘ refused    _unknown _unknown                            unknown-merchant",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.event != nil {
				tc.subject, tc.body = event(t, tc.event)
			}
			f.publish(tc.subject, tc.body, tc.header)
			got := f.next()
			if strings.HasSuffix(tc.want, ": ") && strings.HasPrefix(got, tc.want) {
				return // the reason is another package's
			}
			if got != tc.want {
				t.Errorf("line\n%q, want\n%q", got, tc.want)
			}
		})
	}
	f.stop()
	if err := <-f.ended; err != nil {
		t.Error(err)
	}
	if n := len(f.lines); n != 0 {
		t.Errorf("%d lines too many", n)
	}
}

// Whatever outsiders write, a line is one line, and a terminal has nothing to
// obey.
func TestHostileTextCannotDriveTheTerminal(t *testing.T) {
	f := follow(t)
	const hostile = "\x1b[2J\x1b]0;owned\x07\r\n12:00:00  ✓ settled\x9b31m\u009b\u202eevil\u2028\u200b\x00\x7f\xff"
	quoted, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{
		"orderId": `{"platOrderId":"P1","orderId":%s,"amount":1,"fee":0,"status":1,"reverse":false,"remark":"","sign":"0"}`,
		"remark":  `{"platOrderId":"P1","orderId":"A1","amount":1,"fee":0,"status":1,"reverse":false,"remark":%s,"sign":"` + strings.Repeat("0", 32) + `"}`,
		"amount":  `{"platOrderId":"P1","orderId":"A1","amount":%s,"fee":0,"status":1,"reverse":false,"remark":"","sign":"0"}`,
	}
	publish := map[string]func(){
		"parked's reason": func() {
			f.publish("parked.v1.collect.m1001", "", nats.Header{stream.HeaderReason: []string{unbroken(hostile)}})
		},
		"quarantine's reason": func() {
			f.publish("quarantine.v1.malformed.pay.m1001", "", nats.Header{stream.HeaderReason: []string{unbroken(hostile)}})
		},
		"event": func() {
			f.publish("payments.v1.settled.collect.m1001.A1", fmt.Sprintf(`{"specversion":"1.0","type":%s}`, quoted), nil)
		},
		"subject":  func() { f.publish("payments.v1.settled.collect.m1001.\x1b[2J\u202e", "{}", nil) },
		"raw body": func() { f.publish("callbacks.v1.collect.m1001.ab", hostile, nil) },
	}
	for name, body := range fields {
		publish[name] = func() { f.publish("callbacks.v1.collect.m1001.ab", fmt.Sprintf(body, quoted), nil) }
	}
	for name, p := range publish {
		t.Run(name, func(t *testing.T) {
			p()
			for _, r := range f.next() {
				if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2028' || r == '\u200b' {
					t.Errorf("%U gets through", r)
				}
			}
		})
	}
}

// unbroken is text as a header can hold it: the client refuses line breaks.
func unbroken(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }

func TestOpenSaysWhichStreamIsMissing(t *testing.T) {
	f := follow(t)
	if err := f.js.DeleteStream(t.Context(), stream.Parked); err != nil {
		t.Fatal(err)
	}
	_, err := tail.Open(t.Context(), f.js, f, tail.Options{})
	if err == nil || err.Error() != "follow PARKED: nats: API error: code=404 err_code=10059 description=stream not found" {
		t.Errorf("error %v", err)
	}
}

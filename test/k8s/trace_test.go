//go:build k8s

package k8s

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

// The spans of a callback that settles its order, in docs/tracing.md's words.
const (
	requestSpan  = "POST /callbacks/{flow}/{merchant}"
	storeSpan    = "send CALLBACKS"
	deliverySpan = "process CALLBACKS"
	eventSpan    = "send PAYMENTS"
)

// wantWay is that callback's trace: each span, the program it is of, its kind,
// and the span it is a child of.
var wantWay = []struct {
	name, service string
	kind          tracepb.Span_SpanKind
	parent        string
}{
	{requestSpan, "settlehook-receiver", tracepb.Span_SPAN_KIND_SERVER, ""},
	{storeSpan, "settlehook-receiver", tracepb.Span_SPAN_KIND_PRODUCER, requestSpan},
	{deliverySpan, "settlehook-worker", tracepb.Span_SPAN_KIND_CONSUMER, storeSpan},
	{"claim", "settlehook-worker", tracepb.Span_SPAN_KIND_CLIENT, deliverySpan},
	{"query order", "settlehook-worker", tracepb.Span_SPAN_KIND_CLIENT, deliverySpan},
	{eventSpan, "settlehook-worker", tracepb.Span_SPAN_KIND_PRODUCER, deliverySpan},
	{"mark done", "settlehook-worker", tracepb.Span_SPAN_KIND_CLIENT, deliverySpan},
}

// TestTraceThroughTheCollector: of a paid order, the OpenTelemetry Collector
// hands on one trace, from the gateway's push to the event, and nothing else. The
// log lines of both programs and the messages in both streams name it, and it
// gives away nothing of what was pushed.
func TestTraceThroughTheCollector(t *testing.T) {
	c := startCollector(t)
	i := newInstallation(t, c.env()...)
	worker := i.program("worker", "WORKER_ROLES=callbacks")
	merchant, order := i.merchants.All()[0].ID, "T1"
	i.settle(merchant, order)
	i.awaitAccepted()
	await(t, "the spans come out of the collector", func() bool { spans, _ := c.handedOn(); return len(spans) >= len(wantWay) },
		func() string { _, text := c.handedOn(); return text + "\n" + c.process.tail() })
	// What a program still holds it sends when it stops: after that, no span is
	// missing that is one too many.
	for _, p := range []*process{i.receiver, worker} {
		if code := p.stop(time.Minute); code != 0 {
			t.Errorf("%s ended with code %d:\n%s", p.name, code, p.tail())
		}
	}

	spans, handedOn := c.handedOn()
	way := holdWay(t, spans)
	holdLine(t, i.receiver, "callback accepted", order, way[requestSpan])
	holdLine(t, worker, "callback decided", order, way[deliverySpan])
	i.holdSecrets(handedOn, i.holdMessage(stream.Callbacks, way[storeSpan]), i.holdMessage(stream.Payments, way[eventSpan]))
	if chain := i.ledger()[merchant+"/"+order]; len(chain) != 1 || chain[0].Data.Common().OrderID != order {
		t.Errorf("the ledger has %v, want one event", chain)
	}
}

// holdWay: these spans are [wantWay], all of one trace; it returns them by name.
func holdWay(t *testing.T, spans []span) map[string]span {
	t.Helper()
	way, traces := map[string]span{}, map[string]int{}
	for _, s := range spans {
		way[s.Name] = s
		traces[s.TraceID]++
	}
	if len(spans) != len(wantWay) || len(way) != len(wantWay) || len(traces) != 1 {
		t.Errorf("%d spans of %d names in the traces %v came out, want one trace of %d", len(spans), len(way), traces, len(wantWay))
	}
	for _, want := range wantWay {
		got, there := way[want.name]
		if !there {
			t.Errorf("there is no span %q", want.name)
			continue
		}
		parent := way[want.parent].ID
		service := text(got.resource, "service.name")
		if got.Parent != parent || service != want.service || got.Kind != want.kind {
			t.Errorf("%s is of %s, a %s, under %q; want %s, %s, %q (%s)",
				want.name, service, got.Kind, got.Parent, want.service, want.kind, parent, want.parent)
		}
		if name := text(got.resource, "settlehook.installation"); name != installationName {
			t.Errorf("%s is of the installation %q", want.name, name)
		}
		if got.Status.Code != tracepb.Status_STATUS_CODE_UNSET || len(got.Links) != 0 {
			t.Errorf("%s has the status %s and the links %s", want.name, got.Status.Code, got.Links)
		}
	}
	return way
}

// holdLine: the program's one line with this message is about the order, and
// names the span.
func holdLine(t *testing.T, p *process, message, order string, of span) {
	t.Helper()
	said, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	type fields struct {
		Message string `json:"msg"`
		Order   string `json:"order_id"`
		Trace   string `json:"trace_id"`
		Span    string `json:"span_id"`
	}
	var got []fields
	for line := range strings.Lines(string(said)) {
		var f fields
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%s wrote a line that is no JSON: %s", p.name, line)
		}
		if f.Message == message {
			got = append(got, f)
		}
	}
	if want := (fields{message, order, of.TraceID, of.ID}); len(got) != 1 || got[0] != want {
		t.Errorf("%s says %v, want %v", p.name, got, want)
	}
}

// holdMessage: the stream's one message names the span that sent it. It returns
// the message's body.
func (i *installation) holdMessage(name string, sender span) (body string) {
	i.t.Helper()
	s, err := i.js.Stream(i.t.Context(), name)
	if err != nil {
		i.t.Fatal(err)
	}
	var m *jetstream.RawStreamMsg
	if m, err = s.GetMsg(i.t.Context(), 1); err != nil || s.CachedInfo().State.Msgs != 1 {
		i.t.Fatalf("%s has %d messages, want one: %v", name, s.CachedInfo().State.Msgs, err)
	}
	if got, want := m.Header.Get("traceparent"), "00-"+sender.TraceID+"-"+sender.ID+"-01"; got != want {
		i.t.Errorf("the message in %s names the trace %q, want %q", name, got, want)
	}
	return string(m.Data)
}

// holdSecrets: the text has neither a key, nor the callback's signature, nor the
// platform's order id. That is in the callback, in the answer to the query and in
// the event, so that none of the three can be in the text.
func (i *installation) holdSecrets(text, callback, event string) {
	i.t.Helper()
	id := i.gateway.Books()[0].PlatOrderID
	fields, err := sign.ParseJSON([]byte(callback))
	if err != nil {
		i.t.Fatal(err)
	}
	signature, _ := fields.Get("sign")
	if signature.Value == "" || !strings.Contains(callback, id) || !strings.Contains(event, id) {
		i.t.Fatalf("no signature or no id %q to look for in\n%s\n%s", id, callback, event)
	}
	for what, secret := range map[string]string{"a key": "k3y-", "the signature": signature.Value, "the platform's order id": id} {
		if strings.Contains(text, secret) {
			i.t.Errorf("%s is in the spans:\n%s", what, text)
		}
	}
}

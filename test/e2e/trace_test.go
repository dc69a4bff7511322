package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/settlehook/settlehook/internal/stream"
)

// requestSpan is the name of a request's span.
const requestSpan = "POST /callbacks/{flow}/{merchant}"

// wantWay is the trace of a callback that settles its order: each span, the
// program it is of, its kind, and the span it is a child of.
var wantWay = []struct {
	name, service string
	kind          tracepb.Span_SpanKind
	parent        string
}{
	{requestSpan, "settlehook-receiver", tracepb.Span_SPAN_KIND_SERVER, ""},
	{"send CALLBACKS", "settlehook-receiver", tracepb.Span_SPAN_KIND_PRODUCER, requestSpan},
	{"process CALLBACKS", "settlehook-worker", tracepb.Span_SPAN_KIND_CONSUMER, "send CALLBACKS"},
	{"claim", "settlehook-worker", tracepb.Span_SPAN_KIND_CLIENT, "process CALLBACKS"},
	{"query order", "settlehook-worker", tracepb.Span_SPAN_KIND_CLIENT, "process CALLBACKS"},
	{"send PAYMENTS", "settlehook-worker", tracepb.Span_SPAN_KIND_PRODUCER, "process CALLBACKS"},
	{"mark done", "settlehook-worker", tracepb.Span_SPAN_KIND_CLIENT, "process CALLBACKS"},
}

// TestOneTraceFromPushToEvent: what the gateway pushed and what downstream is
// told are one trace, over two processes, and the log lines of both name it.
func TestOneTraceFromPushToEvent(t *testing.T) {
	c := newCollector(t)
	w := newWorld(t, 1, c.env()...)
	push := pushOf(w.settledOrders(alice, "T1")[0])
	w.mustAccept("collect", alice, push.body(alice))
	w.await("the delivery's span", func() bool { return len(c.of("process CALLBACKS", "settlehook.order_id", "T1")) == 1 })
	w.await("the request's span", func() bool { return len(c.of(requestSpan, "settlehook.order_id", "T1")) == 1 })

	trace := c.of(requestSpan, "settlehook.order_id", "T1")[0].trace()
	spans := c.in(trace)
	if len(spans) != len(wantWay) {
		t.Errorf("the trace has %d spans, want %d", len(spans), len(wantWay))
	}
	for _, want := range wantWay {
		got, there := spans[want.name]
		if !there {
			t.Fatalf("the trace has no span %q", want.name)
		}
		parent := ""
		if want.parent != "" {
			parent = spans[want.parent].id()
		}
		if got.parent() != parent || got.service != want.service || got.Kind != want.kind {
			t.Errorf("%s is of %s, a %s, under %q; want %s, %s, %q (%s)",
				want.name, got.service, got.Kind, got.parent(), want.service, want.kind, parent, want.parent)
		}
		if got.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
			t.Errorf("%s has status %v", want.name, got.Status)
		}
	}
	const fingerprint = "s1-r0-1000"
	holdFacts(t, spans[requestSpan], map[string]any{
		"settlehook.merchant": alice, "settlehook.flow": "collect", "settlehook.order_id": "T1", "settlehook.fingerprint": fingerprint,
		"settlehook.result": "accepted", "settlehook.reason": "stored", "settlehook.stream_sequence": int64(1),
		"http.response.status_code": int64(200), "http.request.method": "POST", "url.path": "/callbacks/collect/alice",
	})
	holdFacts(t, spans["process CALLBACKS"], map[string]any{
		"settlehook.merchant": alice, "settlehook.order_id": "T1", "settlehook.fingerprint": fingerprint,
		"settlehook.stream_sequence": int64(1), "settlehook.deliveries": int64(1), "settlehook.disposition": "ack",
		"settlehook.verdict": "emit", "settlehook.outcome": "settled", "settlehook.event_id": "alice/T1/settled", "settlehook.ledger_sequence": int64(1),
	})
	holdFacts(t, spans["query order"], map[string]any{"settlehook.query_result": "success"})
	holdFacts(t, spans["send PAYMENTS"], map[string]any{
		"settlehook.event_id": "alice/T1/settled", "settlehook.result": "stored", "settlehook.ledger_sequence": int64(1),
	})

	holdLine(t, w.receiver, "callback accepted", "T1", trace, spans[requestSpan].id(), map[string]any{"stream_sequence": 1.0, "fingerprint": fingerprint})
	holdLine(t, w.workers[0], "callback decided", "T1", trace, spans["process CALLBACKS"].id(), map[string]any{"sequence": 1.0, "fingerprint": fingerprint})
	for name, sender := range map[string]string{stream.Callbacks: "send CALLBACKS", stream.Payments: "send PAYMENTS"} {
		want := "00-" + trace + "-" + spans[sender].id() + "-01"
		if got := w.read(name)[0].Headers().Get("traceparent"); got != want {
			t.Errorf("the message in %s names trace %q, want %q", name, got, want)
		}
	}
	holdExemplar(t, w.receiver, trace)
}

func holdFacts(t *testing.T, s span, want map[string]any) {
	t.Helper()
	for key, v := range want {
		if got := s.is(key); got != v {
			t.Errorf("%s: %s is %v (%[3]T), want %v (%[4]T)", s.Name, key, got, v)
		}
	}
}

// holdLine asserts the one log line about an order.
func holdLine(t *testing.T, p *program, message, order, trace, span string, more map[string]any) {
	t.Helper()
	var lines []map[string]any
	await(t, "the line "+message, func() bool { // lines wait for others a moment
		lines = p.lines(t, message, order)
		return len(lines) > 0
	}, func() { t.Log(p.tail()) })
	if len(lines) != 1 {
		t.Fatalf("%s has %d lines %q about %s, want one:\n%s", p.name, len(lines), message, order, p.tail())
	}
	want := map[string]any{"trace_id": trace, "span_id": span, "merchant": alice, "order_id": order}
	for key, v := range more {
		want[key] = v
	}
	for key, v := range want {
		if got := lines[0][key]; got != v {
			t.Errorf("%s, %q: %s is %v, want %v", p.name, message, key, got, v)
		}
	}
}

// lines are the log lines with a message about an order.
func (p *program) lines(t *testing.T, message, order string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(p.tail()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%s wrote a line that is no JSON: %s", p.name, line)
		}
		if fields["msg"] == message && fields["order_id"] == order {
			found = append(found, fields)
		}
	}
	return found
}

// holdExemplar asserts that a scrape leads from the receiver's latency to the
// trace.
func holdExemplar(t *testing.T, p *program, trace string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.admin+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var scrape bytes.Buffer
	if _, err := scrape.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(scrape.String()) {
		if strings.HasPrefix(line, "settlehook_callback_acceptance_duration_seconds_bucket") && strings.Contains(line, `# {trace_id="`+trace+`"}`) {
			return
		}
	}
	t.Errorf("no bucket of the receiver's latency names trace %s:\n%s", trace, scrape.String())
}

// TestStrangersChooseNoTrace: a traceparent from outside is not our trace and
// does not switch its recording off.
func TestStrangersChooseNoTrace(t *testing.T) {
	c := newCollector(t)
	w := newWorld(t, 0, c.env()...)
	const forged = "4bf92f3577b34da6a3ce929d0e0e4736"
	body := push{"F1", "P1", "1000.00", "2", "false", "no", "0"}.body(alice)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.receiver.http+"/callbacks/collect/alice", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("traceparent", "00-"+forged+"-00f067aa0ba902b7-00") // "do not record"
	req.Header.Set("tracestate", "evil=1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	w.await("the request's span", func() bool { return len(c.of(requestSpan, "settlehook.order_id", "F1")) == 1 })
	for _, s := range c.all() {
		if s.trace() == forged || len(s.Links) != 0 || s.TraceState != "" {
			t.Errorf("%s is of the stranger's trace, or names it: %v", s.Name, s.Span)
		}
	}
	h := w.read(stream.Callbacks)[0].Headers()
	if strings.Contains(h.Get("traceparent"), forged) || h.Get("traceparent") == "" || h.Get("tracestate") != "" {
		t.Errorf("the message's headers are %v", h)
	}
}

// TestHangingCollectorHoldsNothingUp: with a collector that takes connections
// and never answers, pushes are answered and decided as ever, and a stop is not
// longer than it may be, nor a failure.
func TestHangingCollectorHoldsNothingUp(t *testing.T) {
	hanging, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hanging.Close() })
	w := newWorld(t, 1, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+hanging.Addr().String(),
		"OTEL_BSP_SCHEDULE_DELAY=10", "OTEL_BSP_MAX_QUEUE_SIZE=4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=2")
	const n = 50
	ids := make([]string, n)
	for i := range ids {
		ids[i] = orderID("hang", i)
	}
	var longest time.Duration
	for _, order := range w.settledOrders(alice, ids...) {
		begun := time.Now()
		w.mustAccept("collect", alice, pushOf(order).body(alice))
		longest = max(longest, time.Since(begun))
	}
	if longest > 5*time.Second {
		t.Errorf("a push took %s", longest)
	}
	w.await("callbacks decided", func() bool { return w.drained(alice) })
	l := w.ledger()
	for _, id := range ids {
		l.holds(t, alice, id, "settled")
	}
	for _, p := range []*program{w.receiver, w.workers[0]} {
		begun := time.Now()
		silence(t, p)
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s took %s to stop", p.name, took)
		}
		if !p.said(`"step":"flush traces"`) || !p.said("spans are lost") {
			t.Errorf("%s says nothing of what it lost:\n%s", p.name, p.tail())
		}
	}
}

// TestWithoutTracingNothingIsSentAlong: no message names a trace, and no line.
func TestWithoutTracingNothingIsSentAlong(t *testing.T) {
	w := newWorld(t, 1)
	w.mustAccept("collect", alice, pushOf(w.settledOrders(alice, "N1")[0]).body(alice))
	w.await("callbacks decided", func() bool { return w.drained(alice) && w.count(stream.Payments) == 1 })
	for _, m := range slices.Concat(w.read(stream.Callbacks), w.read(stream.Payments)) {
		if h := m.Headers(); h.Get("traceparent")+h.Get("tracestate") != "" {
			t.Errorf("%s has the headers %v", m.Subject(), h)
		}
	}
	for _, p := range []*program{w.receiver, w.workers[0]} {
		silence(t, p) // every line is there
		if !p.said(`"order_id":"N1"`) || p.said("trace_id") || p.said("flush traces") {
			t.Errorf("%s speaks of a trace, or not of the order:\n%s", p.name, p.tail())
		}
	}
}

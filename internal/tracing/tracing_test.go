package tracing_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/tracing"
	"github.com/settlehook/settlehook/pkg/events"
)

// open returns a tracer, and what it has made so far.
func open(t *testing.T, sampler sdktrace.Sampler) (*tracing.Tracer, *tracetest.SpanRecorder) {
	t.Helper()
	made := tracetest.NewSpanRecorder()
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(made), sdktrace.WithSampler(sampler))
	tracer := tracing.New(p, nil)
	t.Cleanup(func() {
		if err := tracer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tracer, made
}

// always records every trace that no parent says otherwise of.
var always = sdktrace.ParentBased(sdktrace.AlwaysSample())

const (
	foreignTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	foreign      = "00-" + foreignTrace + "-00f067aa0ba902b7-00"
)

func pushed(traceparent string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/callbacks/collect/m1?secret=x", http.NoBody)
	if traceparent != "" {
		r.Header.Set("traceparent", traceparent)
	}
	return r
}

// TestRequestBeginsItsOwnTrace: whatever the sender says, and whoever passes it
// on. A proxy of ours is linked to.
func TestRequestBeginsItsOwnTrace(t *testing.T) {
	for _, tt := range []struct {
		name, header string
		vouched      bool
		links        int
	}{
		{"nothing", "", false, 0},
		{"a stranger's", foreign, false, 0},
		{"a proxy's", foreign, true, 1},
		{"a proxy's that is none", "00-zz", true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tracer, made := open(t, always)
			r, span := tracer.Request(pushed(tt.header), tracing.Push{Merchant: "m1", Flow: "collect", Source: "192.0.2.1", Vouched: tt.vouched})
			if trace.SpanFromContext(r.Context()) != span {
				t.Error("the request is not in its trace")
			}
			tracing.Answered(span, http.StatusServiceUnavailable, "store-timeout", tracing.Result.String("unavailable"))
			got := made.Ended()[0]
			if got.Parent().IsValid() || got.SpanContext().TraceID().String() == foreignTrace || !got.SpanContext().IsSampled() {
				t.Errorf("the span %v has the parent %v", got.SpanContext(), got.Parent())
			}
			if links := got.Links(); len(links) != tt.links || tt.links == 1 && links[0].SpanContext.TraceID().String() != foreignTrace {
				t.Errorf("links %v, want %d", links, tt.links)
			}
			if got.Status() != (sdktrace.Status{Code: codes.Error, Description: "store-timeout"}) {
				t.Errorf("status %v", got.Status())
			}
			want := map[string]any{
				"http.request.method": "POST", "http.route": "/callbacks/{flow}/{merchant}", "url.path": "/callbacks/collect/m1",
				"url.scheme": "http", "client.address": "192.0.2.1", "settlehook.merchant": "m1", "settlehook.flow": "collect",
				"http.response.status_code": int64(503), "settlehook.result": "unavailable",
			}
			if diff := cmp.Diff(want, facts(got)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}

func facts(s sdktrace.ReadOnlySpan) map[string]any {
	all := map[string]any{}
	for _, a := range s.Attributes() {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

// TestDeliveryGoesOn: a delivery is of the trace its message names, recorded or
// not; of one that names none it begins.
func TestDeliveryGoesOn(t *testing.T) {
	tracer, made := open(t, always)
	const recorded = "00-" + foreignTrace + "-00f067aa0ba902b7-01"
	for _, tt := range []struct {
		name, header, trace string
		made                int
	}{
		{"recorded", recorded, foreignTrace, 1},
		{"not recorded", foreign, foreignTrace, 0},
		{"none", "", "", 1},
		{"unreadable", "00-" + foreignTrace, "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made.Reset()
			h := nats.Header{}
			if tt.header != "" {
				h["traceparent"] = []string{tt.header}
			}
			ctx, span := tracer.Delivery(t.Context(), "CALLBACKS", "reconciler-m1", h)
			sent := nats.Header{}
			_, out := tracing.Publish(ctx, "PAYMENTS", sent)
			tracing.Published(out, nil)
			tracing.Delivered(span, reconcile.Delivery{}, reconcile.Result{Disposition: reconcile.Acknowledge})
			if len(made.Ended()) != 2*tt.made {
				t.Fatalf("%d spans, want %d", len(made.Ended()), 2*tt.made)
			}
			id := trace.SpanContextFromContext(ctx).TraceID().String()
			if tt.trace != "" && id != tt.trace || tt.trace == "" && id == foreignTrace {
				t.Errorf("trace %s, want %q", id, tt.trace)
			}
			carried := trace.SpanContextFromContext(ctx)
			flags := "00"
			if tt.made > 0 {
				carried, flags = made.Ended()[0].SpanContext(), "01"
			}
			if want := "00-" + id + "-" + carried.SpanID().String() + "-" + flags; sent.Get("traceparent") != want {
				t.Errorf("sent %q, want %q", sent.Get("traceparent"), want)
			}
			if got, want := tracing.Exemplar(ctx) != nil, tt.made > 0; got != want {
				t.Errorf("has an exemplar: %v, want %v", got, want)
			}
		})
	}
}

// TestFaultIsOursOrNot: a span is an error only where we are to blame.
func TestFaultIsOursOrNot(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want codes.Code
	}{
		{"none", nil, codes.Unset},
		{"the gateway's", &reconcile.Unavailable{Cause: "transport", Err: errors.New("refused")}, codes.Unset},
		{"its turn", &reconcile.Unavailable{Cause: reconcile.CauseRate, NotAsked: true}, codes.Unset},
		{"a stop", context.Canceled, codes.Unset},
		{"the ledger's", errors.New("no PubAck"), codes.Error},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tracer, made := open(t, always)
			_, span := tracer.Delivery(t.Context(), "CALLBACKS", "reconciler-m1", nil)
			tracing.Delivered(span, reconcile.Delivery{}, reconcile.Result{Disposition: reconcile.Redeliver, Err: tt.err})
			if got := made.Ended()[0].Status().Code; got != tt.want {
				t.Errorf("status %v, want %v", got, tt.want)
			}
		})
	}
}

// fakePorts answer at once.
type fakePorts struct {
	reconcile.Claims
	err error
}

func (fakePorts) Claim(context.Context, string, string, time.Duration) reconcile.Claim {
	return reconcile.Claim{State: reconcile.ClaimOwned}
}
func (fakePorts) Done(context.Context, string, uint64) {}
func (p fakePorts) Query(context.Context, string) (reconcile.Answer, error) {
	return reconcile.Answer{}, p.err
}

// TestTurnsThatAskNothingAreNoTraces: a turn of the sweep is a trace from its
// first question on, with what came before it; where nothing is asked or told
// there is none.
func TestTurnsThatAskNothingAreNoTraces(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		tell bool
		want []string // in the order of their ends
	}{
		{"asked", nil, false, []string{"claim", "query order", "mark done", "sweep order"}},
		{"asked in vain", &reconcile.Unavailable{Cause: "transport"}, false, []string{"claim", "query order", "mark done", "sweep order"}},
		{"waits for the rate", &reconcile.Unavailable{Cause: reconcile.CauseRate, NotAsked: true}, false, nil},
		{"told without asking", &reconcile.Unavailable{Cause: reconcile.CauseRate, NotAsked: true}, true, []string{"claim", "query order", "mark done", "send PAYMENTS", "sweep order"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tracer, made := open(t, always)
			ctx, turn := tracer.Turn(t.Context())
			claims, gateway := tracer.Claims(fakePorts{}), tracer.Gateway(fakePorts{err: tt.err})
			claims.Claim(ctx, "k", "t", time.Second)
			_, _ = gateway.Query(ctx, "A1")
			claims.Done(ctx, "k", 7)
			if tt.tell {
				_, span := tracing.Publish(ctx, "PAYMENTS", nats.Header{})
				tracing.Published(span, nil)
			}
			turn.End(reconcile.Due{Order: events.Order{Merchant: "m1", OrderID: "A1"}, Tier: "1"}, reconcile.Result{Disposition: reconcile.Acknowledge})
			var names []string
			for _, s := range made.Ended() {
				names = append(names, s.Name())
			}
			if diff := cmp.Diff(tt.want, names); diff != "" {
				t.Fatalf("spans (-want +got):\n%s", diff)
			}
			id := tracing.Exemplar(ctx)["trace_id"]
			for _, s := range made.Ended() {
				if s.SpanContext().TraceID().String() != id || s.Name() == "sweep order" == s.Parent().IsValid() {
					t.Errorf("%s is of trace %s under %v, want %s", s.Name(), s.SpanContext().TraceID(), s.Parent(), id)
				}
			}
		})
	}
}

// TestIDs: a line about what is traced names the trace, another has no such
// field.
func TestIDs(t *testing.T) {
	core, lines := observer.New(zapcore.InfoLevel)
	tracer, _ := open(t, always)
	r, span := tracer.Request(pushed(""), tracing.Push{})
	defer span.End()
	zap.New(core).Info("with", tracing.IDs(r.Context()))
	zap.New(core).Info("without", tracing.IDs(t.Context()))
	sc := span.SpanContext()
	if diff := cmp.Diff(map[string]any{"trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String()}, lines.All()[0].ContextMap()); diff != "" {
		t.Errorf("with (-want +got):\n%s", diff)
	}
	if got := lines.All()[1].ContextMap(); len(got) != 0 {
		t.Errorf("without: %v", got)
	}
}

// TestOffCostsNothing: tracing that is off allocates nothing on the way of a
// callback, and puts nothing into a message.
func TestOffCostsNothing(t *testing.T) {
	var tracer *tracing.Tracer
	r, h, ctx := pushed(foreign), nats.Header{}, context.Background()
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x"})
	allocated := testing.AllocsPerRun(100, func() {
		traced, _ := tracer.Request(r, tracing.Push{Merchant: "m1"})
		out, span := tracing.Publish(traced.Context(), "CALLBACKS", h)
		tracing.Published(span, nil)
		tracing.Observe(out, seconds, 1)
		in, delivery := tracer.Delivery(ctx, "CALLBACKS", "d", h)
		tracing.Delivered(delivery, reconcile.Delivery{}, reconcile.Result{})
		_ = tracing.IDs(in)
		_, turn := tracer.Turn(ctx)
		turn.End(reconcile.Due{}, reconcile.Result{})
	})
	if allocated != 0 {
		t.Errorf("%v allocations, want none", allocated)
	}
	if len(h) != 0 {
		t.Errorf("headers %v", h)
	}
	ports := fakePorts{}
	if tracer.Claims(ports) != reconcile.Claims(ports) || tracer.Gateway(ports) != reconcile.Gateway(ports) {
		t.Error("the ports are wrapped although tracing is off")
	}
	if err := tracer.Close(ctx); err != nil {
		t.Error(err)
	}
}

// BenchmarkWay is what the spans of one callback cost, of both processes.
func BenchmarkWay(b *testing.B) {
	run := func(b *testing.B, tracer *tracing.Tracer) {
		r := httptest.NewRequest(http.MethodPost, "/callbacks/collect/m1", http.NoBody)
		claims, gateway := tracer.Claims(fakePorts{}), tracer.Gateway(fakePorts{})
		b.ReportAllocs()
		for b.Loop() {
			h := nats.Header{}
			r, request := tracer.Request(r, tracing.Push{Merchant: "m1", Flow: "collect", Source: "192.0.2.1"})
			_, out := tracing.Publish(r.Context(), "CALLBACKS", h)
			tracing.Published(out, nil)
			if request.IsRecording() {
				tracing.Answered(request, http.StatusOK, "")
			}
			ctx, delivery := tracer.Delivery(b.Context(), "CALLBACKS", "reconciler-m1", h)
			claims.Claim(ctx, "k", "t", time.Second)
			_, _ = gateway.Query(ctx, "A1")
			_, told := tracing.Publish(ctx, "PAYMENTS", nats.Header{})
			tracing.Published(told, nil)
			claims.Done(ctx, "k", 1)
			tracing.Delivered(delivery, reconcile.Delivery{}, reconcile.Result{})
		}
	}
	with := func(s sdktrace.Sampler) *tracing.Tracer {
		return tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSampler(s), sdktrace.WithBatcher(&tracetest.NoopExporter{})), nil)
	}
	b.Run("off", func(b *testing.B) { run(b, nil) })
	b.Run("not recorded", func(b *testing.B) { run(b, with(sdktrace.NeverSample())) })
	b.Run("recorded", func(b *testing.B) { run(b, with(always)) })
}

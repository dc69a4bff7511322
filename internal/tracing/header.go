package tracing

import (
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Headers that carry a trace through NATS (W3C Trace Context), in lower case as
// the W3C writes them: NATS tells upper from lower case.
const (
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
)

// carrier is a message's headers as OpenTelemetry wants them.
type carrier nats.Header

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(name string) string { return nats.Header(c).Get(name) }

// Set implements propagation.TextMapCarrier.
func (c carrier) Set(name, value string) { nats.Header(c).Set(name, value) }

// Keys implements propagation.TextMapCarrier.
func (c carrier) Keys() []string {
	names := make([]string, 0, len(c))
	for name := range c {
		names = append(names, name)
	}
	return names
}

var w3c propagation.TraceContext

// inject names the trace of ctx in a message's headers, if there is one. One
// that is not recorded is named too: the next process then leaves it out as
// well, and its log lines still have the id.
func inject(ctx context.Context, h nats.Header) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		w3c.Inject(ctx, carrier(h))
	}
}

// extract returns ctx with the trace that a message's headers name. One that
// can't be read is left out.
func extract(ctx context.Context, h nats.Header) context.Context {
	return w3c.Extract(ctx, carrier(h))
}

package tracing

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// messaging are the attributes of everything that goes through a stream.
func messaging(stream string, operation attribute.KeyValue) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingDestinationName(stream), operation,
	}
}

// Publish begins the span of a message on its way into a stream, as a child of
// the one in ctx, and names the trace in the message's headers. The span is for
// [Published] to end.
func Publish(ctx context.Context, stream string, h nats.Header) (context.Context, trace.Span) {
	if t := turnOf(ctx); t != nil {
		ctx = t.begin(ctx)
	}
	parent := trace.SpanFromContext(ctx)
	span := off
	if parent.IsRecording() {
		ctx, span = childTracer(parent).Start(ctx, "send "+stream, trace.WithSpanKind(trace.SpanKindProducer),
			trace.WithAttributes(messaging(stream, semconv.MessagingOperationTypeSend)...))
	}
	inject(ctx, h)
	return ctx, span
}

// Published ends the span of a message that was sent, or that was not. err is
// what went wrong on our side; nil where the stream took it or had a reason not
// to.
func Published(span trace.Span, err error, facts ...attribute.KeyValue) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(facts...)
	failed(span, err)
	span.End()
}

func failed(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, shortened(err))
	}
}

// step is a span that is made when it is over.
type step struct {
	name  string
	kind  trace.SpanKind
	begun time.Time
	ended time.Time
	ours  error // what went wrong on our side
	facts []attribute.KeyValue
}

// record makes a span of a step, as a child of the one in ctx.
func (s step) record(ctx context.Context) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return
	}
	_, span := childTracer(parent).Start(ctx, s.name, trace.WithSpanKind(s.kind), trace.WithTimestamp(s.begun), trace.WithAttributes(s.facts...))
	failed(span, s.ours)
	span.End(trace.WithTimestamp(s.ended))
}

// traced reports whether a step of ctx may become a span.
func traced(ctx context.Context) bool {
	return turnOf(ctx) != nil || trace.SpanFromContext(ctx).IsRecording()
}

func childTracer(parent trace.Span) trace.Tracer { return parent.TracerProvider().Tracer(scope) }

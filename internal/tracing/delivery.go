package tracing

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Delivery begins the span of a message's delivery, in the trace that its
// headers name: the push's. Each redelivery is a span of its own there, however
// much later it comes.
func (t *Tracer) Delivery(ctx context.Context, stream, durable string, h nats.Header) (context.Context, trace.Span) {
	if t == nil {
		return ctx, off
	}
	return t.tracer.Start(extract(ctx, h), "process "+stream, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(append(messaging(stream, semconv.MessagingOperationTypeProcess), semconv.MessagingConsumerGroupName(durable))...))
}

// Delivered ends the span of a delivery with what became of it.
func Delivered(span trace.Span, d reconcile.Delivery, res reconcile.Result) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		Merchant.String(d.Merchant.ID), Flow.String(string(d.Order.Flow)), OrderID.String(d.Order.OrderID),
		Fingerprint.String(d.Callback.Fingerprint()), StreamSequence.Int64(int64(d.StreamSequence)), Deliveries.Int64(int64(d.Deliveries)),
	)
	span.SetAttributes(resultFacts(res)...)
	failed(span, ourFault(res))
	span.End()
}

// resultFacts are what came of a look.
func resultFacts(res reconcile.Result) []attribute.KeyValue {
	facts := []attribute.KeyValue{
		Disposition.String(res.Disposition.String()), Cause.String(res.Cause), Claim.String(res.Claim.String()),
		Verdict.String(res.Decision.Verdict.String()), Outcome.String(string(res.Decision.Outcome)), Reason.String(string(res.Decision.Reason)),
		Conflicts.Int(res.Conflicts),
	}
	if res.Event != nil {
		facts = append(facts, EventID.String(res.Event.ID), LedgerSequence.Int64(int64(res.Sequence)))
	}
	return facts
}

// ourFault is what went wrong on our side. A gateway that does not answer, a
// turn that has to wait and a worker that ends are none of it.
func ourFault(res reconcile.Result) error {
	var gateway *reconcile.Unavailable
	if res.Err == nil || errors.As(res.Err, &gateway) || errors.Is(res.Err, context.Canceled) {
		return nil
	}
	return res.Err
}

package tracing

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// ids are a span's in a log line.
type ids trace.SpanContext

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (i ids) MarshalLogObject(to zapcore.ObjectEncoder) error {
	to.AddString("trace_id", trace.SpanContext(i).TraceID().String())
	to.AddString("span_id", trace.SpanContext(i).SpanID().String())
	return nil
}

// IDs are the fields trace_id and span_id of a log line about what ctx is of,
// or none.
func IDs(ctx context.Context) zap.Field {
	if sc := spanContext(ctx); sc.IsValid() {
		return zap.Inline(ids(sc))
	}
	return zap.Skip()
}

// Exemplar names the trace of ctx beside a measurement; nil where there is none,
// or none that is recorded.
func Exemplar(ctx context.Context) prometheus.Labels {
	sc := spanContext(ctx)
	if !sc.IsValid() || !sc.IsSampled() {
		return nil
	}
	return prometheus.Labels{"trace_id": sc.TraceID().String()}
}

// Observe makes an observation, with its trace as an exemplar if there is one.
func Observe(ctx context.Context, o prometheus.Observer, value float64) {
	if e, ok := o.(prometheus.ExemplarObserver); ok {
		if labels := Exemplar(ctx); labels != nil {
			e.ObserveWithExemplar(value, labels)
			return
		}
	}
	o.Observe(value)
}

// spanContext is that of the span, or of the turn that ctx is of.
func spanContext(ctx context.Context) trace.SpanContext {
	if t := turnOf(ctx); t != nil {
		return t.spanContext()
	}
	return trace.SpanContextFromContext(ctx)
}

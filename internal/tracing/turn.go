package tracing

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Turn is the trace of an order's turn in the sweep. It begins only once
// something is asked or told: millions of turns find nothing to do.
type Turn struct {
	tracer trace.Tracer
	begun  time.Time

	mu      sync.Mutex
	span    trace.Span // nil: nothing was asked or told so far
	waiting []step     // until it begins
}

// turnKey is the key of a *Turn in a context.
type turnKey struct{}

func turnOf(ctx context.Context) *Turn {
	t, _ := ctx.Value(turnKey{}).(*Turn)
	return t
}

// Turn returns a context in which the turn's trace begins by itself. The turn is
// nil where tracing is off.
func (t *Tracer) Turn(ctx context.Context) (context.Context, *Turn) {
	if t == nil {
		return ctx, nil
	}
	turn := &Turn{tracer: t.tracer, begun: time.Now()}
	return context.WithValue(ctx, turnKey{}, turn), turn
}

// begin returns ctx with the turn's span, which is as old as the turn.
func (t *Turn) begin(ctx context.Context) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.span == nil {
		_, t.span = t.tracer.Start(ctx, "sweep order", trace.WithNewRoot(), trace.WithTimestamp(t.begun))
	}
	ctx = trace.ContextWithSpan(ctx, t.span)
	for _, s := range t.waiting {
		s.record(ctx)
	}
	t.waiting = nil
	return ctx
}

// record keeps a step until something is asked or told; asked says that this
// step does.
func (t *Turn) record(ctx context.Context, s step, asked bool) {
	t.mu.Lock()
	waits := t.span == nil && !asked
	if waits {
		t.waiting = append(t.waiting, s)
	}
	t.mu.Unlock()
	if !waits {
		s.record(t.begin(ctx))
	}
}

func (t *Turn) spanContext() trace.SpanContext {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.span == nil {
		return trace.SpanContext{}
	}
	return t.span.SpanContext()
}

// End ends the turn's span, if it has begun.
func (t *Turn) End(due reconcile.Due, res reconcile.Result) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.span == nil {
		return
	}
	t.span.SetAttributes(append([]attribute.KeyValue{
		Merchant.String(due.Order.Merchant), Flow.String(string(due.Order.Flow)), OrderID.String(due.Order.OrderID),
		Tier.String(due.Tier), Deliveries.Int64(int64(due.Deliveries)),
	}, resultFacts(res)...)...)
	failed(t.span, ourFault(res))
	t.span.End()
}

package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Push is a request for a callback, to a merchant and a flow that are
// configured.
type Push struct {
	Merchant, Flow string
	Source         string // the sender's address
	// Vouched: the peer is a proxy of ours. The trace that its request names is
	// linked to.
	Vouched bool
}

// route is the HTTP route of callbacks.
const route = "/callbacks/{flow}/{merchant}"

// Request begins the span of a request, and returns the request in its trace.
// The trace is always a new one. The receiver is public, and the sender of a
// traceparent would choose what our traces are called and whether they are
// recorded; and most proxies pass on what a stranger wrote, so theirs are no
// parents either.
func (t *Tracer) Request(r *http.Request, p Push) (*http.Request, trace.Span) {
	if t == nil {
		return r, off
	}
	options := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			method(r.Method), semconv.HTTPRoute(route),
			semconv.URLPath(strings.NewReplacer("{flow}", p.Flow, "{merchant}", p.Merchant).Replace(route)),
			semconv.URLScheme(scheme(r)), semconv.ClientAddress(p.Source), Merchant.String(p.Merchant), Flow.String(p.Flow),
		),
	}
	if p.Vouched {
		// Of its own, since the request's context may hold spans already.
		linked := w3c.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
		if from := trace.SpanContextFromContext(linked); from.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: from}))
		}
	}
	ctx, span := t.tracer.Start(r.Context(), http.MethodPost+" "+route, options...)
	return r.WithContext(ctx), span
}

func method(m string) attribute.KeyValue {
	switch m {
	case http.MethodPost, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return semconv.HTTPRequestMethodKey.String(m)
	default:
		return semconv.HTTPRequestMethodOther
	}
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// Answered ends the span of a request. ours says why it failed, where that is
// not the sender's fault.
func Answered(span trace.Span, status int, ours string, more ...attribute.KeyValue) {
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	span.SetAttributes(more...)
	if ours != "" {
		span.SetStatus(codes.Error, ours)
	}
	span.End()
}

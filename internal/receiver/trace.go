package receiver

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"

	"github.com/settlehook/settlehook/internal/tracing"
)

// trace begins the request's span. Scanners get none: what is refused before
// was sent to nobody we know.
func (x *exchange) trace() *refusal {
	if x.h.opts.Tracer == nil {
		return nil
	}
	peer, ok := peerOf(x.r)
	x.r, x.span = x.h.opts.Tracer.Request(x.r, tracing.Push{
		Merchant: x.merchant, Flow: x.flow, Source: x.sender,
		Vouched: ok && x.h.opts.HTTP.TrustedProxies.Contains(peer),
	})
	return nil
}

func (x *exchange) traceAccepted() {
	if x.span == nil || !x.span.IsRecording() {
		return
	}
	tracing.Answered(
		x.span, http.StatusOK, "",
		tracing.Result.String(string(resultAccepted)), tracing.Reason.String(string(x.acceptedAs())),
		tracing.OrderID.String(x.callback.OrderID), tracing.Fingerprint.String(x.callback.Fingerprint()),
		tracing.StreamSequence.Int64(int64(x.receipt.Sequence)), tracing.Duplicate.Bool(x.receipt.Duplicate),
	)
}

// traceRefused ends the span of a refusal. It is an error where the fault is
// ours; a stop is none.
func (x *exchange) traceRefused(f *refusal, kept fate) {
	if x.span == nil || !x.span.IsRecording() {
		return
	}
	ours := ""
	if f.result() == resultUnavailable && f.reason != reasonDraining {
		ours = string(f.reason)
	}
	facts := []attribute.KeyValue{
		tracing.Result.String(string(f.result())), tracing.Reason.String(string(f.reason)), tracing.Quarantine.String(string(kept)),
	}
	if id := x.orderID(); id != "" {
		facts = append(facts, tracing.OrderID.String(id))
	}
	tracing.Answered(x.span, f.status, ours, facts...)
}

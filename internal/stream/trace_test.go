package stream

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/tracing"
	"github.com/settlehook/settlehook/pkg/events"
)

// traced returns ctx inside of a recorded span.
func traced(ctx context.Context) context.Context {
	ctx, _ = tracing.New(sdktrace.NewTracerProvider(), nil).Delivery(ctx, Callbacks, "d", nil)
	return ctx
}

// tracedLedger appends within a trace.
type tracedLedger struct{ *Ledger }

func (l tracedLedger) Append(ctx context.Context, e events.Event, expected uint64) (uint64, error) {
	return l.Ledger.Append(traced(ctx), e, expected)
}

// TestTracedLedger: the guard holds as ever.
func TestTracedLedger(t *testing.T) {
	reconciletest.LedgerSuite(t, func(t testing.TB) reconcile.Ledger { return tracedLedger{openLedger(t, newStreams(t))} })
}

// TestTraceChangesNoEvent: the body is the event's bytes, and the trace is the
// only header more.
func TestTraceChangesNoEvent(t *testing.T) {
	b := newStreams(t)
	l := openLedger(t, b)
	order := events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1"}
	e := reconciletest.Outcome(order, events.OutcomeSettled, "10.00")
	if _, err := l.Append(traced(within(t)), e, 0); err != nil {
		t.Fatal(err)
	}
	other := reconciletest.Outcome(events.Order{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A2"}, events.OutcomeSettled, "10.00")
	if _, err := l.Append(within(t), other, 0); err != nil {
		t.Fatal(err)
	}
	stored := b.messages(t, Payments)
	want, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(stored[0].Data)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	with, without := slices.Sorted(maps.Keys(stored[0].Header)), slices.Sorted(maps.Keys(stored[1].Header))
	if diff := cmp.Diff(append(without, tracing.HeaderTraceParent), with); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// TestParkedKeepsItsTrace: a callback that is put back goes on in the trace of
// its push.
func TestParkedKeepsItsTrace(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	p := parkedOf(7, reconciletest.Start, "parked.v1.collect.m1", nats.Header{
		tracing.HeaderTraceParent: {parent}, headerSubject: {"callbacks.v1.collect.m1.00"}, HeaderReason: {"expired"},
	}, []byte("{}"))
	if got := returned(p).Header.Get(tracing.HeaderTraceParent); got != parent {
		t.Errorf("put back with the trace %q, want %q", got, parent)
	}
}

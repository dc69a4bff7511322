package tracing

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

type flaky struct{ err error }

func (f *flaky) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return f.err }
func (f *flaky) Shutdown(context.Context) error                             { return nil }

// TestLostSpansAreSaidOnceAMinute, and that they are not lost any more.
func TestLostSpansAreSaidOnceAMinute(t *testing.T) {
	core, lines := observer.New(zapcore.InfoLevel)
	collector := &flaky{err: errors.New(strings.Repeat("x", 10_000))}
	now := time.Date(2026, time.March, 2, 3, 4, 5, 0, time.UTC)
	r := newReporter(collector, zap.New(core), func() time.Time { return now })
	export := func() {
		t.Helper()
		if err := r.ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, 5)); err != nil {
			t.Errorf("the SDK hears of it: %v", err)
		}
	}
	for range 13 { // every ten seconds for two minutes
		export()
		now = now.Add(10 * time.Second)
	}
	collector.err = nil
	export()
	export()
	var lost []any
	for _, l := range lines.All() {
		lost = append(lost, l.ContextMap()["lost"])
		if text, _ := l.ContextMap()["error"].(string); len(text) > mostError {
			t.Errorf("an error of %d bytes is logged", len(text))
		}
	}
	if len(lost) != 4 || lost[0] != int64(5) || lost[1] != int64(30) || lost[2] != int64(30) || lines.All()[3].Level != zapcore.InfoLevel {
		t.Errorf("lines tell of %v lost, want 5, 30, 30 and the end", lost)
	}
}

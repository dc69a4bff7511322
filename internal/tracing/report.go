package tracing

import (
	"context"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
)

// reporter says in the program's own log when spans are lost. The SDK would
// tell its global error handler, which belongs to whoever sets it last, so it
// gets to hear of no failure.
type reporter struct {
	next  sdktrace.SpanExporter
	log   *zap.Logger
	clock func() time.Time

	mu     sync.Mutex
	lost   int       // since the last line
	failed bool      // the last time
	said   time.Time // when the last line was written
}

func newReporter(next sdktrace.SpanExporter, log *zap.Logger, clock func() time.Time) *reporter {
	return &reporter{next: next, log: log, clock: clock}
}

// reportEvery is how often a collector that fails is worth a line.
const reportEvery = time.Minute

// ExportSpans implements sdktrace.SpanExporter. It never fails.
func (r *reporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := r.next.ExportSpans(ctx, spans)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		if r.failed {
			r.log.Info("the collector takes spans again", zap.Int("lost", r.lost))
		}
		r.failed, r.lost, r.said = false, 0, time.Time{}
		return nil
	}
	r.failed = true
	r.lost += len(spans)
	if now := r.clock(); now.Sub(r.said) >= reportEvery {
		r.log.Warn("spans are lost: the collector does not take them; callbacks go on without", zap.Int("lost", r.lost), zap.String("error", shortened(err)))
		r.lost, r.said = 0, now
	}
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (r *reporter) Shutdown(ctx context.Context) error { return r.next.Shutdown(ctx) }

// mostError bounds what is logged of an error, in bytes: it quotes the
// collector's answer.
const mostError = 300

func shortened(err error) string {
	text := err.Error()
	return text[:min(len(text), mostError)]
}

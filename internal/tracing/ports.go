package tracing

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Claims returns claims that are spans. With tracing off it returns next.
func (t *Tracer) Claims(next reconcile.Claims) reconcile.Claims {
	if t == nil {
		return next
	}
	return claims{next}
}

type claims struct{ reconcile.Claims }

// Claim implements reconcile.Claims.
func (c claims) Claim(ctx context.Context, key, token string, lease time.Duration) reconcile.Claim {
	begun := time.Now()
	claim := c.Claims.Claim(ctx, key, token, lease)
	ended(ctx, "claim", trace.SpanKindClient, begun, false, Claim.String(claim.State.String()))
	return claim
}

// Done implements reconcile.Claims.
func (c claims) Done(ctx context.Context, key string, sequence uint64) {
	begun := time.Now()
	c.Claims.Done(ctx, key, sequence)
	ended(ctx, "mark done", trace.SpanKindClient, begun, false, LedgerSequence.Int64(int64(sequence)))
}

// Gateway returns a gateway whose queries are spans. With tracing off it returns
// next. No gateway is told of our traces: it is somebody else's.
func (t *Tracer) Gateway(next reconcile.Gateway) reconcile.Gateway {
	if t == nil {
		return next
	}
	return gateway{next}
}

type gateway struct{ next reconcile.Gateway }

// Query implements reconcile.Gateway.
func (g gateway) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	begun := time.Now()
	answer, err := g.next.Query(ctx, orderID)
	ended(ctx, "query order", trace.SpanKindClient, begun, !reconcile.NotAsked(err), queryResult(answer, err))
	return answer, err
}

// queryResult is in a word what a question brought: the gateway's status of the
// order, or why there is none.
func queryResult(a reconcile.Answer, err error) attribute.KeyValue {
	var none *reconcile.Unavailable
	switch {
	case errors.As(err, &none):
		return QueryResult.String(none.Cause)
	case err != nil:
		return QueryResult.String("failed")
	case !a.Found:
		return QueryResult.String("not_found")
	default:
		return QueryResult.String(a.Status.String())
	}
}

// ended makes a span of what has just ended.
func ended(ctx context.Context, name string, kind trace.SpanKind, begun time.Time, asked bool, facts ...attribute.KeyValue) {
	if !traced(ctx) {
		return
	}
	s := step{name: name, kind: kind, begun: begun, ended: time.Now(), facts: facts}
	if turn := turnOf(ctx); turn != nil {
		turn.record(ctx, s, asked)
		return
	}
	s.record(ctx)
}

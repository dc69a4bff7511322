package receiver

import (
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/tracing"
	"github.com/settlehook/settlehook/pkg/sign"
)

// logAccepted writes the one line of an accepted callback.
func (x *exchange) logAccepted() {
	line := x.h.opts.Log.Check(zapcore.InfoLevel, "callback accepted")
	if line == nil {
		return
	}
	c := &x.callback
	line.Write(
		zap.String("result", string(x.acceptedAs())),
		zap.String("merchant", x.merchant),
		zap.String("flow", x.flow),
		zap.String("order_id", c.OrderID),
		zap.String("plat_order_id", c.PlatOrderID),
		zap.String("status", c.Status.String()),
		zap.Bool("reverse", c.Reverse),
		zap.Stringer("amount", c.Amount),
		zap.String("fingerprint", c.Fingerprint()),
		zap.String("key_id", x.verified.KeyID),
		dialects(x.verified.Dialects),
		zap.Uint64("stream_sequence", x.receipt.Sequence),
		zap.Bool("duplicate", x.receipt.Duplicate),
		zap.String("source", x.sender),
		zap.Int("size", len(x.body)),
		zap.Duration("duration", x.stored.Sub(x.received)),
		tracing.IDs(x.r.Context()),
	)
}

// dialects is a field only where there are any.
func dialects(list []sign.Dialect) zap.Field {
	if len(list) == 0 {
		return zap.Skip()
	}
	names := make([]string, len(list))
	for i, d := range list {
		names[i] = string(d)
	}
	return zap.Strings("dialects", names)
}

// logRefused writes the one line of a refusal. It is a warning where the
// reason is ours: callbacks are not being stored.
func (x *exchange) logRefused(f *refusal, kept fate, keepErr error) {
	level := zapcore.InfoLevel
	if f.status == http.StatusServiceUnavailable && f.reason != reasonDraining || kept == fateFailed {
		level = zapcore.WarnLevel
	}
	line := x.h.opts.Log.Check(level, "callback refused")
	if line == nil {
		return
	}
	fields := []zap.Field{
		zap.String("result", string(f.result())),
		zap.Int("http_status", f.status),
		zap.String("reason", string(f.reason)),
		zap.String("detail", f.detail()),
		zap.String("merchant", x.merchant),
		zap.String("flow", x.flow),
		zap.String("method", shortMethod(x.r.Method)),
		zap.String("path", x.path()),
		zap.String("source", x.sender),
		zap.Int64("declared_size", x.r.ContentLength),
		zap.Int("size", len(x.body)),
		zap.String("quarantine", string(kept)),
		zap.Duration("duration", x.since()),
		tracing.IDs(x.r.Context()),
	}
	if id := x.orderID(); id != "" {
		fields = append(fields, zap.String("order_id", id))
	}
	if keepErr != nil {
		fields = append(fields, zap.NamedError("quarantine_error", keepErr))
	}
	line.Write(fields...)
}

func (x *exchange) since() time.Duration { return x.h.opts.Clock().Sub(x.received) }

func shortMethod(method string) string { return method[:min(len(method), 16)] }

// orderID is the order a refused callback speaks of, if it has the form of an
// order id (gateway page, verification rule 4). Nothing vouches for it where
// the signature is bad.
func (x *exchange) orderID() string {
	p, ok := x.params.Get("orderId")
	if !ok || len(p.Value) > 64 {
		return ""
	}
	for i := range len(p.Value) {
		if c := p.Value[i]; c <= ' ' || c > '~' {
			return ""
		}
	}
	return p.Value
}

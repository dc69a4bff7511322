package tracing

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
)

// Tracer makes spans where a trace begins, or goes on in this process. Nil is
// tracing that is off.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	stop     func(ctx context.Context) error // of what sends
}

// scope is the instrumentation scope of every span.
const scope = "github.com/settlehook/settlehook"

// New returns a tracer of a provider. stop, unless nil, ends what the provider
// sends at once; see [Tracer.Close].
func New(p *sdktrace.TracerProvider, stop func(ctx context.Context) error) *Tracer {
	return &Tracer{provider: p, tracer: p.Tracer(scope), stop: stop}
}

// Open returns the tracer of a program, nil where tracing is off. A collector
// that is not there is no error, now or later: what can't be sent is lost, and
// the log says so.
func Open(cfg config.Tracing, program, installation string, log *zap.Logger) (*Tracer, error) {
	if !cfg.On() {
		return nil, nil
	}
	ctx := context.Background()
	// Endpoint and service are given here, from the configuration that was
	// checked. The rest, certificates and headers for example, the SDK reads
	// from the environment.
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.URL()))
	if err != nil {
		return nil, fmt.Errorf("open the exporter of spans: %w", err)
	}
	res, err := resourceOf(ctx, cfg, program, installation)
	if err != nil { // res has what could be read
		log.Warn("OTEL_RESOURCE_ATTRIBUTES can't be read as a whole; going on without the rest", zap.Error(err))
	}
	out := newReporter(exporter, log, time.Now)
	return New(sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(out), sdktrace.WithResource(res), sdktrace.WithSampler(samplerOf(cfg)),
	), out.Shutdown), nil
}

func resourceOf(ctx context.Context, cfg config.Tracing, program, installation string) (*resource.Resource, error) {
	name := cfg.ServiceName
	if name == "" {
		name = "settlehook-" + program
	}
	return resource.New(
		ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithFromEnv(), // OTEL_RESOURCE_ATTRIBUTES
		resource.WithAttributes(semconv.ServiceName(name), attribute.String("settlehook.installation", installation)),
	)
}

func samplerOf(cfg config.Tracing) sdktrace.Sampler {
	switch cfg.Sampler {
	case "always_on":
		return sdktrace.AlwaysSample()
	case "always_off":
		return sdktrace.NeverSample()
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(cfg.Ratio())
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample())
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Ratio()))
	default:
		return sdktrace.ParentBased(sdktrace.AlwaysSample())
	}
}

// Close sends the spans that wait, while ctx lasts; what is left then is lost.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	err := t.provider.Shutdown(ctx)
	if err != nil && t.stop != nil {
		_ = t.stop(ctx) // ends the request on which a collector sits
	}
	return err
}

// off is the span of everything that is not traced.
var off = trace.SpanFromContext(context.Background())

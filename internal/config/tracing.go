package config

import (
	"errors"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Tracing is where spans go, in the standard variables of OpenTelemetry. It is
// off, and costs nothing, unless an endpoint is named; docs/tracing.md says what
// there is to see. The SDK's other variables hold as well, among them
// OTEL_EXPORTER_OTLP_HEADERS (which may carry a secret, and is not shown),
// OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_TIMEOUT,
// OTEL_EXPORTER_OTLP_COMPRESSION, OTEL_RESOURCE_ATTRIBUTES and OTEL_BSP_…: they
// are read by the SDK itself, and a faulty one goes by its default.
type Tracing struct {
	// Base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as
	// http://otel-collector:4318. Spans go to /v1/traces below it.
	Endpoint CollectorURL `env:"OTEL_EXPORTER_OTLP_ENDPOINT" secret:"true"`
	// The whole URL for spans, in place of OTEL_EXPORTER_OTLP_ENDPOINT.
	TracesEndpoint CollectorURL `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" secret:"true"`
	// What is spoken to the collector. OTLP over gRPC is not linked.
	Protocol OTLPProtocol `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf"`
	// The same, for spans alone; empty: as OTEL_EXPORTER_OTLP_PROTOCOL.
	TracesProtocol OTLPProtocol `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"`
	// none switches tracing off whatever endpoint is named.
	Exporter TraceExporter `env:"OTEL_TRACES_EXPORTER" envDefault:"otlp"`
	// true switches tracing off whatever endpoint is named.
	Disabled bool `env:"OTEL_SDK_DISABLED" envDefault:"false"`
	// Which traces are recorded: always_on, always_off, traceidratio, or one of
	// them with parentbased_ in front. With parentbased_ the worker records what
	// the receiver does, so that a trace is whole.
	Sampler Sampler `env:"OTEL_TRACES_SAMPLER" envDefault:"parentbased_always_on"`
	// With a sampler that ends in traceidratio, the share of traces that are
	// recorded, from 0 to 1; empty: all.
	SamplerArg string `env:"OTEL_TRACES_SAMPLER_ARG"`
	// Name of the program in spans; empty: settlehook-receiver or
	// settlehook-worker.
	ServiceName string `env:"OTEL_SERVICE_NAME"`
}

// On reports whether spans are to be made.
func (t Tracing) On() bool {
	return !t.Disabled && t.Exporter != exporterNone && (t.Endpoint != "" || t.TracesEndpoint != "")
}

// URL is where spans are posted to.
func (t Tracing) URL() string {
	if t.TracesEndpoint != "" {
		return string(t.TracesEndpoint)
	}
	return strings.TrimRight(string(t.Endpoint), "/") + "/v1/traces"
}

// Ratio is the share that a sampler with traceidratio records.
func (t Tracing) Ratio() float64 {
	if t.SamplerArg == "" {
		return 1
	}
	ratio, _ := strconv.ParseFloat(t.SamplerArg, 64) // checked when it was loaded
	return ratio
}

func (t *Tracing) check(fs *faults) {
	if strings.HasSuffix(string(t.Sampler), "traceidratio") && t.SamplerArg != "" {
		ratio, err := strconv.ParseFloat(t.SamplerArg, 64)
		if err != nil || math.IsNaN(ratio) || ratio < 0 || ratio > 1 {
			fs.add(named("OTEL_TRACES_SAMPLER_ARG", t.SamplerArg), `is not a share; write a number from 0 to 1, like "0.05"`)
		}
	}
}

// CollectorURL is the address of a collector.
type CollectorURL string

// UnmarshalText reads an http or https URL. One with a password in it is
// refused: it would be in every error of the exporter's.
func (c *CollectorURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
		return errors.New("is not the URL of a collector; write it like http://otel-collector:4318")
	case u.User != nil:
		return errors.New("carries a user; give what the collector asks for in OTEL_EXPORTER_OTLP_HEADERS")
	}
	*c = CollectorURL(text)
	return nil
}

// OTLPProtocol is what is spoken to a collector.
type OTLPProtocol string

// UnmarshalText reads http/protobuf, the only one there is.
func (p *OTLPProtocol) UnmarshalText(text []byte) error {
	if string(text) != "http/protobuf" {
		return errors.New("is not spoken here; use http/protobuf (most collectors take it on port 4318)")
	}
	*p = OTLPProtocol(text)
	return nil
}

// TraceExporter is where spans go.
type TraceExporter string

const exporterNone TraceExporter = "none"

// UnmarshalText reads otlp or none.
func (e *TraceExporter) UnmarshalText(text []byte) error {
	if string(text) != "otlp" && TraceExporter(text) != exporterNone {
		return errors.New("is not an exporter that is linked; use otlp or none")
	}
	*e = TraceExporter(text)
	return nil
}

// Sampler says which traces are recorded.
type Sampler string

var samplers = []string{
	"always_on", "always_off", "traceidratio",
	"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
}

// UnmarshalText reads the name of a sampler.
func (s *Sampler) UnmarshalText(text []byte) error {
	if !slices.Contains(samplers, string(text)) {
		return errors.New("is not a sampler; use " + strings.Join(samplers, ", "))
	}
	*s = Sampler(text)
	return nil
}

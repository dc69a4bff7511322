package config_test

import (
	"testing"

	"github.com/settlehook/settlehook/internal/config"
)

func TestTracing(t *testing.T) {
	const collector = "http://otel-collector:4318"
	for _, tt := range []struct {
		name    string
		environ map[string]string
		on      bool
		url     string
		ratio   float64
	}{
		{"nothing set", nil, false, "", 1},
		{"endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector}, true, collector + "/v1/traces", 1},
		{"endpoint with a path", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector + "/otlp/"}, true, collector + "/otlp/v1/traces", 1},
		{"endpoint of spans", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/in"}, true, "https://collector/in", 1},
		{"both", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/in"}, true, "https://collector/in", 1},
		{"disabled", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_SDK_DISABLED": "true"}, false, "", 1},
		{"no exporter", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_TRACES_EXPORTER": "none"}, false, "", 1},
		{"a share", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.05"}, true, collector + "/v1/traces", 0.05},
		{"variables of the SDK's own", map[string]string{"OTEL_BSP_MAX_QUEUE_SIZE": "9", "OTEL_LOGS_EXPORTER": "console", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}, false, "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := config.LoadReceiver(good(tt.environ))
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Tracing.On() != tt.on || tt.on && cfg.Tracing.URL() != tt.url || cfg.Tracing.Ratio() != tt.ratio {
				t.Errorf("on %v, to %q, share %v; want %v, %q, %v", cfg.Tracing.On(), cfg.Tracing.URL(), cfg.Tracing.Ratio(), tt.on, tt.url, tt.ratio)
			}
		})
	}
}

func TestTracingRefusals(t *testing.T) {
	const collector = ": is not the URL of a collector; write it like http://otel-collector:4318"
	for _, tt := range []struct{ name, value, want string }{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "otel-collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT" + collector},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" + collector},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:p4ss@c:4318", "OTEL_EXPORTER_OTLP_ENDPOINT: carries a user; give what the collector asks for in OTEL_EXPORTER_OTLP_HEADERS"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", `OTEL_EXPORTER_OTLP_PROTOCOL="grpc": is not spoken here; use http/protobuf (most collectors take it on port 4318)`},
		{"OTEL_TRACES_EXPORTER", "zipkin", `OTEL_TRACES_EXPORTER="zipkin": is not an exporter that is linked; use otlp or none`},
		{"OTEL_TRACES_SAMPLER", "sometimes", `OTEL_TRACES_SAMPLER="sometimes": is not a sampler; use always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := loadWorker(good(map[string]string{tt.name: tt.value}))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, tt.want)
			}
		})
	}
	for _, share := range []string{"1.5", "-0.1", "NaN", "half"} {
		err := loadWorker(good(map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}))
		if want := `OTEL_TRACES_SAMPLER_ARG="` + share + `": is not a share; write a number from 0 to 1, like "0.05"`; err == nil || err.Error() != want {
			t.Errorf("got:\n%v\nwant:\n%s", err, want)
		}
	}
}

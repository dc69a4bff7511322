//go:build k8s

package k8s

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/settlehook/settlehook/internal/testserver"
)

// collectorConfig hands every span on at once, as JSON, and answers whoever sent
// it when that is done: so nothing is on its way that the test can't see.
const collectorConfig = `receivers:
  otlp: {protocols: {http: {endpoint: %q}}}
exporters:
  otlp_http: {endpoint: %q, encoding: json, compression: none, sending_queue: {enabled: false}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}
`

// collector is the OpenTelemetry Collector, and what came out of it.
type collector struct {
	t       testing.TB
	addr    string // of its OTLP receiver
	process *process
	mu      sync.Mutex
	text    strings.Builder // as it was sent
	spans   []span
}

// span is one in OTLP's JSON.
type span struct {
	TraceID    string                `json:"traceId"`
	ID         string                `json:"spanId"`
	Parent     string                `json:"parentSpanId"`
	Name       string                `json:"name"`
	Kind       tracepb.Span_SpanKind `json:"kind"`
	Attributes []attribute           `json:"attributes"`
	Links      []json.RawMessage     `json:"links"`
	Status     struct {
		Code tracepb.Status_StatusCode `json:"code"`
	} `json:"status"`
	resource []attribute
}

type attribute struct {
	Key   string `json:"key"`
	Value struct {
		String string `json:"stringValue"`
	} `json:"value"`
}

func startCollector(t testing.TB) *collector {
	t.Helper()
	c := &collector{t: t, addr: testserver.FreeAddr(t)}
	out := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(out.Close)
	config := filepath.Join(t.TempDir(), "otelcol.yaml")
	writeFile(t, config, fmt.Appendf(nil, collectorConfig, c.addr, out.URL))
	c.process = start(t, exec.Command(tool(t, "otelcol"), "--config", config), func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", c.addr)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
	return c
}

// env is what docs/tracing.md has operators set, with all traces recorded; and
// spans are sent soon.
func (c *collector) env() []string {
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.addr,
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=1",
		"OTEL_BSP_SCHEDULE_DELAY=50",
	}
}

// take is where the collector hands on to.
func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	var export struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes []attribute `json:"attributes"`
			} `json:"resource"`
			ScopeSpans []struct {
				Spans []span `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	}
	if err == nil {
		err = json.Unmarshal(sent, &export)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		c.t.Errorf("the collector sent %s to %s: %v", sent, r.URL.Path, err)
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(sent)
	for _, of := range export.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				s.resource = of.Resource.Attributes
				c.spans = append(c.spans, s)
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
}

// handedOn is every span that came out of the collector, and their text.
func (c *collector) handedOn() (spans []span, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans), c.text.String()
}

// text is the value of an attribute, empty where there is none.
func text(attributes []attribute, key string) string {
	i := slices.IndexFunc(attributes, func(a attribute) bool { return a.Key == key })
	if i < 0 {
		return ""
	}
	return attributes[i].Value.String
}

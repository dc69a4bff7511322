package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes spans over OTLP/HTTP, as an OpenTelemetry collector does.
type collector struct {
	t     *testing.T
	http  *httptest.Server
	mu    sync.Mutex
	spans []span
}

// span is one that arrived.
type span struct {
	*tracepb.Span
	service string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{t: t}
	c.http = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.http.Close)
	return c
}

// env makes programs send their spans there, soon.
func (c *collector) env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.http.URL, "OTEL_BSP_SCHEDULE_DELAY=50"}
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	sent, err := io.ReadAll(body)
	var request coltracepb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(sent, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("the collector was sent %s, %s: %v", r.URL.Path, r.Header.Get("Content-Type"), err)
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		service := text(resource.Resource.Attributes, "service.name")
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{s, service})
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// all returns the spans that have come so far.
func (c *collector) all() []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// of returns the spans of a name that hold an attribute's value.
func (c *collector) of(name, key string, want any) []span {
	return slices.DeleteFunc(c.all(), func(s span) bool { return s.Name != name || s.is(key) != want })
}

// in returns the spans of a trace, by name. A name that is there twice fails
// the test.
func (c *collector) in(trace string) map[string]span {
	c.t.Helper()
	named := map[string]span{}
	for _, s := range c.all() {
		if s.trace() != trace {
			continue
		}
		if _, twice := named[s.Name]; twice {
			c.t.Errorf("trace %s has %q twice", trace, s.Name)
		}
		named[s.Name] = s
	}
	return named
}

func (s span) trace() string     { return hex.EncodeToString(s.TraceId) }
func (s span) id() string        { return hex.EncodeToString(s.SpanId) }
func (s span) parent() string    { return hex.EncodeToString(s.ParentSpanId) }
func (s span) is(key string) any { return value(s.Attributes, key) }

func text(attributes []*commonpb.KeyValue, key string) string {
	s, _ := value(attributes, key).(string)
	return s
}

// value is that of an attribute, nil where there is none.
func value(attributes []*commonpb.KeyValue, key string) any {
	for _, a := range attributes {
		if a.Key != key {
			continue
		}
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			return v.StringValue
		case *commonpb.AnyValue_IntValue:
			return v.IntValue
		case *commonpb.AnyValue_BoolValue:
			return v.BoolValue
		}
	}
	return nil
}

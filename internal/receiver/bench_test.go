package receiver_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
)

// discard is a ResponseWriter that costs nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkAccepted is the accepted path without network and stream: routing,
// limits, verification, one log line, metrics.
func BenchmarkAccepted(b *testing.B) {
	opts := defaultOptions(b)
	opts.HTTP.SourceRate, opts.HTTP.SourceBurst = 1e9, 1e6
	opts.HTTP.MerchantRate, opts.HTTP.MerchantBurst = 1e9, 1e6
	opts.Store = &fakeStore{instead: func(context.Context, stream.Accepted) (stream.Receipt, error) {
		return stream.Receipt{Sequence: 1}, nil
	}}
	opts.Keeper, opts.Clock, opts.Metrics = new(fakeKeeper), time.Now, prometheus.NewRegistry()
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	opts.Log = zap.New(zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), zapcore.InfoLevel))
	h, err := receiver.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	body := mustSign(b, object("A1"), newSecret)
	reader := strings.NewReader(body)
	r := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/callbacks/collect/m1001"}, RemoteAddr: "198.51.100.1:1234",
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)), Body: io.NopCloser(reader),
	}).WithContext(context.Background())
	w := &discard{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("status %d", w.status)
		}
	}
}

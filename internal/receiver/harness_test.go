package receiver_test

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of the merchants below.
const (
	oldSecret   = "s3cr3t-old"
	newSecret   = "s3cr3t-new"
	otherSecret = "s3cr3t-other"
)

// merchantsFile: m1001 takes the default dialects and is rotating its key,
// open takes every dialect, fenced takes one network only.
const merchantsFile = `
merchants:
  - {id: m1001, currency: INR, region: none, gateway: "https://gateway.example", rate: 10,
     keys: [{id: "2026-05", secret: s3cr3t-old}, {id: "2026-11", secret: s3cr3t-new, signing: true}]}
  - {id: open, currency: INR, region: none, gateway: "https://gateway.example", rate: 10,
     keys: [{id: "k", secret: s3cr3t-other}], dialects: [drop-zero, reverse-numeric, java-double]}
  - {id: fenced, currency: INR, region: none, gateway: "https://gateway.example", rate: 10,
     keys: [{id: "k", secret: s3cr3t-other}], allowFrom: ["203.0.113.0/24"]}
`

func mustMerchants(t testing.TB, text string) *config.Merchants {
	t.Helper()
	set, err := config.ParseMerchants("merchants.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// mustSign appends the sign of secret to a JSON object.
func mustSign(t testing.TB, object, secret string) string {
	t.Helper()
	p, err := sign.ParseJSON([]byte(object))
	if err != nil {
		t.Fatalf("parse %s: %v", object, err)
	}
	return withSign(object, sign.Sign(p, sign.Secret(secret)))
}

// withSign appends a sign to a JSON object.
func withSign(object, value string) string {
	return strings.TrimSuffix(object, "}") + `,"sign":"` + value + `"}`
}

// signText signs a canonical text as the scheme says.
func signText(text, secret string) string {
	sum := md5.Sum([]byte(text + "&key=" + secret))
	return hex.EncodeToString(sum[:])
}

// object is a callback of an order, without its sign.
func object(order string) string {
	return `{"platOrderId":"P-` + order + `","orderId":"` + order + `","amount":1000.00,"status":1,"reverse":false,"remark":"private words","fee":0}`
}

// fakeStore stands in for CALLBACKS.
type fakeStore struct {
	mu       sync.Mutex
	accepted []stream.Accepted
	// instead, if set, is what Store does.
	instead func(ctx context.Context, a stream.Accepted) (stream.Receipt, error)
}

func (s *fakeStore) Store(ctx context.Context, a stream.Accepted) (stream.Receipt, error) {
	if s.instead != nil {
		return s.instead(ctx, a)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = append(s.accepted, a)
	return stream.Receipt{Sequence: uint64(len(s.accepted))}, nil
}

func (s *fakeStore) all() []stream.Accepted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]stream.Accepted(nil), s.accepted...)
}

// fakeKeeper stands in for QUARANTINE.
type fakeKeeper struct {
	mu   sync.Mutex
	kept []stream.Refused
	// instead, if set, is what Keep does.
	instead func(ctx context.Context, r stream.Refused) error
}

func (k *fakeKeeper) Keep(ctx context.Context, r stream.Refused) error {
	if k.instead != nil {
		return k.instead(ctx, r)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, r)
	return nil
}

func (k *fakeKeeper) all() []stream.Refused {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]stream.Refused(nil), k.kept...)
}

// start is when the tests' clocks start. They stand still unless moved.
var start = time.Date(2026, time.March, 2, 3, 4, 5, 0, time.UTC)

type fakeClock struct{ passed atomic.Int64 }

func (c *fakeClock) now() time.Time          { return start.Add(time.Duration(c.passed.Load())) }
func (c *fakeClock) advance(d time.Duration) { c.passed.Add(int64(d)) }
func defaultHTTP() config.HTTP {
	return config.HTTP{ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxConnections: 64, MaxConnectionsPerSource: 64, MaxInFlight: 16, MaxReading: 16, MaxReadingPerSource: 16}
}

func defaultOptions(t testing.TB) receiver.Options {
	return receiver.Options{HTTP: defaultHTTP(), PublishTimeout: 4 * time.Second, Merchants: merchantsOf(mustMerchants(t, merchantsFile))}
}

func merchantsOf(set *config.Merchants) func() *config.Merchants {
	return func() *config.Merchants { return set }
}

// harness is a receiver behind a real listener.
type harness struct {
	t        *testing.T
	addr     string
	handler  *receiver.Handler
	server   *http.Server
	store    *fakeStore
	keeper   *fakeKeeper
	clock    *fakeClock
	registry *prometheus.Registry
	logs     *observer.ObservedLogs
	// requests receives the context of a request, done is told when one is
	// answered; what nobody takes is dropped.
	requests chan context.Context
	done     chan struct{}
}

// newHarness serves a receiver until the test ends. change may replace any
// option.
func newHarness(t *testing.T, change func(*receiver.Options)) *harness {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	h := &harness{
		t: t, store: new(fakeStore), keeper: new(fakeKeeper), clock: new(fakeClock),
		registry: prometheus.NewPedanticRegistry(), logs: logs,
		requests: make(chan context.Context, 1), done: make(chan struct{}, 1),
	}
	opts := defaultOptions(t)
	opts.Store, opts.Keeper, opts.Clock, opts.Log, opts.Metrics = h.store, h.keeper, h.clock.now, zap.New(core), h.registry
	if change != nil {
		change(&opts)
	}
	var err error
	if h.handler, err = receiver.New(opts); err != nil {
		t.Fatal(err)
	}
	h.serve(opts)
	return h
}

func (h *harness) serve(opts receiver.Options) {
	listener, err := new(net.ListenConfig).Listen(h.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.addr = listener.Addr().String()
	observed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case h.requests <- r.Context():
		default:
		}
		h.handler.ServeHTTP(w, r)
		notify(h.done)
	})
	h.server = receiver.NewServer(opts.HTTP, observed, opts.Log)
	guarded, err := receiver.Listen(listener, opts.HTTP, nil, h.registry)
	if err != nil {
		h.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(guarded) }()
	h.t.Cleanup(func() {
		_ = h.server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			h.t.Errorf("serve: %v", err)
		}
	})
}

// request is one HTTP request, written as it is: hostile ones would not pass a
// client.
type request struct {
	method  string // POST
	target  string // /callbacks/collect/m1001
	headers []string
	media   string // application/json; "-" for none
	body    string
}

func (r request) text() string {
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.target == "" {
		r.target = "/callbacks/collect/m1001"
	}
	if r.media == "" {
		r.media = "application/json"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: receiver\r\n", r.method, r.target)
	if r.media != "-" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", r.media)
	}
	length := "Content-Length: " + strconv.Itoa(len(r.body)) + "\r\n"
	for _, header := range r.headers {
		b.WriteString(header + "\r\n")
		if strings.HasPrefix(header, "Content-Length") || strings.HasPrefix(header, "Transfer-Encoding") {
			length = ""
		}
	}
	b.WriteString(length + "\r\n" + r.body)
	return b.String()
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	closed bool // Connection: close
}

func (h *harness) dial() net.Conn {
	h.t.Helper()
	conn, err := new(net.Dialer).DialContext(h.t.Context(), "tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil { // red, not stuck
		h.t.Fatal(err)
	}
	return conn
}

// send makes one request on a connection of its own.
func (h *harness) send(r request) answer {
	h.t.Helper()
	conn := h.dial()
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, r.text()); err != nil {
		h.t.Fatal(err)
	}
	return h.receive(conn, r.method)
}

func (h *harness) receive(conn net.Conn, method string) answer {
	h.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(body), closed: response.Close}
}

// count is the value of a counter, 0 if it has not moved. want are its labels.
func (h *harness) count(name string, want map[string]string) float64 {
	h.t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			matched := 0
			for _, label := range metric.GetLabel() {
				if want[label.GetName()] == label.GetValue() {
					matched++
				}
			}
			if matched != len(metric.GetLabel()) {
				continue
			}
			if histogram := metric.GetHistogram(); histogram != nil {
				return float64(histogram.GetSampleCount())
			}
			if gauge := metric.GetGauge(); gauge != nil {
				return gauge.GetValue()
			}
			return metric.GetCounter().GetValue()
		}
	}
	return 0
}

// callbacks is how many requests ended like this.
func (h *harness) callbacks(flow, merchant, result, reason string) float64 {
	h.t.Helper()
	return h.count("settlehook_callbacks_total", map[string]string{
		"flow": flow, "merchant": merchant, "result": result, "reason": reason,
	})
}

func (h *harness) quarantined(class, fate string) float64 {
	h.t.Helper()
	return h.count("settlehook_quarantine_total", map[string]string{"class": class, "fate": fate})
}

func (h *harness) wantSuccess(got answer) {
	h.t.Helper()
	if got.status != http.StatusOK || got.body != "success" || got.header.Get("Content-Length") != "7" ||
		!strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		h.t.Errorf("got %d %q %v, want 200, exactly success, as text/plain of 7 bytes", got.status, got.body, got.header)
	}
}

func (h *harness) wantRefusal(got answer, status int, line string) {
	h.t.Helper()
	if got.status != status || got.body != line+"\n" {
		h.t.Errorf("got %d %q, want %d %q and a line break", got.status, got.body, status, line)
	}
	if got.header.Get("Location") != "" {
		h.t.Errorf("the answer redirects to %q", got.header.Get("Location"))
	}
	if (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) != (got.header.Get("Retry-After") != "") {
		h.t.Errorf("status %d with Retry-After %q", status, got.header.Get("Retry-After"))
	}
}

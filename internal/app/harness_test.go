package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// patience bounds every wait for a condition.
const patience = 20 * time.Second

// eventually returns once the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("never came: %s", what)
		case <-tick.C:
		}
	}
}

// site is an installation: a NATS server with the streams, a gateway and a
// merchants file. Redis is not there: nothing may depend on it.
type site struct {
	t       *testing.T
	server  *server.Server
	js      jetstream.JetStream
	gateway *orderGateway
	file    string
	env     map[string]string
	logs    *observer.ObservedLogs
	log     *zap.Logger
}

// merchant is a merchant of the tests' file.
type merchant struct{ id, gateway, key, rate string }

func newSite(t *testing.T, merchants ...merchant) *site {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	s := &site{
		t: t, server: testserver.NATS(t), gateway: newOrderGateway(t),
		file: filepath.Join(t.TempDir(), "merchants.yaml"), logs: logs, log: zap.New(core),
	}
	s.writeMerchants(merchants...)
	s.env = map[string]string{
		"INSTALLATION": "test", "HTTP_LINGER": "0s", "NATS_URL": s.server.ClientURL(), "REDIS_URL": "redis://" + testserver.FreeAddr(t),
		"MERCHANTS_FILE": s.file, "STREAM_REPLICAS": "1", "ADMIN_ADDR": "127.0.0.1:0", "HTTP_ADDR": "127.0.0.1:0",
		"TOPOLOGY_CHECK_INTERVAL": "20ms", "RETRY_MIN": "10ms", "RETRY_MAX": "50ms", "WORKER_IN_FLIGHT": "4",
	}
	nc, err := nats.Connect(s.server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if s.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.LoadMerchants(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := Setup(t.Context(), s.js, s.worker().Topology, s.worker().Sweep, loaded); err != nil {
		t.Fatal(err)
	}
	return s
}

// writeMerchants replaces the merchants file in one step, as an editor or a
// mounted secret does.
func (s *site) writeMerchants(merchants ...merchant) {
	s.t.Helper()
	var b strings.Builder
	b.WriteString("merchants:\n")
	for _, m := range merchants {
		gateway, key, rate := m.gateway, m.key, m.rate
		if gateway == "" {
			gateway = s.gateway.server.URL
		}
		if key == "" {
			key = "key-of-" + m.id
		}
		if rate == "" {
			rate = "1000"
		}
		fmt.Fprintf(&b, "  - {id: %s, currency: INR, region: none, gateway: %q, rate: %s, keys: [{id: k, secret: %s}]}\n", m.id, gateway, rate, key)
	}
	next := s.file + ".next"
	if err := os.WriteFile(next, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(next, s.file); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) worker() config.Worker {
	s.t.Helper()
	cfg, err := config.LoadWorker(s.env)
	if err != nil {
		s.t.Fatal(err)
	}
	return cfg
}

func (s *site) receiver() config.Receiver {
	s.t.Helper()
	cfg, err := config.LoadReceiver(s.env)
	if err != nil {
		s.t.Fatal(err)
	}
	return cfg
}

func (s *site) options() Options { return Options{Logger: s.log} }

// running is a program that runs.
type running struct {
	stop  func()
	ended chan struct{}
	err   error // once ended is closed
}

// run runs a program until stop is called, and at the latest until the test
// ends.
func (s *site) run(run func(context.Context) error) *running {
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	r := &running{stop: stop, ended: make(chan struct{})}
	go func() { defer close(r.ended); r.err = run(ctx) }()
	s.t.Cleanup(func() { stop(); <-r.ended })
	return r
}

// startWorker starts a worker and waits until it takes work.
func (s *site) startWorker(cfg config.Worker) (*Worker, *running) {
	s.t.Helper()
	w, err := NewWorker(s.t.Context(), cfg, s.options())
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.run(w.Run)
	awaitReady(s.t, w.AdminAddr())
	return w, r
}

// wait returns the error a program ended with.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-r.ended:
		return r.err
	case <-time.After(patience):
		t.Fatal("the program does not end")
		return nil
	}
}

// push stores a callback of a paid collection, as the receiver does, and lets
// the gateway say the same.
func (s *site) push(merchant, orderID string) {
	s.t.Helper()
	s.gateway.paid(orderID)
	body := fmt.Sprintf(`{"platOrderId":"P-%s","orderId":%q,"amount":100.00,"status":1,"reverse":false,"remark":"","fee":2.00,"sign":"%s"}`,
		orderID, orderID, strings.Repeat("0", 32))
	params, err := sign.ParseJSON([]byte(body))
	if err != nil {
		s.t.Fatal(err)
	}
	cb, err := callback.FromParams(params)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := stream.NewCallbackLog(s.js).Store(s.t.Context(), stream.Accepted{
		Flow: events.FlowCollect, Merchant: merchant, Callback: cb, Body: []byte(body),
		ContentType: sign.MediaJSON, ReceivedAt: time.Now(), KeyID: "k",
	}); err != nil {
		s.t.Fatal(err)
	}
}

// messages is how many messages of a stream match the filter.
func (s *site) messages(name, filter string) int {
	s.t.Helper()
	str, err := s.js.Stream(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	info, err := str.Info(s.t.Context(), jetstream.WithSubjectFilter(filter))
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, count := range info.State.Subjects {
		n += int(count)
	}
	return n
}

// settled is how many of a merchant's orders downstream was told are settled.
func (s *site) settled(merchant string) int {
	s.t.Helper()
	return s.messages(stream.Payments, "payments.v1.settled.*."+merchant+".*")
}

// logged is how often a message was logged with these fields.
func (s *site) logged(message string, fields ...zap.Field) int {
	found := s.logs.FilterMessage(message)
	for _, f := range fields {
		found = found.FilterField(f)
	}
	return found.Len()
}

// orderGateway answers order queries: every order it knows is paid.
type orderGateway struct {
	server *httptest.Server
	mu     sync.Mutex
	known  map[string]bool
	asked  map[string]question // the last about each order
	hold   chan struct{}       // nil: answers at once
	held   int
}

func newOrderGateway(t *testing.T) *orderGateway {
	g := &orderGateway{known: map[string]bool{}, asked: map[string]question{}}
	g.server = httptest.NewServer(http.HandlerFunc(g.answer))
	t.Cleanup(func() { g.release(); g.server.Close() })
	return g
}

func (g *orderGateway) paid(orderID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[orderID] = true
}

// pause makes it keep every question open.
func (g *orderGateway) pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold = make(chan struct{})
}

// release answers what is open, and from now on at once.
func (g *orderGateway) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hold != nil {
		close(g.hold)
		g.hold = nil
	}
}

// waiting is how many questions are open.
func (g *orderGateway) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// question is a query as it was signed.
type question struct {
	Merchant string `json:"merchant"`
	OrderID  string `json:"orderId"`
	Sign     string `json:"sign"`
}

// signedWith reports whether the last question about an order was signed with
// a key.
func (g *orderGateway) signedWith(orderID, key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.asked[orderID]
	return q.Sign == sign.Sign(sign.Params{
		{Name: "merchant", Value: q.Merchant, Kind: sign.KindString}, {Name: "orderId", Value: q.OrderID, Kind: sign.KindString},
	}, sign.Secret(key))
}

func (g *orderGateway) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/order/query" { // the worker asks for balances too, and no test waits for those
		http.NotFound(w, r)
		return
	}
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not seen
	g.mu.Lock()
	hold, known := g.hold, g.known[q.OrderID]
	g.asked[q.OrderID] = q
	g.held++
	g.mu.Unlock()
	defer func() { g.mu.Lock(); g.held--; g.mu.Unlock() }()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	if !known {
		_, _ = io.WriteString(w, `{"code":400,"success":false,"msg":"","desc":"order does not exist","data":null}`)
		return
	}
	_, _ = fmt.Fprintf(w, `{"code":200,"success":true,"msg":"","desc":"","data":{"amount":100.00,"orderId":%q,"platOrderId":"P-%s","status":1,"utr":"310310600223","fee":2.00}}`,
		q.OrderID, q.OrderID)
}

// get asks an admin listener.
func get(t *testing.T, addr, path string) (status int, body string) {
	t.Helper()
	res, err := http.Get("http://" + addr + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// has reports whether a line of metrics is there.
func has(metrics, line string) bool { return strings.Contains("\n"+metrics, "\n"+line+"\n") }

func awaitReady(t *testing.T, addr string) {
	t.Helper()
	eventually(t, "ready", func() bool { status, _ := get(t, addr, "/readyz"); return status == http.StatusOK })
}

// cancelled is a context that has ended.
func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// noLeaks fails the test if there are goroutines that were not there when it
// was called:
//
//	defer noLeaks(t)()
func noLeaks(t *testing.T) func() {
	t.Helper()
	opts := []goleak.Option{
		goleak.IgnoreCurrent(),
		// The Redis client looks once a second whether a closed pool still
		// wants a server that was not there.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"),
	}
	return func() { t.Helper(); goleak.VerifyNone(t, opts...) }
}

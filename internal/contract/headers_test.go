package contract

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/reconcile/reconciletest"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
	"github.com/settlehook/settlehook/pkg/sign"
)

// patience bounds every wait on a busy machine.
const patience = 20 * time.Second

// newStreams starts a server with the declared streams.
func newStreams(t testing.TB) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(testserver.NATS(t).ClientURL())
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	const mib = config.Bytes(1 << 20)
	must(t, stream.Setup(patiently(t), js, config.Topology{
		Replicas: 1, CallbacksMaxBytes: mib, CallbacksMaxAge: time.Hour, PaymentsMaxBytes: mib, PaymentsMaxAge: time.Hour,
		BalancesMaxBytes: mib, ClosingsMaxBytes: mib, OrdersMaxBytes: mib, TrailMaxBytes: mib, TrailMaxAge: time.Hour, ParkedMaxBytes: mib, ParkedMaxAge: time.Hour,
		QuarantineMaxBytes: mib, QuarantineMaxAge: time.Hour, QuarantineMaxPerSubject: 3,
	}))
	return js
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patiently is a context that carries a trace, and ends when patience does.
func patiently(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	state, err := trace.ParseTraceState("vendor=1")
	must(t, err)
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceState: state,
	}))
}

// TestHeadersAreReal has everything that publishes do so over a real server, and
// finds each message as it is described, and each header that is described.
func TestHeadersAreReal(t *testing.T) {
	js := newStreams(t)
	tell(t, js)
	register(t, js)
	refuse(t, js)
	park(t, js)
	snapshot(t, js)

	all, missing := messages(t), map[string]bool{}
	for _, f := range families() {
		for _, h := range f.carried() {
			missing[f.name+" "+h.name] = true
		}
		found := 0
		for _, m := range stored(t, js, f.stream) {
			if !matches(filter(f.subject), m.Subject()) {
				continue
			}
			found++
			headers := object{}
			for name, values := range m.Headers() {
				headers[name] = values[0]
				if !describes(f, name) && (f.stream == stream.Orders || !strings.HasPrefix(name, "Nats-")) {
					t.Errorf("%s: the header %s is not described", m.Subject(), name)
				}
				delete(missing, f.name+" "+name)
			}
			if err := all[f.name].headers.Validate(headers); err != nil {
				t.Errorf("%s: %v", m.Subject(), err)
			}
			if err := all[f.name].payload.Validate(payload(t, f, m.Data())); err != nil {
				t.Errorf("%s: %v", m.Subject(), err)
			}
		}
		if found == 0 {
			t.Errorf("nothing came on %s", f.subject)
		}
	}
	for name := range missing {
		t.Errorf("%s was never sent", name)
	}
}

func describes(f family, name string) bool {
	for _, h := range f.carried() {
		if h.name == name {
			return true
		}
	}
	return false
}

func payload(t *testing.T, f family, body []byte) any {
	t.Helper()
	if f.event == "" {
		return string(body)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	must(t, err)
	return v
}

// filter is the subjects of a family.
func filter(subject string) string {
	return strings.NewReplacer("{flow}", "*", "{merchant}", "*", "{order}", "*", "{case}", "*").Replace(subject)
}

// stored are the messages of a stream.
func stored(t *testing.T, js jetstream.JetStream, name string) []jetstream.Msg {
	t.Helper()
	s, err := js.Stream(patiently(t), name)
	must(t, err)
	c, err := js.OrderedConsumer(patiently(t), name, jetstream.OrderedConsumerConfig{})
	must(t, err)
	var all []jetstream.Msg
	for range s.CachedInfo().State.Msgs {
		m, err := c.Next(jetstream.FetchMaxWait(patience))
		must(t, err)
		all = append(all, m)
	}
	return all
}

// tell appends an event of every outcome.
func tell(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	ledger, err := stream.OpenLedger(patiently(t), js, patience)
	must(t, err)
	appended := func(e events.Event) {
		_, err := ledger.Append(patiently(t), e, 0)
		must(t, err)
	}
	for _, o := range events.Outcomes() {
		if o.Final() {
			appended(reconciletest.Outcome(reconciletest.Order(events.FlowCollect, "A."+string(o)), o, "1000"))
		}
	}
	review := reconciletest.Review(reconciletest.Order(events.FlowPay, "A.review"), "amount_mismatch", "1000", "900")
	appended(review)
	appended(reconciletest.Resolved(review))
}

// register has an order service register, repeat and withdraw.
func register(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	book := orders.NewBook(js, patience)
	for _, id := range []string{"A.1", "A.1", "A.2"} {
		_, err := book.Submit(patiently(t), reconciletest.Submission(reconciletest.Order(events.FlowCollect, id), "1000"))
		must(t, err)
	}
	must(t, book.Withdraw(patiently(t), reconciletest.Withdrawal(reconciletest.Order(events.FlowCollect, "A.2"), "1000")))
}

// snapshot stores a balance as the worker does.
func snapshot(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	at := time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC)
	e, err := events.NewBalance("test", events.BalanceSnapshot{
		Merchant: "m1001", Account: "8801", Currency: "INR", Date: "2026-05-02",
		All: events.MustParseSigned("10"), Usable: events.MustParseSigned("-1"), AskedAt: at, AnsweredAt: at,
	})
	must(t, err)
	book, err := stream.OpenBalances(patiently(t), js, 10*time.Second)
	must(t, err)
	must(t, book.Append(patiently(t), e, 0))
}

const merchants = `
merchants:
  - {id: m1001, currency: INR, region: none, gateway: "https://gateway.example", rate: 10, keys: [{id: "2026-11", secret: secret}]}
`

// newReceiver is a receiver whose callbacks and refusals go where they should.
func newReceiver(t testing.TB, store receiver.Store, keeper receiver.Keeper, change func(*receiver.Options)) *receiver.Handler {
	t.Helper()
	set, err := config.ParseMerchants("merchants.yaml", []byte(merchants), nil)
	must(t, err)
	opts := receiver.Options{
		HTTP: config.HTTP{
			MaxConnections: 64, MaxConnectionsPerSource: 64, MaxInFlight: 16, MaxReading: 16, MaxReadingPerSource: 16,
		},
		Quarantine:     config.Quarantine{},
		PublishTimeout: patience, Store: store, Keeper: keeper,
		Merchants: func() *config.Merchants { return set }, Clock: time.Now, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&opts)
	}
	h, err := receiver.New(opts)
	must(t, err)
	return h
}

// refuse has the receiver refuse a callback of every class.
func refuse(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	h := newReceiver(t, stream.NewCallbackLog(js), stream.NewQuarantineLog(js), nil)
	for _, refused := range []struct{ path, body string }{
		{"/callbacks/collect/m1001", strings.Replace(pushed, `"status":1`, `"status":2`, 1)},
		{"/callbacks/collect/m1001", "<html>"},
		{"/callbacks/collect/nobody", pushed},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, refused.path, strings.NewReader(refused.body))
		r.Header.Set("Content-Type", sign.MediaJSON)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code == http.StatusOK {
			t.Fatalf("%s %s is accepted", refused.path, refused.body)
		}
	}
}

// park has the receiver take a callback in whose dialect is odd, and a worker
// give up on it.
func park(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	h := newReceiver(t, stream.NewCallbackLog(js), stream.NewQuarantineLog(js), nil)
	body := strings.Replace(pushed, "e6c17a5f2c7587641371b7b041f8ced0", strings.ToUpper("e6c17a5f2c7587641371b7b041f8ced0"), 1)
	r := httptest.NewRequestWithContext(patiently(t), http.MethodPost, "/callbacks/collect/m1001", strings.NewReader(body))
	r.Header.Set("Content-Type", sign.MediaJSON)
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Body.String() != "success" {
		t.Fatal(w.Code, w.Body)
	}
	durable := stream.Reconciler("m1001", 10, time.Minute)
	_, err := js.CreateConsumer(patiently(t), stream.Callbacks, durable)
	must(t, err)
	intake, stop := context.WithCancel(patiently(t))
	given := givenUp{done: stop}
	stream.NewConsumer(stream.ConsumerConfig{Merchant: reconciletest.Merchant(), Durable: durable, InFlight: 1, Timeout: patience},
		js, given, reachable{}, given, zap.NewNop()).Run(intake, patiently(t))
}

// givenUp is a worker that parks what it gets.
type givenUp struct{ done func() }

func (givenUp) Process(context.Context, reconcile.Delivery) reconcile.Result {
	return reconcile.Result{Disposition: reconcile.Park, Cause: "expired", Err: errors.New("the gateway is gone")}
}

// Processed comes once the callback is in PARKED.
func (g givenUp) Processed(context.Context, reconcile.Delivery, reconcile.Result, time.Duration) {
	g.done()
}

// reachable is a gateway worth asking.
type reachable struct{}

func (reachable) Wait(ctx context.Context) (bool, error) { return false, ctx.Err() }
func (reachable) Shut() <-chan struct{}                  { return nil }

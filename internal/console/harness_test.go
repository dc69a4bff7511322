package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/console"
	"github.com/settlehook/settlehook/internal/operator"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// patience bounds what comes anyway.
const patience = 30 * time.Second

const (
	installation = "test"
	secret       = "s3cr3t-never-shown"
	// hostile is what an outsider would like a page, or its reader, to believe.
	hostile = `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">` + "\u202e\u2066\x07"
)

// site is an installation's streams on a server with the roles of deploy/nats, with a
// console for its operator.
type site struct {
	t    *testing.T
	nats testserver.NATSServers
	desk *operator.Desk
	// What comes in and goes out is stored by these.
	worker, receiver jetstream.JetStream
	base             string // of the console
	http             *http.Client

	mu     sync.Mutex
	logins []string
	paid   string // what the gateway's order query says was paid
}

// settings change the environment of the console.
type settings func(env map[string]string)

func without(names ...string) settings {
	return func(env map[string]string) {
		for _, name := range names {
			delete(env, name)
		}
	}
}

func newSite(t *testing.T, edits ...settings) *site {
	t.Helper()
	s := &site{t: t, paid: "900"}
	s.nats = testserver.NATSWithRoles(t)
	env := map[string]string{"INSTALLATION": installation, "MERCHANTS_FILE": s.merchants(), "STREAM_REPLICAS": "1"}
	s.setUp(env)
	for _, edit := range edits {
		edit(env)
	}
	s.desk = s.open("operator", env)
	return s
}

// open connects in a role.
func (s *site) open(role string, env map[string]string) *operator.Desk {
	s.t.Helper()
	own := maps.Clone(env)
	own["NATS_URL"], own["NATS_INBOX_PREFIX"] = s.nats.URL(role), testserver.InboxPrefix(role)
	cfg, err := config.LoadOperator(own, config.OperatorNeeds{})
	if err != nil {
		s.t.Fatal(err)
	}
	d, err := operator.Open(cfg, zap.NewNop())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(d.Close)
	return d
}

func (s *site) setUp(env map[string]string) {
	s.t.Helper()
	env["NATS_URL"] = s.nats.URL("setup")
	cfg, err := config.LoadSetup(env)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := stream.Setup(s.t.Context(), s.open("setup", env).JS, cfg.Topology); err != nil {
		s.t.Fatal(err)
	}
	s.worker, s.receiver = s.open("worker", env).JS, s.open("receiver", env).JS
}

// serve starts the console, and logs a browser in.
func (s *site) serve() *site {
	s.t.Helper()
	k, err := console.New(s.t.Context(), console.Config{Desk: s.desk, Listen: "127.0.0.1:0", Login: func(url string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.logins = append(s.logins, url)
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.base = "http://" + k.Addr()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	s.t.Cleanup(func() {
		s.http.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("the console ended: %v", err)
		}
	})
	s.http = s.browser()
	s.get(s.login())
	return s
}

// browser is one that nobody logged in.
func (s *site) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: patience}
}

// login is the address that was printed last.
func (s *site) login() string {
	s.t.Helper()
	var login string
	await(s.t, "the login is printed", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.logins) > 0 {
			login = s.logins[len(s.logins)-1]
		}
		return login != ""
	})
	return login
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// merchants writes the merchants file, with a gateway that says what s.paid says.
func (s *site) merchants() string {
	s.t.Helper()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		params, err := sign.ParseJSON(body)
		if err != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		order, _ := params.Get("orderId")
		s.mu.Lock()
		defer s.mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"code":200,"success":true,"msg":"","desc":"","data":{"orderId":%q,"platOrderId":"P1","status":1,"amount":%s,"fee":9}}`, order.Value, s.paid)
	}))
	s.t.Cleanup(gateway.Close)
	path := filepath.Join(s.t.TempDir(), "merchants.yaml")
	text := fmt.Sprintf("merchants:\n  - {id: m1001, account: \"8801\", currency: INR, region: none, gateway: %q, rate: 100, keys: [{id: k1, secret: %q}]}\n", gateway.URL, secret)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// pays changes what the gateway says was paid.
func (s *site) pays(amount string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paid = amount
}

// answer is what the console answered.
type answer struct {
	status int
	header http.Header
	body   string
	at     string // where it was found, after redirects
}

func (s *site) do(client *http.Client, r *http.Request) answer {
	s.t.Helper()
	res, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.Contains(string(body), secret) {
		s.t.Errorf("%s shows the secret", r.URL)
	}
	return answer{res.StatusCode, res.Header, string(body), res.Request.URL.RequestURI()}
}

func (s *site) request(method, path string, form url.Values) *http.Request {
	s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.base + path
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (s *site) get(path string) answer {
	s.t.Helper()
	return s.do(s.http, s.request(http.MethodGet, path, nil))
}

var formToken = regexp.MustCompile(`name="form" value="([A-Z0-9]+)"`)

// post sends a form as the page at from would.
func (s *site) post(from, path string, form url.Values) answer {
	s.t.Helper()
	token := formToken.FindStringSubmatch(s.get(from).body)
	if token == nil {
		s.t.Fatalf("%s has no form", from)
	}
	form.Set("form", token[1])
	return s.do(s.http, s.request(http.MethodPost, path, form))
}

// has holds an answer to its status, and to what has to be in it.
func (a answer) has(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s answered %d, want %d: %s", a.at, a.status, status, a.main())
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("%s has no %q: %s", a.at, text, a.main())
		}
	}
}

// main is the part of a page that is its own.
func (a answer) main() string {
	_, after, _ := strings.Cut(a.body, `<main`)
	return after[:min(len(after), 1500)]
}

// lacks holds an answer to what must not be in it.
func (a answer) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("%s has %q", a.at, text)
		}
	}
}

func (s *site) publish(subject string, body []byte, header nats.Header) uint64 {
	s.t.Helper()
	ack, err := s.worker.PublishMsg(s.t.Context(), &nats.Msg{Subject: subject, Data: body, Header: header})
	if err != nil {
		s.t.Fatal(err)
	}
	return ack.Sequence
}

// tells stores an event, confirmed so long ago, and returns it.
func (s *site) tells(ago time.Duration, data events.Data) events.Event {
	s.t.Helper()
	e, err := events.New(installation, time.Now().Add(-ago), data)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	s.publish(e.NATSSubject(), body, nil)
	return e
}

func amount(text string) events.Amount { return events.MustParseAmount(text) }

// payment is of a collection of merchant m1001.
func payment(order string) events.Payment {
	now := time.Now()
	return events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.ThreeWay, Flow: events.FlowCollect,
		Merchant: "m1001", Account: "8801", OrderID: order, PlatOrderID: "P1", Amount: amount("1000"), Fee: amount("20"), Net: amount("980"),
		SubmittedAmount: amount("1000"), Currency: "INR", BookingDate: "2026-05-01",
		Evidence: events.Evidence{
			ReceivedAt: now.Add(-40 * time.Millisecond), ConfirmedAt: now,
			Callback: &events.CallbackEvidence{Status: 1, Amount: amount("1000"), PlatOrderID: "P1"},
			Query:    &events.QueryEvidence{Status: 1, Amount: amount("1000"), PlatOrderID: "P1"},
		},
	}
}

// reviews opens a review about a wrong amount.
func (s *site) reviews(order string) events.Event {
	s.t.Helper()
	p := payment(order)
	p.Reason, p.Match, p.Amount, p.Net, p.Remark = "amount_mismatch", "", amount("900"), events.Amount{}, hostile
	p.Evidence.Query = &events.QueryEvidence{Status: 1, Amount: amount("900"), PlatOrderID: "P1"}
	return s.tells(0, events.Review{Payment: p, Case: events.CaseTail(p.Order(), p.Reason)})
}

// signed is a callback about an order.
func signed(t *testing.T, order, key string) []byte {
	t.Helper()
	object := `{"platOrderId":"P1","orderId":"` + order + `","amount":1000.00,"status":1,"reverse":false,"remark":"no","fee":0}`
	params, err := sign.ParseJSON([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.TrimSuffix(object, "}") + `,"sign":"` + sign.Sign(params, sign.Secret(key)) + `"}`)
}

// parks parks a callback as a worker does, and returns its sequence.
func (s *site) parks(order string) uint64 {
	s.t.Helper()
	return s.publish("parked.v1.collect.m1001", signed(s.t, order, secret), nats.Header{
		"Content-Type": {"application/json"}, "Settlehook-Received-At": {"2026-05-01T12:00:00Z"}, "Settlehook-Source": {"192.0.2.1"},
		"Settlehook-Subject": {events.CallbackSubject("collect", "m1001", order)}, stream.HeaderReason: {"expired"},
		"Settlehook-Error": {"order query unavailable " + strings.NewReplacer("\x07", "").Replace(hostile)}, stream.HeaderSequence: {"11"}, "Settlehook-Deliveries": {"20"},
	})
}

// refuses puts a callback into quarantine as the receiver does.
func (s *site) refuses(body []byte) {
	s.t.Helper()
	err := stream.NewQuarantineLog(s.receiver).Keep(s.t.Context(), stream.Refused{
		Class: stream.ClassSignature, Flow: "collect", Merchant: "m1001", Reason: "bad-signature", Detail: "no key fits", Path: "/callbacks/collect/m1001",
		Body: body, ContentType: "application/json", ReceivedAt: time.Now(), Source: "192.0.2.1",
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// count is how many messages a stream holds.
func (s *site) count(name string) uint64 {
	s.t.Helper()
	held, err := s.desk.JS.Stream(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return held.CachedInfo().State.Msgs
}

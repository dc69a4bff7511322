package sandbox

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"go.uber.org/goleak"

	"github.com/settlehook/settlehook/pkg/sign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	oldSecret = "old-secret"
	newSecret = "new-secret"
)

func merchants() []Merchant {
	return []Merchant{
		{
			ID: "m1001", Account: "8801", Currency: "INR", SigningID: "new",
			Keys: []sign.Key{{ID: "new", Secret: newSecret}, {ID: "old", Secret: oldSecret}},
		},
		{ID: "m2", Currency: "IDR", Keys: []sign.Key{{ID: "k", Secret: "third-secret"}}},
	}
}

// newSandbox returns a sandbox on free ports that is not started; it is closed at
// the end of the test.
func newSandbox(t testing.TB, adapt ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Merchants: merchants(),
		NotifyBase: "http://127.0.0.1:1", Seed: 1, Run: "test",
	}
	for _, f := range adapt {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func start(t testing.TB, s *Server) *Server {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t testing.TB, s *Server, n NewOrder) Order {
	t.Helper()
	if n.Merchant == "" {
		n.Merchant, n.Flow, n.Amount = "m1001", Collect, dec("1000.00")
	}
	order, err := s.CreateOrder(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return order
}

func apply(t testing.TB, s *Server, orderID string, action Action) {
	t.Helper()
	if _, err := s.Apply("m1001", orderID, Change{Action: action}); err != nil {
		t.Fatal(err)
	}
}

func record(t testing.TB, s *Server, orderID string) Record {
	t.Helper()
	r, err := s.Order("m1001", orderID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func idle(t testing.TB, s *Server) {
	t.Helper()
	if err := s.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// received is one push as a receiver got it.
type received struct {
	url, body, contentType string
	at                     time.Time
}

// receiver stands for settlehook's receiver without a network, so that it can
// be used where time is simulated.
type receiver struct {
	answer func(n int, r received) (status int, body string)

	mu  sync.Mutex
	got []received
}

func (v *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	one := received{url: r.URL.String(), body: string(body), contentType: r.Header.Get("Content-Type"), at: time.Now()}
	v.mu.Lock()
	n := len(v.got)
	v.got = append(v.got, one)
	v.mu.Unlock()
	status, reply := http.StatusOK, "success"
	if v.answer != nil {
		status, reply = v.answer(n, one)
	}
	if status == 0 { // no answer until the sender gives up
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	header := http.Header{"Location": {"http://127.0.0.1:1/elsewhere"}}
	return &http.Response{
		StatusCode: status, Header: header, Request: r, ContentLength: -1,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(strings.NewReader(reply)),
	}, nil
}

func (v *receiver) all() []received {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]received(nil), v.got...)
}

func always(status int, body string) func(int, received) (int, string) {
	return func(int, received) (int, string) { return status, body }
}

// pass lets time pass in a synctest bubble, where it costs none.
func pass(d time.Duration) { <-time.After(d) }

func must(d decimal.Decimal, err error) decimal.Decimal {
	if err != nil {
		panic(err)
	}
	return d
}

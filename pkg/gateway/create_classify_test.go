package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/settlehook/settlehook/pkg/gateway"
)

const (
	noOrder = `{"code":400,"success":false,"desc":"order does not exist"}`
	anOrder = `{"code":200,"success":true,"data":{"orderId":"A1","status":1,"amount":1000,"platOrderId":"p9"}}`
)

var (
	errBook = errors.New("the book is\nclosed")

	wordsUnknown = "ask with the order query, or create it again under the same order id, never under a new one"
)

// TestClassification: what a create's answer means for the order, and that
// nothing happens to the registration in any doubt.
func TestClassification(t *testing.T) {
	type does = []string
	tests := []struct {
		name          string
		create, query http.HandlerFunc
		notFresh      bool
		withdrawErr   error
		is            func(error) bool
		says          string
		then          does // after submit and POST
		hangs         bool // so that the client need not wait long
	}{
		{
			name: "no doubt: refused, not found", create: answer(refusal("bad payCode")), query: answer(noOrder),
			is: func(err error) bool {
				e, ok := as[*gateway.RefusedError](err)
				return ok && e.Withdrawn && e.Err == nil && e.OrderID == "A1" && e.Desc == "bad payCode"
			},
			says: `the gateway refused to create order A1: "bad payCode"; it does not exist and its registration was withdrawn: correct what was refused and create it under a new order id`,
			then: does{"POST " + queryPath, "withdraw"},
		},
		{
			name: "refused in words like those for an unknown order", create: answer(noOrder), query: answer(noOrder),
			is: func(err error) bool {
				_, unknown := as[*gateway.UnknownError](err)
				return unknown
			},
			says: wordsUnknown,
			then: does{"POST " + queryPath},
		},
		{
			name: "refused, not found, registered before", create: answer(refusal("bad payCode")), query: answer(noOrder), notFresh: true,
			is: func(err error) bool {
				e, ok := as[*gateway.RefusedError](err)
				return ok && !e.Withdrawn && e.Err == nil
			},
			says: `the gateway refused to create order A1: "bad payCode"; an earlier attempt may still arrive, so nothing was withdrawn: correct what was refused and create it again under the same order id`,
			then: does{"POST " + queryPath},
		},
		{
			name: "refused, not found, can't be withdrawn", create: answer(refusal("bad payCode")), query: answer(noOrder), withdrawErr: errBook,
			is: func(err error) bool {
				e, ok := as[*gateway.RefusedError](err)
				return ok && !e.Withdrawn && errors.Is(err, errBook)
			},
			says: `the gateway refused to create order A1: "bad payCode"; its registration could not be withdrawn (the book is closed): correct what was refused and create it again under the same order id`,
			then: does{"POST " + queryPath, "withdraw"},
		},
		{
			name: "refused as taken, not found yet", create: answer(refusal("duplicate orderId")), query: answer(noOrder),
			is: func(err error) bool {
				_, unknown := as[*gateway.UnknownError](err)
				_, refused := as[*gateway.RefusedError](err)
				return unknown && !refused
			},
			says: wordsUnknown,
			then: does{"POST " + queryPath},
		},
		{
			name: "refused, found, registered before", create: answer(refusal("duplicate order")), query: answer(anOrder), notFresh: true,
			is: func(err error) bool {
				e, ok := as[*gateway.ExistsError](err)
				return ok && !e.Fresh
			},
			says: "if this was a repeat, take it for created and wait for its event, else the order id is not unique",
			then: does{"POST " + queryPath},
		},
		{
			name: "refused, found", create: answer(refusal("duplicate order")), query: answer(anOrder),
			is: func(err error) bool {
				e, ok := as[*gateway.ExistsError](err)
				return ok && e.Order.PlatOrderID == "p9" && e.Order.Status == gateway.StatusSuccess && e.Desc == "duplicate order"
			},
			says: `order A1 exists at the gateway already, as success over 1000, and was not created again: "duplicate order"; nobody had registered it before this call: unless another attempt ran at the same time, it is another order, and the order id is not unique`,
			then: does{"POST " + queryPath},
		},
		{
			name: "refused, query refused", create: answer(refusal("sign error")), query: answer(refusal("IP not allowed")),
			is: func(err error) bool {
				e, ok := as[*gateway.BusinessError](err)
				return ok && e.Desc == "sign error" && is[*gateway.UnknownError](err)
			},
			says: `(the gateway refused the call with code 400: "sign error"; check the merchant's account, key and allowed addresses; ` +
				`and the order query did not tell: the gateway refused the call with code 400: "IP not allowed"; check the merchant's account, key and allowed addresses)`,
			then: does{"POST " + queryPath},
		},
		{
			name: "refused, query down", create: answer(refusal("bad payCode")), query: status(502),
			is:   func(err error) bool { return is[*gateway.UnknownError](err) && is[*gateway.TransportError](err) },
			says: "/order/query: HTTP status 502", then: does{"POST " + queryPath},
		},
		{
			name: "refused, query about another order", create: answer(refusal("bad payCode")), query: answer(settled("other")),
			is:   func(err error) bool { return is[*gateway.UnknownError](err) && is[*gateway.AnswerError](err) },
			says: "another order", then: does{"POST " + queryPath},
		},
		{
			name: "refused, query hangs", create: answer(refusal("bad payCode")), query: hang, hangs: true,
			is: func(err error) bool {
				return is[*gateway.UnknownError](err) && errors.Is(err, context.DeadlineExceeded)
			},
			says: "no complete answer in time", then: does{"POST " + queryPath},
		},
		{
			name: "code 500", create: answer(`{"code":500,"success":false,"desc":"busy"}`), is: unknownWith[*gateway.AnomalyError],
			says: `it is not known whether order A1 exists (the gateway reported an anomaly with code 500: "busy"): ` + wordsUnknown,
		},
		{name: "another code", create: answer(`{"code":429,"success":false}`), is: unknownWith[*gateway.AnomalyError], says: "code 429"},
		{name: "200 without success", create: answer(`{"code":200,"success":false}`), is: unknownWith[*gateway.AnomalyError], says: "code 200"},
		{name: "HTTP 500", create: status(500), is: unknownWith[*gateway.TransportError], says: "HTTP status 500"},
		{name: "HTTP 400", create: status(400), is: unknownWith[*gateway.TransportError], says: "HTTP status 400"},
		{name: "redirect", create: status(307), is: unknownWith[*gateway.TransportError], says: "redirects are not followed"},
		{name: "time-out", create: hang, hangs: true, is: unknownWith[*gateway.TransportError], says: "(at most 100ms)"},
		{name: "closed", create: raw(""), is: unknownWith[*gateway.TransportError], says: "closed before the answer was complete"},
		{name: "cut answer", create: raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), is: unknownWith[*gateway.TransportError], says: "closed before"},
		{name: "not HTTP", create: raw("220 smtp\r\n\r\n"), is: unknownWith[*gateway.TransportError], says: "the connection failed"},
		{name: "unreadable", create: answer("<html>"), is: unknownWith[*gateway.AnswerError], says: "not one valid JSON document"},
		{name: "no data", create: answer(success("null")), is: unknownWith[*gateway.AnswerError], says: "data is missing"},
		{
			name: "data of another endpoint", create: answer(success(`{"balanceAll":1}`)),
			is: func(err error) bool {
				e, ok := as[*gateway.AnswerError](err)
				return ok && e.InData && is[*gateway.UnknownError](err)
			},
			says: "is missing",
		},
	}
	for _, k := range creates() {
		for _, tt := range tests {
			t.Run(k.name+": "+tt.name, func(t *testing.T) {
				b := &book{tape: &tape{}, fresh: !tt.notFresh, withdrawErr: tt.withdrawErr}
				patience := func(*gateway.Config) {}
				if tt.hangs {
					patience = shortly
				}
				client := start(t, b, handlers{k.path: tt.create, queryPath: tt.query}, patience)
				err := k.create(t.Context(), client)
				if !tt.is(err) {
					t.Fatalf("error %T: %v", err, err)
				}
				if e, ok := as[*gateway.UnknownError](err); ok && (e.Endpoint != k.path || e.OrderID != "A1" || !strings.HasSuffix(err.Error(), wordsUnknown)) {
					t.Errorf("%#v", e)
				}
				checkText(t, err, tt.says)
				if gateway.Unavailable(err) {
					t.Error("it counts as unavailable")
				}
				b.tape.expect(t, append([]string{"submit", "POST " + k.path}, tt.then...)...)
				checkWithdrawn(t, b)
			})
		}
	}
}

func as[E error](err error) (E, bool) {
	var e E
	return e, errors.As(err, &e)
}

func unknownWith[E error](err error) bool {
	e, ok := as[*gateway.UnknownError](err)
	return ok && is[E](e.Err)
}

// checkText holds an error to one line that says enough and tells no secret.
func checkText(t *testing.T, err error, says string) {
	t.Helper()
	text := err.Error()
	if !strings.Contains(text, says) || strings.ContainsAny(text, "\n\r") {
		t.Errorf("error text\n got %s\nwant %s", text, says)
	}
	for _, private := range []string{secret, "50100123456789", "Asha", "HDFC0001234", "919876543210", "127.0.0.1", "<html>", "smtp"} {
		if strings.Contains(text, private) {
			t.Errorf("the error holds %q: %s", private, text)
		}
	}
}

// checkWithdrawn: a withdrawal repeats the registration.
func checkWithdrawn(t *testing.T, b *book) {
	t.Helper()
	if len(b.got) < 2 {
		return
	}
	submitted, withdrawn := b.got[0], b.got[1]
	if !withdrawn.Withdrawn() || submitted.Withdrawn() || withdrawn.Data.Order() != submitted.Data.Order() ||
		!withdrawn.Data.Amount.Equal(submitted.Data.Amount) || withdrawn.Data.Currency != "INR" {
		t.Errorf("withdrew %+v of %+v", withdrawn, submitted)
	}
}

func TestAnnouncingFails(t *testing.T) {
	for _, k := range creates() {
		b := &book{tape: &tape{}, fresh: true, submitErr: errBook}
		err := k.create(t.Context(), start(t, b, nil))
		if !errors.Is(err, gateway.ErrNotAnnounced) || !errors.Is(err, errBook) || errors.Is(err, gateway.ErrInvalidRequest) || gateway.Unavailable(err) {
			t.Errorf("%s: %v", k.name, err)
		}
		b.tape.expect(t, "submit")
	}
}

func TestWithoutOrders(t *testing.T) {
	for _, k := range creates() {
		b := &book{tape: &tape{}}
		err := k.create(t.Context(), start(t, b, nil, func(c *gateway.Config) { c.Orders = nil }))
		if want := "the order was not announced, so nothing was sent: set Orders in the client's configuration, or Unannounced to try credentials"; !errors.Is(err, gateway.ErrNotAnnounced) || err.Error() != want {
			t.Errorf("%s: %v", k.name, err)
		}
		b.tape.expect(t)
	}
}

func TestUnannounced(t *testing.T) {
	for _, k := range creates() {
		b := &book{tape: &tape{}}
		bare := func(c *gateway.Config) {
			c.Orders, c.Installation, c.Currency = gateway.Unannounced, "", ""
		}
		if err := k.create(t.Context(), start(t, b, handlers{k.path: answer(success(k.data))}, bare)); err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
		b.tape.expect(t, "POST "+k.path)
		// Nobody knows whether it is the first attempt, so nothing is definite.
		err := k.create(t.Context(), start(t, b, handlers{k.path: answer(refusal("bad payCode")), queryPath: answer(noOrder)}, bare))
		if e, ok := as[*gateway.RefusedError](err); !ok || e.Withdrawn || e.Err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
	}
}

// TestNotSent: where the gateway certainly got nothing, the same create may be
// repeated, and the registration stands.
func TestNotSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	_ = listener.Close()
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
	untrusted.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	for _, k := range creates() {
		tests := []struct {
			name   string
			base   string
			cancel bool // by the book, while it stores
			cause  func(error) bool
			says   string
		}{
			{"nobody listens", nobody, false, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }, "connection refused"},
			{"not trusted", untrusted.URL, false, is[*tls.CertificateVerificationError], "the TLS certificate is not trusted"},
			{"cancelled while announcing", nobody, true, func(err error) bool { return errors.Is(err, context.Canceled) }, "cancelled"},
		}
		for _, tt := range tests {
			t.Run(k.name+": "+tt.name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				b := &book{tape: &tape{}, fresh: true}
				if tt.cancel {
					b.onSubmit = cancel
				}
				client := start(t, b, nil, func(c *gateway.Config) { c.BaseURL = tt.base })
				err := k.create(ctx, client)
				e, ok := as[*gateway.TransportError](err)
				if !ok || !e.NotSent || !tt.cause(err) || !gateway.Unavailable(err) || is[*gateway.UnknownError](err) {
					t.Fatalf("error %T: %v", err, err)
				}
				if want := k.path + ": " + tt.says + "; the order was not sent: create it again under the same order id"; err.Error() != want {
					t.Fatalf("error text\n got %s\nwant %s", err, want)
				}
				b.tape.expect(t, "submit")
			})
		}
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, k := range creates() {
		b := &book{tape: &tape{}, fresh: true}
		err := k.create(ctx, start(t, b, nil))
		if e, ok := as[*gateway.TransportError](err); !ok || !e.NotSent || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", k.name, err)
		}
		b.tape.expect(t)
	}
}

func TestCancelledDuring(t *testing.T) {
	for _, k := range creates() {
		ctx, cancel := context.WithCancel(t.Context())
		b := &book{tape: &tape{}, fresh: true}
		err := k.create(ctx, start(t, b, handlers{k.path: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		}}))
		if !is[*gateway.UnknownError](err) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", k.name, err)
		}
		b.tape.expect(t, "submit", "POST "+k.path)
	}
}

// TestRefusedAfterCancel: a refusal whose context is over by then can't be
// looked into, so it proves nothing.
func TestRefusedAfterCancel(t *testing.T) {
	for _, k := range creates() {
		ctx, cancel := context.WithCancel(t.Context())
		b := &book{tape: &tape{}, fresh: true}
		client := start(t, b, handlers{k.path: answer(refusal("bad payCode")), queryPath: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		}})
		if err := k.create(ctx, client); !is[*gateway.UnknownError](err) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", k.name, err)
		}
		b.tape.expect(t, "submit", "POST "+k.path, "POST "+queryPath)
	}
}

func TestErrorsThroughWrapping(t *testing.T) {
	cause := &gateway.TransportError{Endpoint: payPath, Reason: "x"}
	for _, err := range []error{
		&gateway.UnknownError{Err: cause}, &gateway.RefusedError{Err: cause}, &gateway.ExistsError{},
	} {
		if wrapped := errors.Join(errors.New("outer"), err); gateway.Unavailable(wrapped) {
			t.Errorf("%T counts as unavailable", err)
		}
	}
	if !is[*gateway.TransportError](&gateway.UnknownError{Err: cause}) || !is[*gateway.TransportError](&gateway.RefusedError{Err: cause}) {
		t.Error("the cause is not found")
	}
	for _, err := range []error{&gateway.UnknownError{}, &gateway.RefusedError{}, &gateway.ExistsError{}} {
		checkText(t, err, "create")
	}
}

var _ gateway.Orders = (*book)(nil)

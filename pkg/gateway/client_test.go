package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/sign"
)

const (
	account = "8801"
	secret  = "s3cr3t-1"
	orderID = "e8a581fa692342ccbaf9cbd6f2598e48"
)

func ring(t testing.TB) *sign.Keyring {
	t.Helper()
	r, err := sign.NewKeyring("k1", sign.Key{ID: "old", Secret: "other"}, sign.Key{ID: "k1", Secret: secret}, sign.Key{ID: "z", Secret: "third"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serve starts a gateway with one handler and a client for it.
func serve(t testing.TB, handler http.HandlerFunc, adapt ...func(*gateway.Config)) *gateway.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg := gateway.Config{BaseURL: server.URL + "/api/", Account: account, Keyring: ring(t)}
	for _, f := range adapt {
		f(&cfg)
	}
	client, err := gateway.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func settled(id string) string {
	return fmt.Sprintf(`{"code":200,"success":true,"msg":null,"desc":null,"data":{"amount":1000.00,"orderId":%q,`+
		`"platOrderId":"236130395249311744","status":1,"utr":"310310600223","fee":20.00}}`, id)
}

func TestQueryOrderSends(t *testing.T) {
	// md5("merchant=8801&orderId=e8a581fa692342ccbaf9cbd6f2598e48&key=s3cr3t-1"),
	// computed apart from this code.
	const wantSign = "4e81d72cf4261b6660f4b30699a193d6"
	for _, form := range []bool{false, true} {
		t.Run(fmt.Sprintf("form=%t", form), func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != http.MethodPost || r.URL.Path != "/api/order/query" || r.URL.RawQuery != "" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				if got := r.Header.Get("User-Agent"); got != "shop/1" {
					t.Errorf("User-Agent %q", got)
				}
				got := map[string]string{}
				if form {
					values, err := url.ParseQuery(string(body))
					if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
						t.Errorf("form %q as %q: %v", body, r.Header.Get("Content-Type"), err)
					}
					for name := range values {
						got[name] = values.Get(name)
					}
				} else if err := json.Unmarshal(body, &got); err != nil || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("JSON %q as %q: %v", body, r.Header.Get("Content-Type"), err)
				}
				want := map[string]string{"merchant": account, "orderId": orderID, "sign": wantSign}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("sent %v, want %v", got, want)
				}
				_, _ = io.WriteString(w, settled(orderID))
			}, func(c *gateway.Config) { c.Form, c.UserAgent = form, "shop/1" })
			order, err := client.QueryOrder(t.Context(), orderID)
			if err != nil {
				t.Fatal(err)
			}
			if order.Status != gateway.StatusSuccess || order.Amount.String() != "1000.00" || order.Fee.String() != "20.00" {
				t.Fatalf("%+v", order)
			}
		})
	}
}

func TestQueryOrderRefusesIDs(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the gateway was asked") })
	for _, id := range []string{"", "a b", "a&b", "a\n", "ü", strings.Repeat("x", 65), "\x7f"} {
		_, err := client.QueryOrder(t.Context(), id)
		if !errors.Is(err, gateway.ErrInvalidRequest) || gateway.Unavailable(err) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

func TestQueryOrderErrors(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	raw := func(reply string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, reply)
			_ = conn.Close()
		}
	}
	const leak = "body-text-that-must-not-leak"
	tests := []struct {
		name    string
		handler http.HandlerFunc
		is      func(error) bool
		text    string
	}{
		{"not found", answer(`{"code":400,"success":false,"desc":"order does not exist"}`), is[*gateway.NotFoundError], `the gateway knows no such order: "order does not exist"`},
		{"refused", answer(`{"code":400,"success":false,"desc":"sign error"}`), is[*gateway.BusinessError], `the gateway refused the call with code 400: "sign error"; check the merchant's account, key and allowed addresses`},
		{"anomaly", answer(`{"code":500,"success":false}`), is[*gateway.AnomalyError], "the gateway reported an anomaly with code 500: no reason given"},
		{"status 500", status(500, settled(orderID)), is[*gateway.TransportError], "/order/query: HTTP status 500 instead of 200"},
		{"status 201", status(201, settled(orderID)), is[*gateway.TransportError], "/order/query: HTTP status 201 instead of 200"},
		{"status 404", status(404, leak), is[*gateway.TransportError], "/order/query: HTTP status 404 instead of 200"},
		{"redirect", status(307, leak), is[*gateway.TransportError], "/order/query: HTTP status 307 instead of 200; redirects are not followed, set the address the gateway redirects to"},
		{"not HTTP", raw(leak + "\r\n\r\n"), is[*gateway.TransportError], "/order/query: the connection failed"},
		{"closed", raw(""), is[*gateway.TransportError], "/order/query: the connection was closed before the answer was complete"},
		{"cut short", raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), is[*gateway.TransportError], "/order/query: the connection was closed before the answer was complete"},
		{"not JSON", answer(leak), is[*gateway.AnswerError], "the gateway's answer is not usable: not one valid JSON document"},
		{"too large", answer(`"` + strings.Repeat("x", 200<<10) + `"`), is[*gateway.AnswerError], "the gateway's answer is not usable: larger than 64 KiB"},
		{"another order", answer(settled("other")), is[*gateway.AnswerError], "the gateway's answer is not usable: it is about another order than the one asked for"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := serve(t, tt.handler).QueryOrder(t.Context(), orderID)
			if !tt.is(err) {
				t.Fatalf("error %T: %v", err, err)
			}
			if err.Error() != tt.text {
				t.Fatalf("error text\n got %s\nwant %s", err, tt.text)
			}
			for _, secretText := range []string{leak, secret, "127.0.0.1"} {
				if strings.Contains(err.Error(), secretText) {
					t.Fatalf("the error holds %q", secretText)
				}
			}
		})
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed.Store(true)
		_, _ = io.WriteString(w, settled(orderID))
	}))
	defer elsewhere.Close()
	// A client of the caller's own, which would follow, changes nothing.
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}, func(c *gateway.Config) { c.HTTPClient = &http.Client{} })
	_, err := client.QueryOrder(t.Context(), orderID)
	var transport *gateway.TransportError
	if !errors.As(err, &transport) || transport.Status != http.StatusTemporaryRedirect || followed.Load() {
		t.Fatalf("followed %t, error %v", followed.Load(), err)
	}
}

func TestTimeOut(t *testing.T) {
	release := make(chan struct{})
	hang := func(http.ResponseWriter, *http.Request) { <-release }
	slowBody := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"code":`)
		_ = http.NewResponseController(w).Flush()
		<-release
	}
	t.Cleanup(func() { close(release) })
	for name, handler := range map[string]http.HandlerFunc{"no answer": hang, "half an answer": slowBody} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, handler, func(c *gateway.Config) { c.Timeout = 50 * time.Millisecond })
			t.Cleanup(func() { release <- struct{}{} })
			_, err := client.QueryOrder(t.Context(), orderID)
			if !errors.Is(err, context.DeadlineExceeded) || !gateway.Unavailable(err) {
				t.Fatalf("error %v", err)
			}
			if want := "/order/query: no complete answer in time (at most 50ms)"; err.Error() != want {
				t.Fatalf("error %q, want %q", err, want)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	_, err := client.QueryOrder(ctx, orderID)
	if !errors.Is(err, context.Canceled) || err.Error() != "/order/query: cancelled" {
		t.Fatalf("error %v", err)
	}
}

func TestRefusedConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	client, err := gateway.NewClient(gateway.Config{BaseURL: "http://" + address, Account: account, Keyring: ring(t)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.QueryOrder(t.Context(), orderID)
	if !errors.Is(err, syscall.ECONNREFUSED) || err.Error() != "/order/query: connection refused" || !gateway.Unavailable(err) {
		t.Fatalf("error %v", err)
	}
}

// Connections are used again, whatever the answers were: one caller needs one.
// Twenty at once may dial a few more than twenty, because net/http dials while
// another caller's connection becomes free; without reuse it were 200.
func TestConnectionsAreReused(t *testing.T) {
	var opened atomic.Int32
	var asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) % 3 {
		case 0:
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, strings.Repeat("x", 8<<10))
		case 1:
			_, _ = io.WriteString(w, `{"code":400,"desc":"sign error"}`)
		default:
			_, _ = io.WriteString(w, settled(orderID))
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client, err := gateway.NewClient(gateway.Config{BaseURL: server.URL, Account: account, Keyring: ring(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	for range 30 {
		if _, err := client.QueryOrder(t.Context(), orderID); err != nil && !gateway.Unavailable(err) {
			t.Error(err)
		}
	}
	if opened.Load() != 1 {
		t.Fatalf("%d queries in turn over %d connections", asked.Load(), opened.Load())
	}
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			for range 10 {
				if _, err := client.QueryOrder(context.Background(), orderID); err != nil && !gateway.Unavailable(err) {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if asked.Load() != 230 || opened.Load() > 40 {
		t.Fatalf("%d queries over %d connections", asked.Load(), opened.Load())
	}
}

func TestNewClientRefuses(t *testing.T) {
	good := gateway.Config{BaseURL: "https://gateway.example", Account: account, Keyring: ring(t)}
	tests := []struct {
		name   string
		change func(*gateway.Config)
		say    string // "" accepts
	}{
		{"https", func(*gateway.Config) {}, ""},
		{"http on loopback", func(c *gateway.Config) { c.BaseURL = "http://127.0.0.1:8888" }, ""},
		{"http on IPv6 loopback", func(c *gateway.Config) { c.BaseURL = "http://[::1]:8888/api" }, ""},
		{"http on localhost", func(c *gateway.Config) { c.BaseURL = "http://localhost:8888" }, ""},
		{"http elsewhere", func(c *gateway.Config) { c.BaseURL = "http://gateway.example" }, "must use https"},
		{"http on a name that looks like loopback", func(c *gateway.Config) { c.BaseURL = "http://127.0.0.1.example" }, "must use https"},
		{"no scheme", func(c *gateway.Config) { c.BaseURL = "gateway.example" }, "not a URL like"},
		{"another scheme", func(c *gateway.Config) { c.BaseURL = "ftp://gateway.example" }, "must start with https"},
		{"empty", func(c *gateway.Config) { c.BaseURL = "" }, "not a URL like"},
		{"password", func(c *gateway.Config) { c.BaseURL = "https://u:" + secret + "@gateway.example" }, "must not hold a user name"},
		{"password in a broken address", func(c *gateway.Config) { c.BaseURL = "https://u:" + secret + "@gateway.example:port" }, "not a URL like"},
		{"query", func(c *gateway.Config) { c.BaseURL = "https://gateway.example/?a=1" }, "query string"},
		{"no account", func(c *gateway.Config) { c.Account = "" }, "merchant account is missing"},
		{"no key ring", func(c *gateway.Config) { c.Keyring = nil }, "key ring is missing"},
		{"negative timeout", func(c *gateway.Config) { c.Timeout = -1 }, "timeout"},
		{"bad pattern", func(c *gateway.Config) { c.NotFound = []string{"/(/"} }, "not a regular expression"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			_, err := gateway.NewClient(cfg)
			if tt.say == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.say) || strings.Contains(err.Error(), secret) {
				t.Fatalf("error %v, want one saying %q without the password", err, tt.say)
			}
		})
	}
}

func TestNotFoundPatterns(t *testing.T) {
	const refusal = `{"code":400,"success":false,"desc":"E404: no data"}`
	for name, tt := range map[string]struct {
		patterns []string
		found    bool
	}{
		"default": {nil, false}, "own": {[]string{"e404"}, true}, "none": {[]string{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, answer(refusal), func(c *gateway.Config) { c.NotFound = tt.patterns })
			_, err := client.QueryOrder(t.Context(), orderID)
			if is[*gateway.NotFoundError](err) != tt.found {
				t.Fatalf("error %v", err)
			}
		})
	}
}

func TestStatusInWords(t *testing.T) {
	got := fmt.Sprint(gateway.StatusSubmitted, gateway.StatusSuccess, gateway.StatusFailed, gateway.Status(7))
	if want := "submitted success failed status 7"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

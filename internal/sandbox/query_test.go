package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/sign"
)

func client(t testing.TB, s *Server, secret sign.Secret, adapt ...func(*gateway.Config)) *gateway.Client {
	t.Helper()
	ring, err := sign.NewKeyring("", sign.Key{ID: "k", Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	cfg := gateway.Config{BaseURL: s.URL(), Account: "8801", Keyring: ring}
	for _, f := range adapt {
		f(&cfg)
	}
	c, err := gateway.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// The client of pkg/gateway sees every state of an order, with JSON and form.
func TestClientAgainstSandbox(t *testing.T) {
	for _, form := range []bool{false, true} {
		t.Run(fmt.Sprintf("form=%t", form), func(t *testing.T) {
			s := start(t, newSandbox(t, func(c *Config) { c.Transport = &receiver{} }))
			c := client(t, s, oldSecret, func(c *gateway.Config) { c.Form = form })
			order := create(t, s, NewOrder{OrderID: "o1"})
			utr := s.numbers.utr(key{"m1001", "o1"})
			want := gateway.Order{
				Sandbox: true,
				OrderID: "o1", PlatOrderID: order.PlatOrderID, Amount: dec("1000.00"), AmountKnown: true,
				Fee: dec("0.00"), FeeKnown: true,
			}
			ask := func() {
				t.Helper()
				got, err := c.QueryOrder(t.Context(), "o1")
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, sameDecimal); diff != "" {
					t.Fatal(diff)
				}
			}
			ask()
			if _, err := s.Apply("m1001", "o1", Change{Action: Settle, Paid: dec("900")}); err != nil {
				t.Fatal(err)
			}
			want.Status, want.Amount, want.Fee, want.UTR = gateway.StatusSuccess, dec("900.00"), dec("18.00"), utr
			ask()
			apply(t, s, "o1", Reverse)
			want.Status = gateway.StatusFailed
			ask()
			if r := record(t, s, "o1"); r.Queries != 3 {
				t.Fatalf("%d queries in the books", r.Queries)
			}
			var notFound *gateway.NotFoundError
			if _, err := c.QueryOrder(t.Context(), "o2"); !errors.As(err, &notFound) || notFound.Desc != descUnknownOrder || !notFound.Sandbox {
				t.Fatalf("unknown order: %v", err)
			}
		})
	}
}

func TestQueryRefusals(t *testing.T) {
	s := start(t, newSandbox(t))
	create(t, s, NewOrder{OrderID: "o1"})
	if _, err := s.CreateOrder(t.Context(), NewOrder{Merchant: "m2", Flow: Pay, OrderID: "o2", Amount: dec("5")}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, account, order string
		secret               sign.Secret
		desc                 string // "" succeeds
	}{
		{"signing key", "8801", "o1", newSecret, ""},
		{"rotated key", "8801", "o1", oldSecret, ""},
		{"wrong key", "8801", "o1", "wrong", descBadSign},
		{"another merchant's key", "8801", "o1", "third-secret", descBadSign},
		{"unknown account", "9999", "o1", newSecret, descUnknownMerchant},
		{"our own id for it", "m1001", "o1", newSecret, descUnknownMerchant},
		{"another merchant's order", "8801", "o2", newSecret, descUnknownOrder},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := client(t, s, tt.secret, func(c *gateway.Config) { c.Account = tt.account })
			_, err := c.QueryOrder(t.Context(), tt.order)
			var business *gateway.BusinessError
			var notFound *gateway.NotFoundError
			got := ""
			switch {
			case errors.As(err, &business):
				got = business.Desc
			case errors.As(err, &notFound):
				got = notFound.Desc
			case err != nil:
				got = err.Error()
			}
			if got != tt.desc {
				t.Fatalf("got %q, want %q", got, tt.desc)
			}
			// Only "order does not exist" may be taken for a statement about it.
			if gateway.Unavailable(err) != (tt.desc == descBadSign || tt.desc == descUnknownMerchant) {
				t.Fatalf("unavailable: %t", gateway.Unavailable(err))
			}
		})
	}
}

func TestQueryRawRequests(t *testing.T) {
	s := newSandbox(t)
	order := create(t, s, NewOrder{OrderID: "o1", PlatOrderID: "236130395249311744"})
	valid := func(extra ...sign.Param) sign.Params {
		p := append(sign.Params{{Name: "merchant", Value: "8801"}, {Name: "orderId", Value: order.OrderID}}, extra...)
		return append(p, sign.Param{Name: "sign", Value: sign.Sign(p, newSecret)})
	}
	form := func(p sign.Params) string {
		values := url.Values{}
		for _, f := range p {
			values.Set(f.Name, f.Value)
		}
		return values.Encode()
	}
	const json, urlencoded = "application/json", "application/x-www-form-urlencoded"
	refusal := func(desc string) string {
		return `{"code":400,"success":false,"msg":null,"desc":"` + desc + `","data":null,"sandbox":true}` + "\n"
	}
	answer := `{"code":200,"success":true,"msg":"success","desc":"","data":{"amount":1000.00,"orderId":"o1",` +
		`"platOrderId":"236130395249311744","status":0,"utr":null,"fee":0.00},"sandbox":true}` + "\n"
	unsigned := sign.Params{{Name: "merchant", Value: "8801"}, {Name: "orderId", Value: "o1"}}
	upper := valid()
	upper[2].Value = strings.ToUpper(upper[2].Value)
	tests := []struct {
		name, contentType, body string
		status                  int
		want                    string // "" is not compared
	}{
		{"JSON", json, string(valid().JSON()), 200, answer},
		{"JSON with charset", json + "; charset=utf-8", string(valid().JSON()), 200, answer},
		{"form", urlencoded, form(valid()), 200, answer},
		{"a signed extra field", json, string(valid(sign.Param{Name: "nonce", Value: "7"}).JSON()), 200, answer},
		{"an empty extra field is not signed", json, strings.Replace(string(valid().JSON()), "{", `{"nonce":"",`, 1), 200, answer},
		{"an unsigned extra field", json, strings.Replace(string(valid().JSON()), "{", `{"nonce":"7",`, 1), 200, refusal(descBadSign)},
		{"no sign", json, string(unsigned.JSON()), 200, refusal(descBadSign)},
		{"uppercase sign", json, string(upper.JSON()), 200, refusal(descBadSign)},
		{"no order id", json, string(sign.Params{{Name: "merchant", Value: "8801"}, {Name: "sign", Value: sign.Sign(sign.Params{{Name: "merchant", Value: "8801"}}, newSecret)}}.JSON()), 200, refusal("parameter error: orderId is required")},
		{"no merchant", json, `{"orderId":"o1"}`, 200, refusal(descUnknownMerchant)},
		{"merchant a number", json, `{"merchant":8801,"orderId":"o1"}`, 200, refusal(descUnknownMerchant)},
		{"not JSON", json, `{`, 200, ""},
		{"a name twice", json, `{"merchant":"8801","merchant":"8801"}`, 200, ""},
		{"another media type", "text/xml", `<a/>`, 200, ""},
		{"too large", json, `{"a":"` + strings.Repeat("x", sign.MaxBody) + `"}`, 200, refusal("parameter error: the body is too large or incomplete")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/order/query", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			w := httptest.NewRecorder()
			s.apiHandler().ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Fatalf("status %d", w.Code)
			}
			got := w.Body.String()
			if tt.want == "" {
				if !strings.HasPrefix(got, `{"code":400,"success":false,"msg":null,"desc":"parameter error: `) {
					t.Fatalf("answer %s", got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
	w := httptest.NewRecorder()
	s.apiHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/order/query", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Fatalf("GET: status %d", w.Code)
	}
}

func TestOverrideQuery(t *testing.T) {
	s := start(t, newSandbox(t, func(c *Config) { c.Transport = &receiver{} }))
	create(t, s, NewOrder{OrderID: "o1"})
	apply(t, s, "o1", Settle)
	c := client(t, s, newSecret, func(c *gateway.Config) { c.Timeout = 500 * time.Millisecond })
	say := func(id string) string {
		order, err := c.QueryOrder(t.Context(), id)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return "time-out"
		case err != nil:
			return strings.TrimPrefix(fmt.Sprintf("%T", err), "*gateway.")
		}
		return fmt.Sprintf("%s %s %s %s %s", order.Status, order.Amount, order.Fee, order.PlatOrderID, order.UTR)
	}
	truth := say("o1")
	if want := fmt.Sprintf("success 1000.00 20.00 %s %s", record(t, s, "o1").PlatOrderID, record(t, s, "o1").UTR); truth != want {
		t.Fatalf("truth %q, want %q", truth, want)
	}
	lie := func(old, as string) string { return strings.Replace(truth, old, as, 1) }
	for _, tt := range []struct {
		name   string
		script []QueryAnswer
		want   []string
	}{
		{"changes its mind", []QueryAnswer{{Status: "1"}, {Status: "2"}}, []string{truth, lie("success", "failed"), lie("success", "failed")}},
		{"lags, then the truth", []QueryAnswer{{Status: "0"}, {}}, []string{lie("success", "submitted"), truth, truth}},
		{"lies about amount and fee", []QueryAnswer{{Amount: "1.0E7", Fee: `"1.5"`}}, []string{lie("1000.00 20.00", "10000000 1.5")}},
		{"another order", []QueryAnswer{{OrderID: "o2"}}, []string{"AnswerError"}},
		{"another platform order", []QueryAnswer{{PlatOrderID: "p2", UTR: "u"}}, []string{"success 1000.00 20.00 p2 u"}},
		{"refuses", []QueryAnswer{{Code: 400, Desc: "ip blocked"}, {Code: 400, Desc: descUnknownOrder}, {Code: 500}}, []string{"BusinessError", "NotFoundError", "AnomalyError"}},
		{"status", []QueryAnswer{{HTTPStatus: 500}, {HTTPStatus: 429}}, []string{"TransportError", "TransportError"}},
		{"hangs once", []QueryAnswer{{Hang: true}, {}}, []string{"time-out", truth}},
		{"raw", []QueryAnswer{{Body: "<html>"}}, []string{"AnswerError"}},
		{"no JSON in a field", []QueryAnswer{{Status: "x"}}, []string{"TransportError"}},
		{"ended", nil, []string{truth}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.OverrideQuery("m1001", "o1", tt.script...)
			for i, want := range tt.want {
				if got := say("o1"); got != want {
					t.Fatalf("answer %d: %q, want %q", i+1, got, want)
				}
			}
		})
	}
	t.Run("an order that does not exist", func(t *testing.T) {
		s.OverrideQuery("m1001", "ghost", QueryAnswer{Status: "1", Amount: "5.00", PlatOrderID: "p"}, QueryAnswer{})
		if got := say("ghost"); got != "success 5.00 0 p " {
			t.Fatal(got)
		}
		if got := say("ghost"); got != "NotFoundError" {
			t.Fatal(got)
		}
	})
	t.Run("a whole merchant", func(t *testing.T) {
		s.OverrideMerchant("m1001", QueryAnswer{HTTPStatus: 503})
		if got := say("o1"); got != "TransportError" {
			t.Fatal(got)
		}
		s.OverrideMerchant("m1001", QueryAnswer{})
		if got := say("o1"); got != truth {
			t.Fatal(got)
		}
	})
}

// A query that hangs does not keep the sandbox from stopping.
func TestCloseEndsHangingQueries(t *testing.T) {
	arrived := make(chan struct{})
	s := start(t, newSandbox(t, func(c *Config) {
		c.Logger = zaptest.NewLogger(t, zaptest.WrapOptions(zap.Hooks(func(e zapcore.Entry) error {
			if e.Message == "queried" {
				close(arrived)
			}
			return nil
		})))
	}))
	create(t, s, NewOrder{OrderID: "o1"})
	s.OverrideQuery("m1001", "o1", QueryAnswer{Hang: true})
	c := client(t, s, newSecret)
	failed := make(chan error)
	go func() {
		_, err := c.QueryOrder(context.Background(), "o1")
		failed <- err
	}()
	<-arrived
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !gateway.Unavailable(err) {
		t.Fatalf("error %v", err)
	}
}

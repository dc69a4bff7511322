package gateway_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/gateway"
)

// TestBalanceErrors: all of them mean that the gateway could not be heard.
func TestBalanceErrors(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		is      func(error) bool
		says    string
	}{
		{"refused", answer(refusal("sign error")), is[*gateway.BusinessError], `code 400: "sign error"`},
		{"refused as if for an order", answer(noOrder), is[*gateway.BusinessError], `code 400: "order does not exist"`},
		{"anomaly", answer(`{"code":500,"success":false,"desc":"busy"}`), is[*gateway.AnomalyError], `code 500: "busy"`},
		{"HTTP 500", status(500), is[*gateway.TransportError], "/order/balance: HTTP status 500 instead of 200"},
		{"redirect", status(302), is[*gateway.TransportError], "redirects are not followed"},
		{"time-out", hang, is[*gateway.TransportError], "/order/balance: no complete answer in time (at most 100ms)"},
		{"closed", raw(""), is[*gateway.TransportError], "/order/balance: the connection was closed before the answer was complete"},
		{"cut answer", raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), is[*gateway.TransportError], "closed before"},
		{"unreadable", answer("<html>"), is[*gateway.AnswerError], "not one valid JSON document"},
		{"no data", answer(success("null")), is[*gateway.AnswerError], "data is missing"},
		{"data of another endpoint", answer(success(`{"url":"http://a/b"}`)), func(err error) bool {
			e, ok := as[*gateway.AnswerError](err)
			return ok && e.InData && !e.Mismatch
		}, "balanceAll is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &book{tape: &tape{}}
			patience := func(*gateway.Config) {}
			if strings.Contains(tt.says, "in time") {
				patience = shortly // it hangs
			}
			_, err := start(t, b, handlers{balancePath: tt.handler}, patience).QueryBalance(t.Context())
			if !tt.is(err) || !gateway.Unavailable(err) || errors.Is(err, gateway.ErrInvalidRequest) {
				t.Fatalf("error %T: %v", err, err)
			}
			checkText(t, err, tt.says)
			b.tape.expect(t, "POST "+balancePath)
		})
	}
}

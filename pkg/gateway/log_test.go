package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// watched gives a client a logger, and a clock that ticks each time it is read.
func watched(level zapcore.Level) (func(*gateway.Config), *observer.ObservedLogs) {
	core, logs := observer.New(level)
	now := noon
	return func(c *gateway.Config) {
		c.Logger = zap.New(core)
		c.Now = func() time.Time { now = now.Add(time.Second); return now }
	}, logs
}

func TestCallsAreLogged(t *testing.T) {
	adapt, logs := watched(zap.DebugLevel)
	client := start(t, &book{tape: &tape{}, fresh: true}, handlers{
		payPath: answer(refusal("account 50100123456789 of Asha Rao is closed")), queryPath: answer(noOrder),
		balancePath: status(502), collectPath: answer("<html>"),
	}, adapt)
	o := aPay()
	o.Remark, o.Email = personal, personal
	_, err := client.CreatePay(t.Context(), o)
	if e, ok := as[*gateway.RefusedError](err); !ok || e.Desc != "account [redacted] of [redacted] is closed" {
		t.Fatalf("error %v", err)
	}
	_, _ = client.QueryBalance(t.Context())
	_, _ = client.CreateCollect(t.Context(), aCollect())

	var got []map[string]any
	for _, entry := range logs.All() {
		if entry.Level != zap.DebugLevel || entry.Message != "gateway call" {
			t.Errorf("%s at %s", entry.Message, entry.Level)
		}
		got = append(got, entry.ContextMap())
	}
	const redacted = "[redacted]"
	want := []map[string]any{
		{
			"endpoint": payPath, "order": "A1", "result": "refused", "status": int64(200), "took": time.Second,
			"error": `the gateway refused the call with code 400: "account [redacted] of [redacted] is closed"; check the merchant's account, key and allowed addresses`,
			"request": map[string]any{
				"merchant": "8801", "payCode": "202", "orderId": "A1", "amount": "1000", "notifyUrl": "https://pay.example/in/callbacks/pay/m1",
				"bankAccount": redacted, "customName": redacted, "remark": redacted, "number": redacted, "email": redacted, "sign": redacted,
			},
		},
		{
			"endpoint": queryPath, "order": "A1", "result": "not_found", "status": int64(200), "took": time.Second,
			"error":   `the gateway knows no such order: "order does not exist"`,
			"request": map[string]any{"merchant": "8801", "orderId": "A1", "sign": redacted},
		},
		{
			"endpoint": balancePath, "result": "transport", "status": int64(502), "took": time.Second,
			"error":   "/order/balance: HTTP status 502 instead of 200",
			"request": map[string]any{"merchant": "8801", "sign": redacted},
		},
		{
			"endpoint": collectPath, "order": "A1", "result": "answer", "status": int64(200), "took": time.Second,
			"error": "the gateway's answer is not usable: not one valid JSON document",
			"request": map[string]any{
				"merchant": "8801", "payCode": "101", "orderId": "A1", "amount": "1000", "notifyUrl": "https://pay.example/in/callbacks/collect/m1",
				"sign": redacted,
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestResultsInTheLog covers the names that the test above does not.
func TestResultsInTheLog(t *testing.T) {
	for reply, want := range map[string]string{
		success(`{"balanceAll":1,"balanceUsable":1}`): "ok",
		`{"code":500,"success":false}`:                "anomaly",
	} {
		adapt, logs := watched(zap.DebugLevel)
		client := start(t, &book{tape: &tape{}}, handlers{balancePath: answer(reply)}, adapt)
		_, _ = client.QueryBalance(t.Context())
		if got := logs.All()[0].ContextMap()["result"]; got != want {
			t.Errorf("result %v, want %s", got, want)
		}
	}
}

// TestWarningsAreLogged: at info level there is nothing but the warning, without
// the account number.
func TestWarningsAreLogged(t *testing.T) {
	adapt, logs := watched(zap.InfoLevel)
	client := start(t, &book{tape: &tape{}}, handlers{payPath: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, success(`{"platOrderId":"p"}`))
	}}, adapt, func(c *gateway.Config) { c.Rules.Region = region.Nigeria })
	o := aPay()
	o.Remark, o.BankAccount = "011", "0000014578"
	payout, err := client.CreatePay(t.Context(), o)
	if err != nil || len(payout.Warnings) != 1 || logs.Len() != 1 {
		t.Fatalf("%v, %v, %v", payout, err, logs.All())
	}
	entry := logs.All()[0]
	want := map[string]any{"order": "A1", "warning": payout.Warnings[0]}
	if diff := cmp.Diff(want, entry.ContextMap()); diff != "" || entry.Level != zap.WarnLevel {
		t.Error(entry.Level, diff)
	}
	if strings.Contains(payout.Warnings[0], "0000014578") {
		t.Error("the warning quotes the account number")
	}
}

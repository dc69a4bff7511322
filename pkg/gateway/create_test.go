package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// sent reads a request as JSON or form.
func sent(t *testing.T, r *http.Request, form bool) map[string]string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	got := map[string]string{}
	switch {
	case err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" || r.ContentLength != int64(len(body)):
		t.Errorf("%s %s of %d bytes: %v", r.Method, r.URL, r.ContentLength, err)
	case form:
		values, err := url.ParseQuery(string(body))
		if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("form %q as %q: %v", body, r.Header.Get("Content-Type"), err)
		}
		for name := range values {
			got[name] = values.Get(name)
		}
	default:
		if err := json.Unmarshal(body, &got); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("JSON %q as %q: %v", body, r.Header.Get("Content-Type"), err)
		}
	}
	return got
}

// TestSends holds each endpoint to its parameters. The signs were computed with
// md5sum over texts written by hand, apart from this code.
func TestSends(t *testing.T) {
	brazil := func(c *gateway.Config) {
		c.Rules = region.Rules{Region: region.Brazil, PIXRandomKey: "EVP"}
		c.Currency = "BRL"
	}
	in := func(r region.Region) func(*gateway.Config) {
		return func(c *gateway.Config) { c.Rules.Region = r }
	}
	tests := []struct {
		name, path string
		adapt      func(*gateway.Config)
		data       string
		call       func(context.Context, *gateway.Client) (any, error)
		sends      map[string]string
		returns    any
		registered *events.SubmittedOrder
	}{
		{
			"collect with everything", collectPath, brazil, `{"url":"http://localhost:8888/pay/xxx"}`,
			func(ctx context.Context, c *gateway.Client) (any, error) {
				return c.CreateCollect(ctx, gateway.CollectOrder{
					PayCode: "101", OrderID: "A1", Amount: amount("1000.50"), CallbackURL: "https://shop.example/done?order=A1",
					Remark: "52998224725", CustomName: "João & Silva", Number: "+5511987654321", Email: "joao@example.com",
				})
			},
			map[string]string{
				"merchant": "8801", "payCode": "101", "orderId": "A1", "amount": "1000.50",
				"notifyUrl": "https://pay.example/in/callbacks/collect/m1", "callbackUrl": "https://shop.example/done?order=A1",
				"remark": "52998224725", "customName": "João & Silva", "number": "+5511987654321", "email": "joao@example.com",
				"sign": "fccff092cfb128dcb47c94daed7b8c84",
			},
			gateway.Collection{OrderID: "A1", URL: "http://localhost:8888/pay/xxx"},
			&events.SubmittedOrder{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1", Amount: events.MustParseAmount("1000.50"), Currency: "BRL"},
		},
		{
			"collect with what is required, its own notifyUrl", collectPath, in(region.India), `{"url":"https://gateway.example/p","more":[1]}`,
			func(ctx context.Context, c *gateway.Client) (any, error) {
				o := aCollect()
				o.NotifyURL = "http://127.0.0.1:9/own"
				return c.CreateCollect(ctx, o)
			},
			map[string]string{
				"merchant": "8801", "payCode": "101", "orderId": "A1", "amount": "1000", "notifyUrl": "http://127.0.0.1:9/own",
				"sign": "9b6383782f7f3c6a7e6b5a0ca49e8399",
			},
			gateway.Collection{OrderID: "A1", URL: "https://gateway.example/p"},
			&events.SubmittedOrder{Flow: events.FlowCollect, Merchant: "m1", OrderID: "A1", Amount: events.MustParseAmount("1000.00"), Currency: "INR"},
		},
		{
			"pay in India", payPath, in(region.India), `{"platOrderId":"122145557788"}`,
			func(ctx context.Context, c *gateway.Client) (any, error) {
				o := aPay()
				o.OrderID, o.Amount = "P1", amount("250")
				return c.CreatePay(ctx, o)
			},
			map[string]string{
				"merchant": "8801", "payCode": "202", "orderId": "P1", "amount": "250",
				"notifyUrl": "https://pay.example/in/callbacks/pay/m1", "bankAccount": "50100123456789", "customName": "Asha Rao",
				"remark": "HDFC0001234", "number": "919876543210", "sign": "a9db43e441c7d29d73c10fe111c231bf",
			},
			gateway.Payout{OrderID: "P1", PlatOrderID: "122145557788"},
			&events.SubmittedOrder{Flow: events.FlowPay, Merchant: "m1", OrderID: "P1", Amount: events.MustParseAmount("250.00"), Currency: "INR"},
		},
		{
			"pay to a random PIX key", payPath, brazil, `{"platOrderId":"p-1"}`,
			func(ctx context.Context, c *gateway.Client) (any, error) {
				return c.CreatePay(ctx, gateway.PayOrder{
					PayCode: "202", OrderID: "P1", Amount: amount("10.00"), BankAccount: "123e4567-e89b-42d3-a456-426614174000",
					CustomName: "Ana", Remark: region.PIXRandom, Number: "5511987654321", Email: "ana@example.com",
				})
			},
			map[string]string{
				"merchant": "8801", "payCode": "202", "orderId": "P1", "amount": "10.00",
				"notifyUrl": "https://pay.example/in/callbacks/pay/m1", "bankAccount": "123e4567-e89b-42d3-a456-426614174000",
				"customName": "Ana", "remark": "EVP", "number": "5511987654321", "email": "ana@example.com",
				"sign": "42bc553678fe26fcbe811a6277149af3",
			},
			gateway.Payout{OrderID: "P1", PlatOrderID: "p-1"},
			&events.SubmittedOrder{Flow: events.FlowPay, Merchant: "m1", OrderID: "P1", Amount: events.MustParseAmount("10.00"), Currency: "BRL"},
		},
		{
			"balance", balancePath, in(region.None), `{"balanceAll":1000.50,"balanceUsable":-20}`,
			func(ctx context.Context, c *gateway.Client) (any, error) { return c.QueryBalance(ctx) },
			map[string]string{"merchant": "8801", "sign": "d4cf19fafd2383928bc690f3075d2e5f"},
			gateway.Balance{All: amount("1000.50"), Usable: amount("-20")},
			nil,
		},
	}
	for _, tt := range tests {
		for _, form := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, form=%t", tt.name, form), func(t *testing.T) {
				b := &book{tape: &tape{}, fresh: true}
				client := start(t, b, handlers{tt.path: func(w http.ResponseWriter, r *http.Request) {
					if diff := cmp.Diff(tt.sends, sent(t, r, form)); diff != "" {
						t.Error(diff)
					}
					_, _ = io.WriteString(w, success(tt.data))
				}}, tt.adapt, func(c *gateway.Config) { c.Form = form })
				got, err := tt.call(t.Context(), client)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.returns, got); diff != "" {
					t.Error(diff)
				}
				if tt.registered == nil {
					b.tape.expect(t, "POST "+tt.path)
					return
				}
				b.tape.expect(t, "submit", "POST "+tt.path)
				want, err := events.NewSubmitted("prod", noon, *tt.registered)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(events.OrderEvent{
					ID: "m1/" + tt.registered.OrderID + "/submitted/" + string(tt.registered.Flow), Source: "urn:settlehook:prod:m1",
					Type: events.TypeSubmitted, Subject: tt.registered.OrderID, Time: noon, DataSchema: want.DataSchema, Data: *tt.registered,
				}, b.got[0], cmp.Comparer(events.Amount.Equal)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestSandboxFlag: every endpoint hands on who answered.
func TestSandboxFlag(t *testing.T) {
	for _, sandbox := range []bool{false, true} {
		reply := func(data string) http.HandlerFunc {
			return answer(fmt.Sprintf(`{"code":200,"success":true,"sandbox":%t,"data":%s}`, sandbox, data))
		}
		client := start(t, &book{tape: &tape{}}, handlers{
			collectPath: reply(`{"url":"http://a/b"}`), payPath: reply(`{"platOrderId":"p"}`),
			balancePath: reply(`{"balanceAll":1,"balanceUsable":"1"}`), queryPath: reply(`{"orderId":"A1","status":0}`),
		})
		collection, err1 := client.CreateCollect(t.Context(), aCollect())
		payout, err2 := client.CreatePay(t.Context(), aPay())
		balance, err3 := client.QueryBalance(t.Context())
		order, err4 := client.QueryOrder(t.Context(), "A1")
		for _, err := range []error{err1, err2, err3, err4} {
			if err != nil {
				t.Fatal(err)
			}
		}
		got := []bool{collection.Sandbox, payout.Sandbox, balance.Sandbox, order.Sandbox}
		if diff := cmp.Diff([]bool{sandbox, sandbox, sandbox, sandbox}, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestUnreadableData: an answer of success whose data is of no use says so, and
// who gave it, for the endpoints that only ask.
func TestUnreadableData(t *testing.T) {
	reply := answer(`{"code":200,"success":true,"sandbox":true,"data":{"orderId":"A1"}}`)
	client := start(t, &book{tape: &tape{}}, handlers{balancePath: reply, queryPath: reply})
	_, balanceErr := client.QueryBalance(t.Context())
	_, orderErr := client.QueryOrder(t.Context(), "A1")
	for _, err := range []error{balanceErr, orderErr} {
		if e, ok := as[*gateway.AnswerError](err); !ok || !e.InData || !e.Sandbox || e.Mismatch {
			t.Errorf("%#v", err)
		}
	}
}

// TestWarningsDoNotStop: a wrong check digit is told, and sent.
func TestWarningsDoNotStop(t *testing.T) {
	b := &book{tape: &tape{}}
	client := start(t, b, handlers{payPath: answer(success(`{"platOrderId":"p"}`))},
		func(c *gateway.Config) { c.Rules.Region, c.Currency = region.Nigeria, "NGN" })
	o := aPay()
	o.Remark, o.BankAccount = "011", "0000014578"
	payout, err := client.CreatePay(t.Context(), o)
	if err != nil || len(payout.Warnings) != 1 {
		t.Fatalf("%+v, %v", payout, err)
	}
	o.BankAccount = "0000014579"
	payout, err = client.CreatePay(t.Context(), o)
	if err != nil || payout.Warnings != nil {
		t.Fatalf("%+v, %v", payout, err)
	}
}

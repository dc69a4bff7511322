package sandbox

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// admin sends one request to the admin port.
func admin(s *Server, method, path, body string) (status int, answer string) {
	w := httptest.NewRecorder()
	s.adminHandler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestAdminCreatesAndChanges(t *testing.T) {
	simulate(t, &receiver{}, func(t *testing.T, s *Server) {
		status, answer := admin(s, "POST", "/orders", `{"merchant":"m1001","flow":"pay","orderId":"o1","amount":"1000","course":"reversed"}`)
		if status != http.StatusCreated {
			t.Fatalf("%d %s", status, answer)
		}
		var got struct {
			Flow, OrderID, Submitted, State string
			Pushes                          []Push
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err)
		}
		if got.Flow != "pay" || got.OrderID != "o1" || got.Submitted != "1000.00" || got.State != "submitted" || len(got.Pushes) != 0 {
			t.Fatalf("%s", answer)
		}
		idle(t, s)
		if r := record(t, s, "o1"); r.State != "reversed" {
			t.Fatalf("%+v", r)
		}

		status, answer = admin(s, "POST", "/orders", `{"merchant":"m1001","flow":"collect","orderId":"o2","amount":1000.50,"steps":[`+
			`{"after":"90s","change":"settle","paid":"900.25"},{"after":"1m","whenAccepted":true,"change":"reverse","remark":"chargeback"}]}`)
		if status != http.StatusCreated {
			t.Fatalf("%d %s", status, answer)
		}
		from := time.Now()
		idle(t, s)
		r := record(t, s, "o2")
		if r.State != "reversed" || r.Paid.String() != "900.25" || r.Submitted.String() != "1000.50" ||
			r.Remark != "chargeback" || r.ChangedAt.Sub(from) != 150*time.Second {
			t.Fatalf("%+v", r)
		}

		status, _ = admin(s, "POST", "/orders", `{"merchant":"m1001","flow":"collect","orderId":"o3","amount":"20.00"}`)
		if status != http.StatusCreated {
			t.Fatal(status)
		}
		for _, step := range []struct{ action, body, state string }{
			{"settle", `{"paid":"19.99"}`, "short-paid"}, {"reverse", "", "reversed"},
		} {
			status, answer = admin(s, "POST", "/orders/o3/"+step.action, step.body)
			if status != http.StatusOK || !strings.Contains(answer, `"state":"`+step.state+`"`) {
				t.Fatalf("%s: %d %s", step.action, status, answer)
			}
		}
		status, answer = admin(s, "POST", "/orders/o3/push", "")
		if status != http.StatusOK || !strings.Contains(answer, `"accepted":true`) || !strings.Contains(answer, `"series":0`) {
			t.Fatalf("push: %d %s", status, answer)
		}
		idle(t, s)
	})
}

func TestAdminRefusals(t *testing.T) {
	s := newSandbox(t, func(c *Config) { c.MaxOrders = 4 })
	create(t, s, NewOrder{OrderID: "o1"})
	for _, m := range []string{"m1001", "m2"} {
		create(t, s, NewOrder{Merchant: m, Flow: Collect, OrderID: "both", Amount: dec("5")})
	}
	order := func(fields string) string { return `{"merchant":"m1001","flow":"collect",` + fields + `}` }
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		say                      string
	}{
		{"no body", "POST", "/orders", "", 400, "the body is missing"},
		{"not JSON", "POST", "/orders", "x", 400, "not the JSON expected"},
		{"trailing data", "POST", "/orders", order(`"amount":"1"`) + "{}", 400, "something after"},
		{"unknown field", "POST", "/orders", order(`"amount":"1","curse":"settled"`), 400, "unknown field"},
		{"too large", "POST", "/orders", `"` + strings.Repeat("x", maxAdminBody) + `"`, 400, "larger than"},
		{"unknown merchant", "POST", "/orders", `{"merchant":"m9","flow":"collect","amount":"1"}`, 400, "unknown merchant"},
		{"unknown flow", "POST", "/orders", `{"merchant":"m1001","flow":"x","amount":"1"}`, 400, "unknown flow"},
		{"no amount", "POST", "/orders", order(`"orderId":"o9"`), 400, "more than zero"},
		{"an amount that would be rounded", "POST", "/orders", order(`"amount":"1.00000000000000000001"`), 400, "amounts must look like"},
		{"a third digit", "POST", "/orders", order(`"amount":1.001`), 400, "at most 2 fraction digits"},
		{"unknown course", "POST", "/orders", order(`"amount":"1","course":"odd"`), 400, "unknown course"},
		{"course and steps", "POST", "/orders", order(`"amount":"1","course":"settled","steps":[{"change":"settle"}]`), 400, "not both"},
		{"bad duration", "POST", "/orders", order(`"amount":"1","steps":[{"after":"soon","change":"settle"}]`), 400, "is not a duration"},
		{"duplicate", "POST", "/orders", order(`"amount":"1","orderId":"o1"`), 409, "order id is taken"},
		{"unknown order", "GET", "/orders/o9", "", 404, "no such order"},
		{"unknown order of a merchant", "GET", "/orders/o1?merchant=m2", "", 404, "no such order"},
		{"two owners", "GET", "/orders/both", "", 400, "add ?merchant="},
		{"one of two owners", "GET", "/orders/both?merchant=m2", "", 200, `"merchant":"m2"`},
		{"change of an unknown order", "POST", "/orders/o9/settle", "", 404, "no such order"},
		{"push of an unknown order", "POST", "/orders/o1/push?merchant=m2", "", 404, "no such order"},
		{"impossible change", "POST", "/orders/o1/reverse", "", 409, "is submitted and cannot reverse"},
		{"unknown change", "POST", "/orders/o1/explode", "", 400, "unknown change"},
		{"bad change", "POST", "/orders/o1/settle", `{"paid":"-1"}`, 400, "amounts must look like"},
		{"full", "POST", "/orders", order(`"amount":"1","orderId":"last"`), 201, `"orderId":"last"`},
		{"fuller", "POST", "/orders", order(`"amount":"1"`), 507, "books are full"},
		{"help", "GET", "/", "", 200, "GET  /books"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := admin(s, tt.method, tt.path, tt.body)
			if status != tt.status || !strings.Contains(answer, tt.say) {
				t.Fatalf("%d %s; want %d saying %q", status, answer, tt.status, tt.say)
			}
		})
	}
	r := httptest.NewRequest(http.MethodPost, "/orders/o1/settle", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	s.adminHandler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Fatalf("a page of another site may change orders: %d", w.Code)
	}
}

func TestAdminBooks(t *testing.T) {
	clock := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	s := newSandbox(t, func(c *Config) {
		c.Now = func() time.Time { return clock }
		c.Transport = &receiver{answer: always(503, "busy")}
	})
	create(t, s, NewOrder{Merchant: "m1001", Flow: Collect, OrderID: "o1", PlatOrderID: "p1", Amount: dec("1000")})
	if _, err := s.Apply("m1001", "o1", Change{Action: Settle, Paid: dec("900")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PushNow(t.Context(), "m1001", "o1"); err != nil {
		t.Fatal(err)
	}
	create(t, s, NewOrder{Merchant: "m2", Flow: Pay, OrderID: "o2", PlatOrderID: "p2", Amount: dec("5000")})
	status, answer := admin(s, "GET", "/books", "")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	want := []string{
		`{"merchant":"m1001","account":"8801","currency":"INR","flow":"collect","orderId":"o1","platOrderId":"p1",` +
			`"submitted":"1000.00","paid":"900.00","fee":"18.00","status":1,"reversed":false,"utr":"` + s.numbers.utr(key{"m1001", "o1"}) + `",` +
			`"createdAt":"2026-11-22T10:00:00Z","changedAt":"2026-11-22T10:00:00Z","state":"short-paid","queries":0,"accepted":false,` +
			`"pushes":[{"series":0,"attempt":1,"offset":"0s","at":"2026-11-22T10:00:00Z","status":1,"reverse":false,"amount":"900.00",` +
			`"httpStatus":503,"answer":"\"busy\"","accepted":false}],"history":[{"at":"2026-11-22T10:00:00Z","state":"submitted","paid":"0.00","fee":"0.00"},` +
			`{"at":"2026-11-22T10:00:00Z","state":"short-paid","paid":"900.00","fee":"18.00"}]}`,
		`{"merchant":"m2","account":"m2","currency":"IDR","flow":"pay","orderId":"o2","platOrderId":"p2",` +
			`"submitted":"5000","paid":"0","fee":"0","status":0,"reversed":false,` +
			`"createdAt":"2026-11-22T10:00:00Z","changedAt":"2026-11-22T10:00:00Z","state":"submitted","queries":0,"accepted":false,"pushes":[],` +
			`"history":[{"at":"2026-11-22T10:00:00Z","state":"submitted","paid":"0","fee":"0"}]}`,
	}
	var got []string
	for lines := bufio.NewScanner(strings.NewReader(answer)); lines.Scan(); {
		got = append(got, lines.Text())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/sandbox/cashier"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// regional are merchants of every region; ids and accounts are the regions'.
func regional(c *Config) {
	c.Merchants = nil
	for r, currency := range map[region.Region]string{
		region.Brazil: "BRL", region.India: "INR", region.Indonesia: "IDR", region.Nigeria: "NGN", region.None: "USD",
	} {
		c.Merchants = append(c.Merchants, Merchant{
			ID: string(r), Currency: currency, Rules: region.Rules{Region: r},
			Keys: []sign.Key{{ID: "k", Secret: newSecret}},
		})
	}
}

// Creates that every rule of their region accepts.
var (
	goodCollect = map[region.Region]gateway.CollectOrder{
		region.Brazil: {
			Amount: dec("10.50"), Remark: "12ABC34501DE35", CustomName: "Ana", Number: "+5511987654321", Email: "ana@example.com",
		},
		region.India: {Amount: dec("1000.5")}, region.Indonesia: {Amount: dec("1000")}, region.Nigeria: {Amount: dec("0.01")},
		region.None: {Amount: dec("1"), Remark: "for you & me"},
	}
	goodPay = map[region.Region]gateway.PayOrder{
		region.Brazil: {
			Amount: dec("10.50"), BankAccount: "123e4567-e89b-12d3-a456-426614174000", CustomName: "Ana", Remark: region.PIXRandom,
			Number: "11987654321", Email: "ana@example.com",
		},
		region.India:     {Amount: dec("1000.00"), BankAccount: "50100123456789", CustomName: "Asha", Remark: "HDFC0000001", Number: "919876543210"},
		region.Indonesia: {Amount: dec("1000"), BankAccount: "1234567890", CustomName: "Budi", Remark: "014"},
		region.Nigeria:   {Amount: dec("1000.5"), BankAccount: "0000014578", CustomName: "Chidi", Remark: "011"},
		region.None:      {Amount: dec("1"), BankAccount: "1", CustomName: "X"},
	}
)

// shopFor is a merchant's client, as an order service has it.
func shopFor(t testing.TB, s *Server, account string, adapt ...func(*gateway.Config)) *gateway.Client {
	t.Helper()
	return client(t, s, newSecret, append([]func(*gateway.Config){func(c *gateway.Config) {
		c.Account, c.NotifyBase, c.Merchant = account, "http://127.0.0.1:1", account
		c.Orders, c.Rules.Region = &registrations{}, region.None
		c.Installation, c.Currency = "test", "USD"
		if m := s.byAccount[account]; m != nil {
			c.Rules, c.Currency, c.Merchant = m.Rules, m.Currency, m.ID
		}
	}}, adapt...)...)
}

// registrations are the orders of one order service, without a stream.
type registrations struct {
	mu        sync.Mutex
	submitted map[string]bool
	withdrawn map[string]bool
}

func (r *registrations) Submit(_ context.Context, e events.OrderEvent) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.submitted == nil {
		r.submitted, r.withdrawn = map[string]bool{}, map[string]bool{}
	}
	fresh := !r.submitted[e.Data.OrderID]
	r.submitted[e.Data.OrderID] = true
	return fresh, nil
}

func (r *registrations) Withdraw(_ context.Context, e events.OrderEvent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.withdrawn[e.Data.OrderID] = true
	return nil
}

// All four endpoints, in every region, as JSON and as a form.
func TestEndpoints(t *testing.T) {
	for _, form := range []bool{false, true} {
		for r := range goodCollect {
			t.Run(fmt.Sprintf("%s form=%t", r, form), func(t *testing.T) {
				s := start(t, newSandbox(t, regional, func(c *Config) { c.Transport = &receiver{} }))
				c := shopFor(t, s, string(r), func(c *gateway.Config) { c.Form = form })
				collect, pay := goodCollect[r], goodPay[r]
				collect.PayCode, collect.OrderID, collect.CallbackURL = "101", "c1", "https://shop.example/thanks?o=c1"
				pay.PayCode, pay.OrderID = "101", "p1"
				made, err := c.CreateCollect(t.Context(), collect)
				if err != nil || !made.Sandbox || !strings.HasPrefix(made.URL, s.URL()+"/cashier/") {
					t.Fatalf("collect: %+v, %v", made, err)
				}
				paid, err := c.CreatePay(t.Context(), pay)
				if err != nil || paid.PlatOrderID != s.numbers.platOrderID(key{string(r), "p1"}) {
					t.Fatalf("pay: %+v, %v", paid, err)
				}
				if warned := len(paid.Warnings) > 0; warned != (r == region.Nigeria) {
					t.Errorf("warnings %q", paid.Warnings)
				}
				order, err := c.QueryOrder(t.Context(), "c1")
				if err != nil || order.Status != gateway.StatusSubmitted || !order.Amount.Equal(collect.Amount) {
					t.Errorf("query: %+v, %v", order, err)
				}
				fee := must(feeOf(pay.Amount, s.merchants[string(r)].Currency))
				b, err := c.QueryBalance(t.Context())
				if err != nil || !b.All.Equal(defaultBalance) || !b.Usable.Equal(must(must(defaultBalance.Sub(pay.Amount)).Sub(fee))) || !b.Sandbox {
					t.Errorf("balance: %+v, %v", b, err)
				}
				rec, err := s.Order(string(r), "c1")
				if err != nil || rec.NotifyURL != "http://127.0.0.1:1/callbacks/collect/"+string(r) || rec.CallbackURL != collect.CallbackURL {
					t.Errorf("books: %+v, %v", rec, err)
				}
			})
		}
	}
}

// What the gateway refuses, whatever the client thinks: signed calls that break
// one rule each.
func TestCreateRefusals(t *testing.T) {
	s := newSandbox(t, regional)
	collect := map[string]string{"payCode": "101", "amount": "10.00", "orderId": "o1", "notifyUrl": "http://127.0.0.1:1/n"}
	pay := map[string]string{
		"payCode": "101", "amount": "10.00", "orderId": "o1", "notifyUrl": "http://127.0.0.1:1/n", "bankAccount": "50100123456789", "customName": "Asha",
	}
	brazil := map[string]string{"remark": "52998224725", "customName": "Ana", "number": "5511987654321", "email": "ana@example.com"}
	for _, tt := range []struct {
		account, path string
		change        map[string]string
		desc          string // "" is accepted
	}{
		{"none", "collect", nil, ""},
		{"none", "collect", map[string]string{"payCode": ""}, "payCode is required"},
		{"none", "collect", map[string]string{"amount": ""}, "amount is required"},
		{"none", "collect", map[string]string{"orderId": ""}, "orderId is required"},
		{"none", "collect", map[string]string{"notifyUrl": ""}, "notifyUrl is required"},
		{"none", "pay", map[string]string{"bankAccount": ""}, "bankAccount is required"},
		{"none", "pay", map[string]string{"customName": ""}, "customName is required"},
		{"none", "collect", map[string]string{"amount": "1.001"}, "amount: "},
		{"none", "collect", map[string]string{"amount": "0"}, "amount: "},
		{"none", "collect", map[string]string{"amount": "1e3"}, "amount: "},
		{"none", "collect", map[string]string{"orderId": strings.Repeat("x", 33)}, "at most 32 characters"},
		{"none", "collect", map[string]string{"orderId": "a b"}, "printable ASCII"},
		{"none", "collect", map[string]string{"notifyUrl": "http://127.0.0.1:1/n?a=1"}, "notifyUrl is not"},
		{"none", "collect", map[string]string{"notifyUrl": "ftp://127.0.0.1/n"}, "notifyUrl is not"},
		{"none", "collect", map[string]string{"notifyUrl": "http://192.0.2.1/n"}, "pushes to this machine only"},
		{"none", "collect", map[string]string{"callbackUrl": "javascript:alert(1)"}, "callbackUrl is not"},
		{"none", "collect", map[string]string{"customName": "Bob&email=b@x"}, "customName holds & with a name and ="},
		{"none", "pay", map[string]string{"remark": "x&status=1"}, "remark holds &"},
		{"none", "pay", map[string]string{"amount": "100000000"}, "insufficient balance"},
		{"brazil", "collect", brazil, ""},
		{"brazil", "collect", with(brazil, "remark", ""), "remark: "},
		{"brazil", "collect", with(brazil, "remark", "52998224726"), "remark: "},
		{"brazil", "collect", with(brazil, "customName", ""), "customName: "},
		{"brazil", "collect", with(brazil, "number", ""), "number: "},
		{"brazil", "collect", with(brazil, "email", ""), "email: "},
		{"brazil", "pay", with(brazil, "remark", "EVP"), "remark: "},
		{"brazil", "pay", with(brazil, "remark", "CPF"), "bankAccount: "},
		{"india", "pay", map[string]string{"remark": "HDFC0000001", "number": "9198765432"}, ""},
		{"india", "pay", map[string]string{"remark": "HDFC1000001", "number": "9198765432"}, "remark: "},
		{"india", "pay", map[string]string{"remark": "HDFC0000001"}, "number: "},
		{"indonesia", "collect", map[string]string{"amount": "1000"}, ""},
		{"indonesia", "collect", map[string]string{"amount": "1000.00"}, "amount: "},
		{"indonesia", "pay", map[string]string{"amount": "1000"}, "remark: "},
		{"indonesia", "pay", map[string]string{"amount": "1000", "remark": "014"}, ""},
		{"nigeria", "pay", nil, "remark: "},
		{"nigeria", "pay", map[string]string{"remark": "011"}, ""}, // a wrong check digit is no reason
	} {
		fields := maps.Clone(collect)
		if tt.path == "pay" {
			fields = maps.Clone(pay)
		}
		maps.Copy(fields, tt.change)
		fields["merchant"] = tt.account
		if tt.desc == "" {
			fields["orderId"] = "good-" + tt.path
		}
		for _, form := range []bool{false, true} {
			_, body := callAs(s, form, "/"+tt.path+"/create", fields)
			switch desc := refusal(t, body); {
			case tt.desc == "" && form:
				if desc != "duplicate orderId: it is taken" { // the JSON call took it
					t.Errorf("%s %s %v as a form: %s", tt.account, tt.path, tt.change, body)
				}
			case tt.desc == "" && desc != "", !strings.Contains(desc, tt.desc):
				t.Errorf("%s %s %v form=%t: refused with %q, want %q", tt.account, tt.path, tt.change, form, desc, tt.desc)
			}
		}
		if _, err := s.Order(tt.account, "o1"); err == nil {
			t.Fatalf("%s %s %v: refused, and in the books", tt.account, tt.path, tt.change)
		}
	}
	if status, body := call(s, "/collect/create", map[string]string{"merchant": "nobody"}); status != 200 || !strings.Contains(body, descUnknownMerchant) {
		t.Errorf("unknown merchant: %d %s", status, body)
	}
}

// refusal is the text of a refusal with code 400, "" of a success.
func refusal(t *testing.T, body string) string {
	t.Helper()
	var e struct {
		Code int
		Desc string
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || (e.Code != codeBusiness || e.Desc == "") && e.Code != codeSuccess {
		t.Fatalf("%s: %v", body, err)
	}
	return e.Desc
}

func with(fields map[string]string, name, value string) map[string]string {
	changed := maps.Clone(fields)
	changed[name] = value
	return changed
}

// callAs makes a signed call without a network, as JSON or a form. Empty fields
// are left out.
func callAs(s *Server, form bool, path string, fields map[string]string) (status int, body string) {
	if !form {
		return call(s, path, fields)
	}
	values, params := url.Values{}, sign.Params{}
	for name, value := range fields {
		values.Set(name, value)
		params = append(params, sign.Param{Name: name, Value: value})
	}
	values.Set("sign", sign.Sign(params, newSecret))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "http://sandbox.example"+path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", typeForm)
	s.apiHandler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Every typed error of the client, from every endpoint that can give it.
func TestTypedErrors(t *testing.T) {
	calls := map[string]func(context.Context, *gateway.Client) error{
		"collect": func(ctx context.Context, c *gateway.Client) error {
			_, err := c.CreateCollect(ctx, gateway.CollectOrder{PayCode: "101", OrderID: "o1", Amount: dec("10")})
			return err
		},
		"pay": func(ctx context.Context, c *gateway.Client) error {
			_, err := c.CreatePay(ctx, gateway.PayOrder{PayCode: "101", OrderID: "o1", Amount: dec("10"), BankAccount: "1", CustomName: "X"})
			return err
		},
		"query":   func(ctx context.Context, c *gateway.Client) error { _, err := c.QueryOrder(ctx, "o1"); return err },
		"balance": func(ctx context.Context, c *gateway.Client) error { _, err := c.QueryBalance(ctx); return err },
	}
	unknown, business, anomaly := as[*gateway.UnknownError], as[*gateway.BusinessError], as[*gateway.AnomalyError]
	transport, answer := as[*gateway.TransportError], as[*gateway.AnswerError]
	for _, tt := range []struct {
		name           string
		adapt          func(*Config)
		client         func(*gateway.Config)
		script         QueryAnswer
		create, others func(error) bool
	}{
		{name: "anomaly", adapt: rate(CallAnomaly), create: both(unknown, anomaly), others: anomaly},
		{name: "HTTP error", adapt: rate(CallHTTPError), create: both(unknown, transport), others: transport},
		{name: "time-out", adapt: rate(CallHanging), client: func(c *gateway.Config) { c.Timeout = 100 * time.Millisecond }, create: both(unknown, transport), others: transport},
		{name: "refused", adapt: rate(CallRefused), create: unknown, others: business}, // the query about it is refused too
		{name: "wrong key", client: func(c *gateway.Config) {
			c.Keyring = must2(sign.NewKeyring("", sign.Key{ID: "w", Secret: "wrong"}))
		}, create: unknown, others: business},
		{name: "unknown account", client: func(c *gateway.Config) { c.Account = "nobody" }, create: unknown, others: business},
		{name: "not JSON", script: QueryAnswer{Body: "<html>"}, create: both(unknown, answer), others: answer},
		{name: "no data", script: QueryAnswer{Body: `{"code":200,"success":true}`}, create: both(unknown, answer), others: answer},
	} {
		for name, do := range calls {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				s := start(t, newSandbox(t, regional, func(c *Config) { c.Transport = &receiver{} }, orNothing(tt.adapt)))
				s.OverrideMerchant("none", tt.script)
				c := shopFor(t, s, "none", orNothing(tt.client))
				err := do(t.Context(), c)
				is := tt.others
				if name == "collect" || name == "pay" {
					is = tt.create
				}
				if err == nil || !is(err) {
					t.Fatalf("%T %v", err, err)
				}
			})
		}
	}
	// What is definite about a create.
	s := start(t, newSandbox(t, regional, func(c *Config) { c.Transport = &receiver{} }))
	c := shopFor(t, s, "none")
	for _, name := range []string{"collect", "pay"} {
		if err := calls[name](t.Context(), c); (err == nil) != (name == "collect") || err != nil && !as[*gateway.ExistsError](err) {
			t.Errorf("%s under an id that is taken: %v", name, err)
		}
	}
	book := &registrations{}
	poor := shopFor(t, s, "none", func(c *gateway.Config) { c.Orders = book })
	_, err := poor.CreatePay(t.Context(), gateway.PayOrder{PayCode: "101", OrderID: "big", Amount: dec("100000000"), BankAccount: "1", CustomName: "X"})
	var refused *gateway.RefusedError
	if !errors.As(err, &refused) || !refused.Withdrawn || refused.Desc != ErrBalance.Error() || !book.withdrawn["big"] {
		t.Errorf("more than the balance: %v, withdrawn %v", err, book.withdrawn)
	}
	var notFound *gateway.NotFoundError
	if _, err := c.QueryOrder(t.Context(), "nothing"); !errors.As(err, &notFound) {
		t.Errorf("unknown order: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var down *gateway.TransportError
	if err := calls["collect"](t.Context(), shopFor(t, s, "none", func(c *gateway.Config) { c.BaseURL = s.URL() })); !errors.As(err, &down) || !down.NotSent {
		t.Errorf("nobody listens: %v", err)
	}
}

func as[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

func both(a, b func(error) bool) func(error) bool {
	return func(err error) bool { return a(err) && b(err) }
}

func orNothing[C any](adapt func(*C)) func(*C) {
	if adapt == nil {
		return func(*C) {}
	}
	return adapt
}

func rate(m Mischief) func(*Config) {
	return func(c *Config) { c.Mischief = Rates{m: 1} }
}

func must2[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// A create whose answer is lost is one order, however often it is tried.
func TestLostCreate(t *testing.T) {
	s := start(t, newSandbox(t, regional, rate(CreateLost), func(c *Config) { c.Transport = &receiver{} }))
	c := shopFor(t, s, "none")
	o := gateway.PayOrder{PayCode: "101", OrderID: "o1", Amount: dec("10"), BankAccount: "1", CustomName: "X"}
	if _, err := c.CreatePay(t.Context(), o); !as[*gateway.UnknownError](err) {
		t.Fatalf("first try: %v", err)
	}
	for range 2 {
		_, err := c.CreatePay(t.Context(), o)
		var exists *gateway.ExistsError
		if !errors.As(err, &exists) || exists.Order.OrderID != "o1" || exists.Order.PlatOrderID == "" {
			t.Fatalf("again: %v", err)
		}
	}
	if got := s.Books(); len(got) != 1 || got[0].Mischief[CreateLost] != 1 {
		t.Fatalf("%+v", got)
	}
}

// The outcome is pushed, and taken, before the create call returns.
func TestEarlyPush(t *testing.T) {
	var answered atomic.Bool
	v := &receiver{answer: func(int, received) (int, string) {
		pass(50 * time.Millisecond) // a create that does not wait returns meanwhile
		answered.Store(true)
		return 200, acknowledgement
	}}
	s := start(t, newSandbox(t, regional, rate(PushEarly), func(c *Config) { c.Transport = v }))
	c := shopFor(t, s, "none")
	s.ExpectPayer("none", "o1")
	if _, err := c.CreateCollect(t.Context(), gateway.CollectOrder{PayCode: "101", OrderID: "o1", Amount: dec("10")}); err != nil {
		t.Fatal(err)
	}
	if !answered.Load() {
		t.Error("the create returned before the push was answered")
	}
	if got := v.all(); len(got) != 1 || !strings.Contains(got[0].body, `"status":1`) || got[0].url != "http://127.0.0.1:1/callbacks/collect/none" {
		t.Fatalf("pushed when the create returned: %+v", got)
	}
}

// A collection that nobody is expected to pay waits; the cashier closes it once.
func TestDesk(t *testing.T) {
	v := &receiver{}
	s := start(t, newSandbox(t, regional, func(c *Config) { c.Transport = v }))
	c := shopFor(t, s, "none")
	tokens := map[string]string{}
	for _, id := range []string{"paid", "short", "over", "failed"} {
		made, err := c.CreateCollect(t.Context(), gateway.CollectOrder{PayCode: "101", OrderID: id, Amount: dec("10"), CallbackURL: "https://shop.example/"})
		if err != nil {
			t.Fatal(err)
		}
		tokens[id] = made.URL[strings.LastIndexByte(made.URL, '/')+1:]
	}
	d := desk{s}
	for id, pay := range map[string]string{"paid": "10.00", "short": "9.99", "over": "10.01"} {
		for _, bad := range []string{"0", "1.001", "-1"} {
			if _, err := d.Pay(tokens[id], dec(bad)); !errors.Is(err, cashier.ErrAmount) {
				t.Errorf("paying %s: %v", bad, err)
			}
		}
		bill, err := d.Pay(tokens[id], dec(pay))
		if err != nil || !bill.Paid.Equal(dec(pay)) || bill.ReturnURL != "https://shop.example/" {
			t.Errorf("%s: %+v, %v", id, bill, err)
		}
	}
	if bill, err := d.Fail(tokens["failed"]); err != nil || bill.State != "failed" {
		t.Errorf("failed: %+v, %v", bill, err)
	}
	idle(t, s)
	for id, state := range map[string]string{"paid": "settled", "short": "short-paid", "over": "over-paid", "failed": "failed"} {
		if bill, err := d.Bill(tokens[id]); err != nil || bill.State != state {
			t.Errorf("%s: %+v, %v", id, bill, err)
		}
		// What the bank may do to a closed order, its payer may not.
		if _, err := d.Pay(tokens[id], dec("10")); !errors.Is(err, cashier.ErrClosed) {
			t.Errorf("%s, paid again: %v", id, err)
		}
		if _, err := d.Fail(tokens[id]); !errors.Is(err, cashier.ErrClosed) {
			t.Errorf("%s, failed again: %v", id, err)
		}
	}
	if len(v.all()) != 4 {
		t.Errorf("%d pushes", len(v.all()))
	}
	if _, err := c.CreatePay(t.Context(), gateway.PayOrder{PayCode: "101", OrderID: "payout", Amount: dec("10"), BankAccount: "1", CustomName: "X"}); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", "nonsense", s.numbers.token(key{"none", "payout"})} {
		if _, err := d.Bill(token); !errors.Is(err, cashier.ErrUnknown) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

// Pushes go elsewhere only where the operator said so.
func TestNotifyElsewhere(t *testing.T) {
	for _, tt := range []struct {
		adapt func(*Config)
		url   string
		ok    bool
	}{
		{nil, "http://localhost:1/n", true},
		{nil, "http://[::1]:1/n", true},
		{nil, "http://receiver.example/n", false},
		{nil, "http://127.0.0.1.example/n", false},
		{func(c *Config) { c.NotifyBase = "" }, "http://127.0.0.1:1/n", true},
		{func(c *Config) { c.NotifyBase = "http://receiver.example:8080" }, "http://receiver.example/n", true},
		{func(c *Config) { c.AllowPublic = true }, "http://anything.example/n", true},
	} {
		s := newSandbox(t, regional, orNothing(tt.adapt))
		if err := s.checkNotify(tt.url); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.url, err)
		}
	}
}

// The sandbox neither pushes to itself nor answers under a name that a page in a
// browser could have lead here.
func TestOwnAddresses(t *testing.T) {
	s := start(t, newSandbox(t, regional))
	for _, own := range []string{s.URL(), s.AdminURL()} {
		if err := s.checkNotify(own + "/orders/o1/push"); err == nil {
			t.Errorf("pushes to itself at %s", own)
		}
		for host, want := range map[string]int{"": http.StatusNotFound, "localhost:1": http.StatusNotFound, "[::1]:1": http.StatusNotFound, "evil.example": http.StatusForbidden} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, own+"/nothing", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s as %q: %s, want %d", own, host, res.Status, want)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

package gateway_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// personal is what stands for a value about a person in orders to be refused:
// no error may quote it.
const personal = "P3rs0n"

// TestCreateCollectRefuses and TestCreatePayRefuses: what breaks a rule is
// neither announced nor sent, and the error names the parameter.
func TestCreateCollectRefuses(t *testing.T) {
	type order = gateway.CollectOrder
	tests := []struct {
		name   string
		region region.Region
		change func(*order)
		field  string
		says   string
	}{
		{"no pay code", region.None, func(o *order) { o.PayCode = "" }, "payCode", "is missing"},
		{"pay code with white space", region.None, func(o *order) { o.PayCode = "1 2" }, "payCode", "64 printable"},
		{"no order id", region.None, func(o *order) { o.OrderID = "" }, "orderId", "is missing"},
		{"long order id", region.None, func(o *order) { o.OrderID = strings.Repeat("x", 33) }, "orderId", "1 to 32"},
		{"order id with &", region.None, func(o *order) { o.OrderID = "a&b" }, "orderId", "1 to 32"},
		{"order id with white space", region.None, func(o *order) { o.OrderID = "a b" }, "orderId", "1 to 32"},
		{"order id that is not ASCII", region.None, func(o *order) { o.OrderID = "ü" }, "orderId", "1 to 32"},
		{"no amount", region.None, func(o *order) { o.Amount = amount("0") }, "amount", "above zero"},
		{"negative amount", region.None, func(o *order) { o.Amount = amount("-1") }, "amount", "above zero"},
		{"three decimals", region.None, func(o *order) { o.Amount = amount("1.001") }, "amount", "at most 2 decimals"},
		{"three decimals, one of them a zero", region.None, func(o *order) { o.Amount = amount("1.000") }, "amount", "at most 2 decimals"},
		{"16 digits", region.None, func(o *order) { o.Amount = amount("1000000000000000") }, "amount", "15 digits"},
		{"decimals in Indonesia", region.Indonesia, func(o *order) { o.Amount = amount("1000.00") }, "amount", "give the amount without decimals"},
		{"notifyUrl with a query string", region.None, func(o *order) { o.NotifyURL = "https://a/b?c=1" }, "notifyUrl", "query string or fragment"},
		{"notifyUrl with an empty query string", region.None, func(o *order) { o.NotifyURL = "https://a/b?" }, "notifyUrl", "query string or fragment"},
		{"notifyUrl with a fragment", region.None, func(o *order) { o.NotifyURL = "https://a/b#c" }, "notifyUrl", "query string or fragment"},
		{"notifyUrl of another flow", region.None, func(o *order) { o.NotifyURL = "https://pay.example/in/callbacks/pay/m1" }, "notifyUrl", "another flow or merchant"},
		{"notifyUrl of another merchant", region.None, func(o *order) { o.NotifyURL = "https://pay.example/in/callbacks/collect/m2" }, "notifyUrl", "another flow or merchant"},
		{"notifyUrl with a slash behind", region.None, func(o *order) { o.NotifyURL = "https://pay.example/in/callbacks/collect/m1/" }, "notifyUrl", "another flow or merchant"},
		{"invisible characters", region.None, func(o *order) { o.CustomName = "Asha\u202eRao" }, "customName", "invisible"},
		{"notifyUrl over http", region.None, func(o *order) { o.NotifyURL = "http://pay.example/b" }, "notifyUrl", "must use https"},
		{"notifyUrl without host", region.None, func(o *order) { o.NotifyURL = "https:///b" }, "notifyUrl", "absolute URL"},
		{"notifyUrl that is relative", region.None, func(o *order) { o.NotifyURL = "/callbacks" }, "notifyUrl", "absolute URL"},
		{"notifyUrl with a password", region.None, func(o *order) { o.NotifyURL = "https://u:" + personal + "@a/b" }, "notifyUrl", "user name or password"},
		{"notifyUrl with &name=", region.None, func(o *order) { o.NotifyURL = "https://a/b&c=1" }, "notifyUrl", "& followed by a name and ="},
		{"notifyUrl with a space", region.None, func(o *order) { o.NotifyURL = "https://a/b c" }, "notifyUrl", "printable ASCII"},
		{"long notifyUrl", region.None, func(o *order) { o.NotifyURL = "https://a/" + strings.Repeat("b", 2048) }, "notifyUrl", "longer than 2048 bytes"},
		{"callbackUrl with &name=", region.None, func(o *order) { o.CallbackURL = "https://a/b?c=1&email=" + personal }, "callbackUrl", "into the path"},
		{"callbackUrl that is a script", region.None, func(o *order) { o.CallbackURL = "javascript:alert(1)" }, "callbackUrl", "absolute URL"},
		{"callbackUrl that is no URL", region.None, func(o *order) { o.CallbackURL = "https://a:b:" + personal }, "callbackUrl", "absolute URL"},
		{"collision of the create", region.None, func(o *order) { o.CustomName = "Bob&email=" + personal }, "customName", "makes the sign ambiguous"},
		{"&name= in remark", region.None, func(o *order) { o.Remark = personal + "&a_1=" }, "remark", "makes the sign ambiguous"},
		{"&key= in email", region.None, func(o *order) { o.Email = personal + "&key=1" }, "email", "makes the sign ambiguous"},
		{"&name= in number", region.None, func(o *order) { o.Number = "1&orderId=" + personal }, "number", "makes the sign ambiguous"},
		{"line break", region.None, func(o *order) { o.CustomName = personal + "\n" }, "customName", "control characters"},
		{"not UTF-8", region.None, func(o *order) { o.CustomName = personal + "\xff" }, "customName", "printable UTF-8"},
		{"long remark", region.None, func(o *order) { o.Remark = strings.Repeat(personal, 100) }, "remark", "longer than 512 bytes"},
		{"read back from a log", region.None, func(o *order) { o.CustomName = "[redacted]" }, "customName", "give the value itself"},
		{"Brazil without a tax number", region.Brazil, func(o *order) { o.Remark = "" }, "remark", "is missing"},
		{"Brazil with a wrong tax number", region.Brazil, func(o *order) { o.Remark = "52998224726" }, "remark", ""},
		{"Brazil without a name", region.Brazil, func(o *order) { o.CustomName = " " }, "customName", "is missing"},
		{"Brazil without a number", region.Brazil, func(o *order) { o.Number = "" }, "number", "is missing"},
		{"Brazil with a wrong email", region.Brazil, func(o *order) { o.Email = personal }, "email", "email"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &book{tape: &tape{}, fresh: true}
			client := start(t, b, nil, func(c *gateway.Config) { c.Rules.Region = tt.region })
			o := aCollect()
			if tt.region == region.Brazil {
				o.Remark, o.CustomName, o.Number, o.Email = "52998224725", personal, "11987654321", "a@example.com"
			}
			tt.change(&o)
			_, err := client.CreateCollect(t.Context(), o)
			checkRefused(t, b, err, tt.field, tt.says)
		})
	}
}

func TestCreatePayRefuses(t *testing.T) {
	type order = gateway.PayOrder
	tests := []struct {
		name   string
		region region.Region
		change func(*order)
		field  string
		says   string
	}{
		{"no pay code", region.None, func(o *order) { o.PayCode = "" }, "payCode", "is missing"},
		{"no order id", region.None, func(o *order) { o.OrderID = "" }, "orderId", "is missing"},
		{"long order id", region.None, func(o *order) { o.OrderID = strings.Repeat("x", 33) }, "orderId", "1 to 32"},
		{"no amount", region.None, func(o *order) { o.Amount = amount("0.00") }, "amount", "above zero"},
		{"three decimals", region.None, func(o *order) { o.Amount = amount("0.001") }, "amount", "at most 2 decimals"},
		{"no account", region.None, func(o *order) { o.BankAccount = "" }, "bankAccount", "is missing"},
		{"no name", region.None, func(o *order) { o.CustomName = "" }, "customName", "is missing"},
		{"&name= in the account", region.None, func(o *order) { o.BankAccount = "1&customName=" + personal }, "bankAccount", "makes the sign ambiguous"},
		{"&name= in the name", region.None, func(o *order) { o.CustomName = personal + "&remark=" }, "customName", "makes the sign ambiguous"},
		{"notifyUrl with a query string", region.None, func(o *order) { o.NotifyURL = "https://a/b?c=1" }, "notifyUrl", "query string or fragment"},
		{"read back from JSON", region.None, func(o *order) { o.BankAccount = "[redacted]" }, "bankAccount", "give the value itself"},
		{"India without IFSC", region.India, func(o *order) { o.Remark = "" }, "remark", "is missing"},
		{"India with a wrong IFSC", region.India, func(o *order) { o.Remark = "hdfc0001234" }, "remark", "IFSC"},
		{"India without a number", region.India, func(o *order) { o.Number = "" }, "number", "is missing"},
		{"Indonesia without a bank", region.Indonesia, func(o *order) { o.Remark = "" }, "remark", "is missing"},
		{"Indonesia with decimals", region.Indonesia, func(o *order) { o.Amount, o.Remark = amount("1.5"), "014" }, "amount", "without decimals"},
		{"Nigeria without a bank", region.Nigeria, func(o *order) { o.Remark = "" }, "remark", "is missing"},
		{"Brazil without a key type", region.Brazil, func(o *order) { o.Remark = "" }, "remark", "is missing"},
		{"Brazil with the other spelling of the random key", region.Brazil, func(o *order) { o.Remark = "EVP" }, "remark", "EPV"},
		{"Brazil with a key of another type", region.Brazil, func(o *order) { o.Remark, o.BankAccount = "CPF", personal }, "bankAccount", ""},
		{"Brazil without an email", region.Brazil, func(o *order) { o.Remark, o.BankAccount, o.Email = "CPF", "52998224725", "" }, "email", "is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &book{tape: &tape{}, fresh: true}
			client := start(t, b, nil, func(c *gateway.Config) { c.Rules.Region = tt.region })
			o := aPay()
			tt.change(&o)
			_, err := client.CreatePay(t.Context(), o)
			checkRefused(t, b, err, tt.field, tt.says)
		})
	}
}

func checkRefused(t *testing.T, b *book, err error, field, says string) {
	t.Helper()
	e, ok := as[*region.FieldError](err)
	if !ok || !errors.Is(err, gateway.ErrInvalidRequest) || gateway.Unavailable(err) || errors.Is(err, gateway.ErrNotAnnounced) {
		t.Fatalf("error %T: %v", err, err)
	}
	if e.Field != field || !strings.Contains(e.Problem, says) {
		t.Errorf("%s, want %s: …%s…", e, field, says)
	}
	if strings.Contains(err.Error(), personal) || strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("the error is not one line without the value: %q", err)
	}
	b.tape.expect(t)
}

// TestHarmlessValues: what only looks like an assignment is sent.
func TestHarmlessValues(t *testing.T) {
	for _, name := range []string{"J&K Bank", "a=b", "a& b=c", "&1=2", "R&D", "&=", "-", "Ünal & Söhne"} {
		b := &book{tape: &tape{}}
		client := start(t, b, handlers{collectPath: answer(success(`{"url":"http://a/b"}`))})
		o := aCollect()
		o.CustomName, o.CallbackURL = name, "http://shop.example/a%26b=c?d=e&"
		if _, err := client.CreateCollect(t.Context(), o); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWithoutNotifyURL(t *testing.T) {
	for _, k := range creates() {
		b := &book{tape: &tape{}}
		err := k.create(t.Context(), start(t, b, nil, func(c *gateway.Config) { c.NotifyBase = "" }))
		checkRefused(t, b, err, "notifyUrl", "set NotifyBase and Merchant")
	}
}

func TestNewClientRefusesForCreates(t *testing.T) {
	tests := []struct {
		name   string
		change func(*gateway.Config)
		say    string // "" accepts
	}{
		{"complete", func(*gateway.Config) {}, ""},
		{"loopback receiver", func(c *gateway.Config) { c.NotifyBase = "http://127.0.0.1:8080" }, ""},
		{"only queries", func(c *gateway.Config) {
			*c = gateway.Config{BaseURL: c.BaseURL, Account: c.Account, Keyring: c.Keyring}
		}, ""},
		{"unannounced", func(c *gateway.Config) {
			c.Orders, c.Merchant, c.Installation, c.Currency = gateway.Unannounced, "", "", ""
		}, ""},
		{"unannounced in no region", func(c *gateway.Config) { c.Orders, c.Rules.Region = gateway.Unannounced, "" }, "unknown region"},
		{"no region", func(c *gateway.Config) { c.Rules.Region = "" }, "unknown region"},
		{"no merchant", func(c *gateway.Config) { c.Merchant = "" }, "merchant id is missing"},
		{"bad merchant", func(c *gateway.Config) { c.Merchant = "a.b" }, "data.merchant"},
		{"no installation", func(c *gateway.Config) { c.Installation = "" }, "installation is missing"},
		{"bad installation", func(c *gateway.Config) { c.Installation = "a:b" }, "installation"},
		{"no currency", func(c *gateway.Config) { c.Currency = "" }, "currency is missing"},
		{"bad currency", func(c *gateway.Config) { c.Currency = "inr" }, "data.currency"},
		{"receiver over http", func(c *gateway.Config) { c.NotifyBase = "http://pay.example" }, "NotifyBase): must use https"},
		{"receiver over http in a private network", func(c *gateway.Config) { c.NotifyBase, c.PlainNotify = "http://receiver:8080", true }, ""},
		{"receiver with a query string", func(c *gateway.Config) { c.NotifyBase = "https://pay.example/?a=1" }, "query string"},
		{"receiver with a password", func(c *gateway.Config) { c.NotifyBase = "https://u:" + secret + "@pay.example" }, "password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := announcing(t, "https://gateway.example", &book{tape: &tape{}})
			tt.change(&cfg)
			_, err := gateway.NewClient(cfg)
			switch {
			case tt.say == "" && err != nil:
				t.Fatal(err)
			case tt.say != "" && (err == nil || !strings.Contains(err.Error(), tt.say) || strings.Contains(err.Error(), secret)):
				t.Fatalf("error %v, want one saying %q", err, tt.say)
			}
		})
	}
}

package region_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/pkg/region"
)

var regions = []region.Region{region.Brazil, region.India, region.Indonesia, region.Nigeria, region.None}

// Creates that every rule of their region accepts.
var (
	collects = map[region.Region]region.Collect{
		region.Brazil:    {Amount: "10.50", Remark: "52998224725", CustomName: "Ana Souza", Number: "+5511987654321", Email: "ana@example.com"},
		region.India:     {Amount: "1000.00"},
		region.Indonesia: {Amount: "1000"},
		region.Nigeria:   {Amount: "1000.5"},
		region.None:      {Amount: "0.01"},
	}
	pays = map[region.Region]region.Pay{
		region.Brazil: {
			Amount: "10.50", BankAccount: "52998224725", CustomName: "Ana Souza", Remark: "CPF",
			Number: "11987654321", Email: "ana@example.com",
		},
		region.India: {
			Amount: "1000.00", BankAccount: "50100123456789", CustomName: "Asha Rao", Remark: "HDFC0000001", Number: "919876543210",
		},
		region.Indonesia: {Amount: "1000", BankAccount: "1234567890", CustomName: "Budi", Remark: "014"},
		region.Nigeria:   {Amount: "1000.50", BankAccount: "0000014579", CustomName: "Chidi", Remark: "011"},
		region.None:      {Amount: "1", BankAccount: "1", CustomName: "X"},
	}
)

func TestValid(t *testing.T) {
	for _, r := range regions {
		if !r.Valid() {
			t.Errorf("%s is not valid", r)
		}
	}
	for _, r := range []region.Region{"", "Brazil", "mexico"} {
		if r.Valid() {
			t.Errorf("%q is valid", r)
		}
		if err := (region.Rules{Region: r}).CheckCollect(collects[region.Brazil]); !errors.Is(err, region.ErrRegion) {
			t.Errorf("%q: collect: %v", r, err)
		}
		if _, err := (region.Rules{Region: r}).CheckPay(pays[region.Brazil]); !errors.Is(err, region.ErrRegion) {
			t.Errorf("%q: pay: %v", r, err)
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, r := range regions {
		rules := region.Rules{Region: r}
		if err := rules.CheckCollect(collects[r]); err != nil {
			t.Errorf("%s: collect: %v", r, err)
		}
		if warnings, err := rules.CheckPay(pays[r]); err != nil || warnings != nil {
			t.Errorf("%s: pay: %v, warnings %q", r, err, warnings)
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, test := range []struct {
		amount    string
		ok, whole bool // elsewhere, in Indonesia
	}{
		{amount: "1", ok: true, whole: true},
		{amount: "1000", ok: true, whole: true},
		{amount: "999999999999999", ok: true, whole: true},
		{amount: "999999999999999.99", ok: true},
		{amount: "0.01", ok: true},
		{amount: "0.1", ok: true},
		{amount: "1.10", ok: true},
		{amount: "1000.00", ok: true},
		{amount: "1000.0", ok: true},
		{amount: "1000000000000000"},
		{amount: "1.001"},
		{amount: "1.000"},
		{amount: "0"},
		{amount: "0.00"},
		{amount: "00.01"},
		{amount: "01"},
		{amount: ".5"},
		{amount: "5."},
		{amount: "."},
		{amount: ""},
		{amount: "-1"},
		{amount: "+1"},
		{amount: "1e3"},
		{amount: "1,000"},
		{amount: "1 000"},
		{amount: " 1"},
		{amount: "1.5.5"},
		{amount: "١"},
		{amount: "NaN"},
	} {
		for _, r := range regions {
			ok, want := test.ok, "plain decimal above zero"
			if r == region.Indonesia {
				ok, want = test.whole, "whole number above zero"
				if strings.Contains(test.amount, ".") {
					want = "without decimals, such as 1000"
				}
			}
			if ok {
				want = ""
			}
			c, p := collects[r], pays[r]
			c.Amount, p.Amount = test.amount, test.amount
			inField(t, string(r)+" collect "+test.amount, region.Rules{Region: r}.CheckCollect(c), "amount", want)
			_, err := region.Rules{Region: r}.CheckPay(p)
			inField(t, string(r)+" pay "+test.amount, err, "amount", want)
		}
	}
}

// inField checks that a refusal names its parameter; want is a part of the
// problem, "" where there is none.
func inField(t *testing.T, what string, err error, field, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%s: refused: %v", what, err)
		}
		return
	}
	var refusal *region.FieldError
	if !errors.As(err, &refusal) {
		t.Errorf("%s: %v, want a FieldError", what, err)
		return
	}
	if refusal.Field != field || !strings.Contains(refusal.Problem, want) {
		t.Errorf("%s: %v, want %q in %s", what, err, want, field)
	}
	if got := err.Error(); got != refusal.Field+": "+refusal.Problem || strings.Contains(got, "\n") {
		t.Errorf("%s: error is %q", what, got)
	}
}

func TestCollectFields(t *testing.T) {
	for _, test := range []struct {
		region      region.Region
		set         func(*region.Collect)
		field, want string
	}{
		{region.Brazil, func(c *region.Collect) { c.Remark = "" }, "remark", "is missing: Brazil requires the payer's CPF or CNPJ"},
		{region.Brazil, func(c *region.Collect) { c.Remark = "  " }, "remark", "is missing"},
		{region.Brazil, func(c *region.Collect) { c.Remark = "529.982.247-25" }, "remark", "without dots and dashes"},
		{region.Brazil, func(c *region.Collect) { c.Remark = "529982247" }, "remark", "CPF (11 digits) or CNPJ (14 characters)"},
		{region.Brazil, func(c *region.Collect) { c.Remark = "52998224726" }, "remark", "check digits of this CPF"},
		{region.Brazil, func(c *region.Collect) { c.Remark = "12ABC34501DE35" }, "", ""},
		{region.Brazil, func(c *region.Collect) { c.Remark = "11222333000181" }, "", ""},
		{region.Brazil, func(c *region.Collect) { c.Remark = "12ABC34501DE36" }, "remark", "check digits of this CNPJ"},
		{region.Brazil, func(c *region.Collect) { c.CustomName = "" }, "customName", "is missing: Brazil requires the payer's name"},
		{region.Brazil, func(c *region.Collect) { c.CustomName = " \t" }, "customName", "is missing"},
		{region.Brazil, func(c *region.Collect) { c.Number = "" }, "number", "is missing"},
		{region.Brazil, func(c *region.Collect) { c.Number = "1234567" }, "number", "8 to 15 digits"},
		{region.Brazil, func(c *region.Collect) { c.Number = "12345678" }, "", ""},
		{region.Brazil, func(c *region.Collect) { c.Number = "+123456789012345" }, "", ""},
		{region.Brazil, func(c *region.Collect) { c.Number = "1234567890123456" }, "number", "8 to 15 digits"},
		{region.Brazil, func(c *region.Collect) { c.Number = "++5511987654" }, "number", "8 to 15 digits"},
		{region.Brazil, func(c *region.Collect) { c.Number = "55 11 98765" }, "number", "without spaces"},
		{region.Brazil, func(c *region.Collect) { c.Email = "" }, "email", "is missing"},
		{region.Brazil, func(c *region.Collect) { c.Email = "a@b" }, "email", "one email address"},
		// What a region does not require, it does not look at.
		{region.India, func(c *region.Collect) { *c = region.Collect{Amount: "1", Remark: "x", Number: "1", Email: "x"} }, "", ""},
		{region.Indonesia, func(c *region.Collect) { *c = region.Collect{Amount: "1", Remark: "x", Number: "1", Email: "x"} }, "", ""},
		{region.Nigeria, func(c *region.Collect) { *c = region.Collect{Amount: "1", Remark: "x", Number: "1", Email: "x"} }, "", ""},
		{region.None, func(c *region.Collect) { *c = region.Collect{Amount: "1", Remark: "x", Number: "1", Email: "x"} }, "", ""},
	} {
		c := collects[test.region]
		test.set(&c)
		inField(t, string(test.region)+" "+test.field, region.Rules{Region: test.region}.CheckCollect(c), test.field, test.want)
	}
}

func TestPayFields(t *testing.T) {
	type pay = region.Pay
	key := func(remark, account string) func(*pay) {
		return func(p *pay) { p.Remark, p.BankAccount = remark, account }
	}
	for _, test := range []struct {
		region      region.Region
		set         func(*pay)
		field, want string
	}{
		{region.Brazil, key("", "52998224725"), "remark", "is missing: Brazil requires the type of the PIX key, one of CPF, CNPJ, PHONE, EMAIL or EPV"},
		{region.Brazil, key("cpf", "52998224725"), "remark", "give the type of the PIX key: CPF, CNPJ, PHONE, EMAIL or EPV"},
		{region.Brazil, key("EVP", "123e4567-e89b-12d3-a456-426614174000"), "remark", "EMAIL or EPV"},
		{region.Brazil, key("random", "123e4567-e89b-12d3-a456-426614174000"), "remark", "EMAIL or EPV"},
		{region.Brazil, key("EPV", "123e4567-e89b-12d3-a456-426614174000"), "", ""},
		{region.Brazil, key("EPV", "52998224725"), "bankAccount", "UUID"},
		{region.Brazil, key("CPF", "52998224726"), "bankAccount", "check digits"},
		{region.Brazil, key("CNPJ", "12ABC34501DE35"), "", ""},
		{region.Brazil, key("CNPJ", "12abc34501de35"), "bankAccount", "in capitals"},
		{region.Brazil, key("PHONE", "+5511987654321"), "", ""},
		{region.Brazil, key("Phone", "+5511987654321"), "", ""}, // as the document writes it
		{region.Brazil, key("PHONE", "987654321"), "bankAccount", "area code"},
		{region.Brazil, key("EMAIL", "ana@example.com"), "", ""},
		{region.Brazil, key("EMAIL", "ana@"), "bankAccount", "one email address"},
		{region.Brazil, func(p *pay) { p.Number = "" }, "number", "is missing"},
		{region.Brazil, func(p *pay) { p.Number = "abc" }, "number", "8 to 15 digits"},
		{region.Brazil, func(p *pay) { p.Email = "" }, "email", "is missing"},
		{region.Brazil, func(p *pay) { p.Email = "Ana <ana@example.com>" }, "email", "without a display name"},

		{region.India, func(p *pay) { p.Remark = "" }, "remark", "is missing: India requires the bank's IFSC"},
		{region.India, func(p *pay) { p.Remark = "hdfc0000001" }, "remark", "in capitals"},
		{region.India, func(p *pay) { p.Number = "" }, "number", "is missing"},
		{region.India, func(p *pay) { p.Number = "98765-43210" }, "number", "8 to 15 digits"},
		{region.India, func(p *pay) { p.Email = "anything" }, "", ""},

		{region.Indonesia, func(p *pay) { p.Remark = "" }, "remark", "is missing: Indonesia requires the bank's code"},
		{region.Indonesia, func(p *pay) { p.Remark = "bank central asia" }, "remark", "2 to 32"},
		{region.Nigeria, func(p *pay) { p.Remark = "" }, "remark", "is missing: Nigeria requires the bank's code"},
		{region.Nigeria, func(p *pay) { p.Remark = "1" }, "remark", "2 to 32"},

		{region.None, func(p *pay) { p.Remark, p.Number, p.Email = "x", "x", "x" }, "", ""},
	} {
		p := pays[test.region]
		test.set(&p)
		_, err := region.Rules{Region: test.region}.CheckPay(p)
		inField(t, string(test.region)+" "+test.field, err, test.field, test.want)
	}
	for _, r := range regions { // of every region
		for _, blank := range []string{"", " "} {
			p := pays[r]
			p.BankAccount = blank
			_, err := region.Rules{Region: r}.CheckPay(p)
			inField(t, string(r), err, "bankAccount", "is missing")
			p = pays[r]
			p.CustomName = blank
			_, err = region.Rules{Region: r}.CheckPay(p)
			inField(t, string(r), err, "customName", "is missing")
		}
	}
}

func TestPIXLiteral(t *testing.T) {
	const uuid = "123e4567-e89b-12d3-a456-426614174000"
	for literal, want := range map[string]string{"": "EPV", "EPV": "EPV", "EVP": "EVP"} {
		rules := region.Rules{Region: region.Brazil, PIXRandomKey: literal}
		got := map[string]string{}
		for _, kind := range []string{region.PIXCPF, region.PIXCNPJ, region.PIXPhone, region.PIXEmail, region.PIXRandom, "other"} {
			got[kind] = rules.PIXRemark(kind)
		}
		if diff := cmp.Diff(map[string]string{
			"CPF": "CPF", "CNPJ": "CNPJ", "PHONE": "PHONE", "EMAIL": "EMAIL", "random": want, "other": "other",
		}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", literal, diff)
		}
		for _, remark := range []string{"EPV", "EVP"} {
			p := pays[region.Brazil]
			p.Remark, p.BankAccount = remark, uuid
			problem := ""
			if remark != want {
				problem = "EMAIL or " + want
			}
			_, err := rules.CheckPay(p)
			inField(t, literal+" "+remark, err, "remark", problem)
		}
	}
}

func TestNigeriaOnlyWarns(t *testing.T) {
	for _, test := range []struct{ code, account, want string }{
		{"011", "0000014578", "bankAccount: the check digit does not fit the account number and the bank's code: look for a typing mistake in either"},
		{"011", "000001457", "bankAccount: a NUBAN has 10 digits: look for a typing mistake, unless this is a wallet"},
		{"GTB", "0000014579", "bankAccount: the check digit can't be checked without the central bank's code, of 3 digits, 5, or 6 with a 9 in front"},
	} {
		p := pays[region.Nigeria]
		p.Remark, p.BankAccount = test.code, test.account
		warnings, err := region.Rules{Region: region.Nigeria}.CheckPay(p)
		if diff := cmp.Diff([]string{test.want}, warnings); err != nil || diff != "" {
			t.Errorf("%v, warnings (-want +got):\n%s", err, diff)
		}
		if strings.Contains(strings.Join(warnings, ""), test.account) {
			t.Errorf("a warning quotes the account number: %q", warnings)
		}
	}
}

func TestEmails(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, test := range []struct {
		email string
		ok    bool
	}{
		{"ana@example.com", true},
		{"ana.souza+pix@mail.example.com.br", true},
		{"o'neil_1@ex-ample.com", true},
		{"a@b.co", true},
		{strings.Repeat("a", 64) + "@example.com", true},
		{strings.Repeat("a", 65) + "@example.com", false},
		{"a@" + long + "." + long + "." + long + "." + strings.Repeat("b", 60), true},
		{"a@" + long + "." + long + "." + long + "." + strings.Repeat("b", 61), false},
		{"a@" + long + "a.com", false},
		{"ana", false},
		{"@example.com", false},
		{"ana@", false},
		{"ana@@example.com", false},
		{"ana@example.com@example.com", false},
		{"ana@example", false},
		{"ana@example..com", false},
		{"ana@.example.com", false},
		{"ana@example.com.", false},
		{"ana@-example.com", false},
		{"ana@example-.com", false},
		{"ana@192.0.2.1", false},
		{"ana@[192.0.2.1]", false},
		{".ana@example.com", false},
		{"ana.@example.com", false},
		{"a..b@example.com", false},
		{"ana souza@example.com", false},
		{"Ana <ana@example.com>", false},
		{"ana@example.com,bia@example.com", false},
		{"ana@example.com;bia@example.com", false},
		{"ana@example.com\n", false},
		{`"ana"@example.com`, false},
		{"aña@example.com", false},
		{"ana@exämple.com", false},
	} {
		c := collects[region.Brazil]
		c.Email = test.email
		want := "one email address"
		if test.ok {
			want = ""
		}
		inField(t, test.email, region.Rules{Region: region.Brazil}.CheckCollect(c), "email", want)
	}
}

// FuzzRules: no create makes a check panic, and an accepted amount has the form
// that goes over the wire.
func FuzzRules(f *testing.F) {
	for _, r := range regions {
		p := pays[r]
		f.Add(string(r), "EVP", p.Amount, p.BankAccount, p.CustomName, p.Remark, p.Number, p.Email)
	}
	f.Fuzz(func(t *testing.T, name, literal, amount, account, customName, remark, number, email string) {
		rules := region.Rules{Region: region.Region(name), PIXRandomKey: literal}
		collectErr := rules.CheckCollect(region.Collect{Amount: amount, Remark: remark, CustomName: customName, Number: number, Email: email})
		_, payErr := rules.CheckPay(region.Pay{
			Amount: amount, BankAccount: account, CustomName: customName, Remark: remark, Number: number, Email: email,
		})
		for _, err := range []error{collectErr, payErr} {
			var refusal *region.FieldError
			if err != nil && !errors.Is(err, region.ErrRegion) && !errors.As(err, &refusal) {
				t.Errorf("%v is no FieldError", err)
			}
			if err == nil && (amount == "" || strings.Trim(amount, "0123456789.") != "" || strings.Trim(amount, "0.") == "") {
				t.Errorf("amount %q is accepted", amount)
			}
			if err == nil && rules.Region == region.Indonesia && strings.Contains(amount, ".") {
				t.Errorf("amount %q is accepted in Indonesia", amount)
			}
		}
	})
}

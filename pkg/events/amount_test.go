package events_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/pkg/events"
)

func TestParseAmount(t *testing.T) {
	for _, good := range []string{"0", "0.0", "0.0001", "1", "10.50", "999999999999999.9999"} {
		a, err := events.ParseAmount(good)
		if err != nil || a.String() != good || !a.Known() {
			t.Errorf("%s: got %s, %v", good, a, err)
		}
	}
	for _, bad := range []string{
		"", "-1", "+1", "-0", ".5", "1.", "01", "00", "1e3", "1E3", "1,000", " 1", "1 ", "1.00000",
		"1000000000000000", "NaN", "Infinity", "0x1", "1.2.3", "١",
	} {
		if a, err := events.ParseAmount(bad); !errors.Is(err, events.ErrAmount) || a.Known() {
			t.Errorf("%q: got %s, %v", bad, a, err)
		}
	}
}

func TestNewAmount(t *testing.T) {
	for _, bad := range []string{"-0.01", "1.00000", "1000000000000000", "0.00001"} {
		if a, err := events.NewAmount(decimal.MustParse(bad)); !errors.Is(err, events.ErrAmount) || a.Known() {
			t.Errorf("%s: got %s, %v", bad, a, err)
		}
	}
	a, err := events.NewAmount(decimal.MustParse("1e3"))
	if err != nil || a.String() != "1000" {
		t.Errorf("1e3: got %s, %v", a, err)
	}
}

func TestAmountUnknown(t *testing.T) {
	var unknown events.Amount
	if unknown.Known() || !unknown.IsZero() || unknown.String() != "" || !unknown.InCurrency("INR").IsZero() {
		t.Error("the zero Amount must be unknown")
	}
	if unknown.Equal(amount("0")) || !unknown.Equal(events.Amount{}) || !amount("10.5").Equal(amount("10.50")) || amount("1").Equal(amount("2")) {
		t.Error("Equal")
	}
	if d, known := amount("1.5").Decimal(); !known || d.String() != "1.5" {
		t.Error("Decimal")
	}
	b, err := json.Marshal(struct {
		A events.Amount `json:"a,omitzero"`
		B events.Amount `json:"b,omitzero"`
		C events.Amount `json:"c"`
	}{B: amount("0")})
	if err != nil || string(b) != `{"b":"0","c":null}` {
		t.Errorf("%s, %v", b, err)
	}
}

// ISO 4217 List One.
func TestInCurrency(t *testing.T) {
	for _, tc := range []struct{ amount, currency, want string }{
		{"10", "INR", "10.00"},
		{"10", "IDR", "10.00"},
		{"10", "NGN", "10.00"},
		{"10.5", "BRL", "10.50"},
		{"10", "JPY", "10"},
		{"10", "VND", "10"},
		{"10", "KWD", "10.000"},
		{"10", "CLF", "10.0000"},
		{"10.5", "JPY", "10.5"},
		{"10.1234", "INR", "10.1234"},
		{"10", "ZZZ", "10.00"},
		{"999999999999999", "CLF", "999999999999999.0000"},
		{"0", "INR", "0.00"},
	} {
		if got := amount(tc.amount).InCurrency(tc.currency).String(); got != tc.want {
			t.Errorf("%s %s: got %s, want %s", tc.amount, tc.currency, got, tc.want)
		}
	}
}

func TestNet(t *testing.T) {
	const (
		settled, reversed = events.OutcomeSettled, events.OutcomeReversed
		collect, pay      = events.FlowCollect, events.FlowPay
		added, included   = events.PayFeeAdded, events.PayFeeIncluded
	)
	for _, tc := range []struct {
		outcome     events.Outcome
		flow        events.Flow
		payFee      events.PayFee
		amount, fee string // "" is unknown
		direction   events.Direction
		net         string
	}{
		{settled, collect, "", "1000", "12.50", events.Credit, "987.50"},
		{settled, collect, added, "1000", "12.50", events.Credit, "987.50"},
		{settled, collect, "", "1000", "", events.Credit, ""},
		{settled, collect, "", "", "1", events.Credit, ""},
		{settled, collect, "", "10", "10", events.Credit, "0"},
		{settled, collect, "", "10", "10.01", events.Credit, ""},
		{settled, collect, "", "999999999999999.9999", "0.0001", events.Credit, "999999999999999.9998"},
		{settled, pay, added, "1000", "12.5", events.Debit, "1012.5"},
		{settled, pay, added, "1000", "", events.Debit, ""},
		{settled, pay, included, "1000", "12.5", events.Debit, "1000"},
		{settled, pay, included, "1000", "", events.Debit, "1000"},
		{settled, pay, "", "1000", "12.5", events.Debit, ""},
		{settled, pay, "guess", "1000", "12.5", events.Debit, ""},
		{settled, pay, added, "999999999999999", "1", events.Debit, ""},
		{settled, pay, added, "999999999999999.9999", "0.0001", events.Debit, ""},
		{reversed, collect, "", "1000", "12.50", events.Debit, "987.50"},
		{reversed, pay, added, "1000", "12.5", events.Credit, "1012.5"},
		{events.OutcomeFailed, collect, "", "1000", "1", events.None, ""},
		{events.OutcomeExpired, pay, added, "1000", "1", events.None, ""},
		{events.OutcomeReview, collect, "", "1000", "1", events.None, ""},
		{events.OutcomeResolved, collect, "", "1000", "1", events.None, ""},
	} {
		direction, net := events.Net(tc.outcome, tc.flow, tc.payFee, known(tc.amount), known(tc.fee))
		if direction != tc.direction || net.String() != tc.net {
			t.Errorf("%+v: got %s %s", tc, direction, net)
		}
	}
}

// The sum undoes the difference, to the digit.
func TestNetExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, fee := genAmount().Draw(t, "amount"), genAmount().Draw(t, "fee")
		_, net := events.Net(events.OutcomeSettled, events.FlowCollect, "", a, fee)
		ad, _ := a.Decimal()
		fd, _ := fee.Decimal()
		if negative := ad.Less(fd); negative == net.Known() {
			t.Fatalf("%s − %s = %s", a, fee, net)
		}
		if !net.Known() {
			return
		}
		if _, back := events.Net(events.OutcomeSettled, events.FlowPay, events.PayFeeAdded, net, fee); !back.Equal(a) {
			t.Fatalf("%s − %s = %s, but + %s = %s", a, fee, net, fee, back)
		}
	})
}

func known(s string) events.Amount {
	if s == "" {
		return events.Amount{}
	}
	return amount(s)
}

func TestVocabulary(t *testing.T) {
	for _, s := range []string{"collect", "pay"} {
		if f, err := events.ParseFlow(s); err != nil || string(f) != s {
			t.Errorf("%s: %s, %v", s, f, err)
		}
	}
	for _, s := range []string{"", "Collect", "*"} {
		if _, err := events.ParseFlow(s); err == nil {
			t.Errorf("ParseFlow(%q) succeeded", s)
		}
		if _, err := events.ParseOutcome(s); err == nil {
			t.Errorf("ParseOutcome(%q) succeeded", s)
		}
	}
	final := 0
	for _, o := range events.Outcomes() {
		if parsed, err := events.ParseOutcome(string(o)); err != nil || parsed != o {
			t.Errorf("%s: %s, %v", o, parsed, err)
		}
		if o.Final() {
			final++
		}
	}
	if final != 4 || events.Outcome("x").Final() {
		t.Errorf("%d final outcomes, want 4", final)
	}
	if day := events.BookingDate(confirmed, time.FixedZone("IST", 19800)); day != "2026-05-02" {
		t.Errorf("BookingDate = %s", day)
	}
}

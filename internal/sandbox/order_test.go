package sandbox

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"
)

func dec(text string) decimal.Decimal { return decimal.MustParse(text) }

// sameDecimal compares with the digits behind the point: 1000.00 is not 1000.
var sameDecimal = cmp.Comparer(func(a, b decimal.Decimal) bool { return a.CmpTotal(b) == 0 })

func TestStateMachine(t *testing.T) {
	settle, fail, reverse := Change{Action: Settle}, Change{Action: Fail}, Change{Action: Reverse}
	short := Change{Action: Settle, Paid: dec("900")}
	tests := []struct {
		name    string
		changes []Change
		state   string
		shown   string
		fee     string
		status  Status
		reverse bool
		refused bool // the last change
	}{
		{"submitted", nil, "submitted", "1000.00", "0.00", Submitted, false, false},
		{"settled", []Change{settle}, "settled", "1000.00", "20.00", Success, false, false},
		{"failed", []Change{fail}, "failed", "1000.00", "0.00", Failed, false, false},
		{"short-paid", []Change{short}, "short-paid", "900.00", "18.00", Success, false, false},
		{"over-paid", []Change{{Action: Settle, Paid: dec("1000.01")}}, "over-paid", "1000.01", "20.00", Success, false, false},
		{"reversed", []Change{settle, reverse}, "reversed", "1000.00", "20.00", Failed, true, false},
		{"short-paid, reversed", []Change{short, reverse}, "reversed", "900.00", "18.00", Failed, true, false},
		{"settled twice", []Change{settle, settle}, "settled", "1000.00", "20.00", Success, false, true},
		{"settled, failed", []Change{settle, fail}, "settled", "1000.00", "20.00", Success, false, true},
		{"failed, settled", []Change{fail, settle}, "settled", "1000.00", "20.00", Success, false, false},
		{"failed twice", []Change{fail, fail}, "failed", "1000.00", "0.00", Failed, false, true},
		{"failed, reversed", []Change{fail, reverse}, "failed", "1000.00", "0.00", Failed, false, true},
		{"reversed at once", []Change{reverse}, "submitted", "1000.00", "0.00", Submitted, false, true},
		{"reversed twice", []Change{settle, reverse, reverse}, "reversed", "1000.00", "20.00", Failed, true, true},
		{"reversed, settled", []Change{settle, reverse, settle}, "reversed", "1000.00", "20.00", Failed, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Unix(1_700_000_000, 0)
			o := Order{OrderID: "o1", Currency: "INR", Submitted: dec("1000.00"), Paid: dec("0.00"), Fee: dec("0.00"), ChangedAt: start}
			for i, c := range tt.changes {
				now := start.Add(time.Duration(i+1) * time.Second)
				before := o
				var err error
				o, err = o.apply(c, "310310600223", now)
				refuse := tt.refused && i == len(tt.changes)-1
				var transition *TransitionError
				if errors.As(err, &transition) != refuse || (err != nil) != refuse {
					t.Fatalf("change %d: error %v", i, err)
				}
				if refuse {
					if diff := cmp.Diff(before, o, sameDecimal); diff != "" {
						t.Fatalf("a refused change changed the order: %s", diff)
					}
				} else if !o.ChangedAt.Equal(now) {
					t.Fatalf("changed at %s, want %s", o.ChangedAt, now)
				}
			}
			if o.State() != tt.state || o.Status != tt.status || o.Reversed != tt.reverse {
				t.Fatalf("state %s, status %d, reversed %t", o.State(), o.Status, o.Reversed)
			}
			if o.Shown().String() != tt.shown || o.Fee.String() != tt.fee {
				t.Fatalf("shows %s, fee %s; want %s, %s", o.Shown(), o.Fee, tt.shown, tt.fee)
			}
			if (o.UTR != "") != (o.Status == Success || o.Reversed) {
				t.Fatalf("utr %q", o.UTR)
			}
		})
	}
}

func TestChangeRefusesNonsense(t *testing.T) {
	o := Order{OrderID: "o1", Currency: "INR", Submitted: dec("1000.00")}
	for name, c := range map[string]Change{
		"unknown action":  {Action: "explode"},
		"negative amount": {Action: Settle, Paid: dec("-1")},
		"a third digit":   {Action: Settle, Paid: dec("0.001")},
	} {
		if _, err := o.apply(c, "", time.Time{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestMoney(t *testing.T) {
	tests := []struct{ amount, currency, want string }{
		{"1000", "INR", "1000.00"},
		{"1000.5", "INR", "1000.50"},
		{"1000.500", "INR", "1000.50"},
		{"0.01", "BRL", "0.01"},
		{"999999999999999.99", "INR", "999999999999999.99"},
		{"150000", "IDR", "150000"},
		{"150000.00", "IDR", "150000"},
		{"0", "INR", ""},
		{"-1", "INR", ""},
		{"0.001", "INR", ""},
		{"1000000000000000", "INR", ""},
		{"150000.5", "IDR", ""},
	}
	for _, tt := range tests {
		got, err := money(dec(tt.amount), tt.currency)
		switch {
		case tt.want == "" && !errors.Is(err, ErrInvalid):
			t.Errorf("%s %s: accepted as %s, error %v", tt.amount, tt.currency, got, err)
		case tt.want != "" && (err != nil || got.String() != tt.want):
			t.Errorf("%s %s: %s, %v; want %s", tt.amount, tt.currency, got, err, tt.want)
		}
	}
}

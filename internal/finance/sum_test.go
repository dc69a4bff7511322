package finance_test

import (
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

func sum(t testing.TB, s string) finance.Sum {
	t.Helper()
	parsed, err := finance.ParseSum(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestSumText(t *testing.T) {
	for in, want := range map[string]struct{ plain, inr, jpy string }{
		"0": {"0", "0.00", "0"}, "1": {"1", "1.00", "1"}, "-0.5": {"-0.5", "-0.50", "-0.5"}, "0.0001": {"0.0001", "0.0001", "0.0001"},
		"-1234567890123456789.10": {"-1234567890123456789.1", "-1234567890123456789.10", "-1234567890123456789.1"},
		"10.00":                   {"10", "10.00", "10"}, "-0": {"0", "0.00", "0"},
	} {
		s := sum(t, in)
		if s.String() != want.plain || s.In("INR") != want.inr || s.In("JPY") != want.jpy {
			t.Errorf("%s: %s, %s, %s; want %v", in, s, s.In("INR"), s.In("JPY"), want)
		}
	}
	for _, in := range []string{"", "-", "1.", ".5", "1.00001", "+1", "1e3", "--1", "1,5", " 1", "1.2.3", "0x1"} {
		if s, err := finance.ParseSum(in); !errors.Is(err, finance.ErrSum) {
			t.Errorf("%q: %s, %v", in, s, err)
		}
	}
	var none finance.Sum
	if none.String() != "0" || !none.Equal(sum(t, "0.00")) || !finance.SumOf(events.Amount{}).Equal(none) {
		t.Error("the zero value is not no money")
	}
}

// TestSumsAreExact holds sums to rational numbers.
func TestSumsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total, want := finance.Sum{}, new(big.Rat)
		for _, text := range rapid.SliceOfN(rapid.StringMatching(`(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?`), 1, 50).Draw(t, "amounts") {
			a := events.MustParseAmount(text)
			r, _ := new(big.Rat).SetString(text)
			if rapid.Bool().Draw(t, "minus") {
				total, want = total.Minus(finance.SumOf(a)), want.Sub(want, r)
			} else {
				total, want = total.Plus(finance.SumOf(a)), want.Add(want, r)
			}
		}
		got, ok := new(big.Rat).SetString(total.String())
		if !ok || got.Cmp(want) != 0 || total.Sign() != want.Sign() {
			t.Fatalf("%s, want %s", total, want.FloatString(4))
		}
		again, err := finance.ParseSum(total.In("KWD"))
		if err != nil || !again.Equal(total) {
			t.Fatalf("%s comes back as %s, %v", total, again, err)
		}
	})
}

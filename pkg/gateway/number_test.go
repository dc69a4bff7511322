package gateway

import (
	"errors"
	"testing"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"
)

func TestParseAmount(t *testing.T) {
	tests := []struct {
		text string
		want string // "" with err set
		err  error
	}{
		{"1000", "1000", nil},
		{"1000.00", "1000.00", nil},
		{"0", "0", nil},
		{"0.00", "0.00", nil},
		{"0.0001", "0.0001", nil},
		{"999999999999999.9999", "999999999999999.9999", nil},
		{"1.0E7", "10000000", nil},
		{"1.0e+7", "10000000", nil},
		{"12345E-2", "123.45", nil},
		{"5e-4", "0.0005", nil},
		{"1.5e0", "1.5", nil},
		{"1e14", "100000000000000", nil},
		{"0e99", "0", nil},
		{"0e-99", "0.0000", nil},
		{"1.0000000", "1.0000", nil},
		{"1000.00e0", "1000.00", nil},
		{"1e15", "", errTooMany},
		{"1000000000000000", "", errTooMany},
		{"0.00001", "", errTooMany},
		{"5e-5", "", errTooMany},
		{"0.30000000000000004", "", errTooMany},
		{"1e99", "", errTooMany},
		{"00000000000000000000000000000000000000000000000000000000000000000", "", errTooMany},
		{"", "", errNotNumber},
		{"-1", "", errNotNumber},
		{"+1", "", errNotNumber},
		{"01", "", errNotNumber},
		{"1.", "", errNotNumber},
		{".5", "", errNotNumber},
		{"1e", "", errNotNumber},
		{"1e+", "", errNotNumber},
		{"1e-+1", "", errNotNumber},
		{"1e100", "", errNotNumber},
		{"1e1.5", "", errNotNumber},
		{"1,000.00", "", errNotNumber},
		{" 1", "", errNotNumber},
		{"1\n", "", errNotNumber},
		{"0x10", "", errNotNumber},
		{"NaN", "", errNotNumber},
		{"Infinity", "", errNotNumber},
		{"١", "", errNotNumber},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := parseAmount(tt.text)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error = %v, want %v", err, tt.err)
			}
			if err == nil && got.String() != tt.want {
				t.Fatalf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Whatever an amount within bounds is, and however a sender shifts its point
// into an exponent, the value read is the value written.
func TestParseAmountKeepsValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		coef := rapid.Int64Range(0, 9_999_999_999_999).Draw(t, "coef")
		scale := rapid.IntRange(0, maxFraction).Draw(t, "scale")
		shift := rapid.IntRange(-20, 20).Draw(t, "shift")
		want := decimal.MustNew(coef, scale)
		plain, err := parseAmount(want.String())
		if err != nil || plain.CmpTotal(want) != 0 {
			t.Fatalf("%s read as %s, %v", want, plain, err)
		}
		shifted, err := parseAmount(withExponent(coef, scale, shift))
		if err != nil || !shifted.Equal(want) {
			t.Fatalf("%s read as %s, %v; want %s", withExponent(coef, scale, shift), shifted, err, want)
		}
	})
}

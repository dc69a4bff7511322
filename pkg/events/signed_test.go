package events_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/pkg/events"
)

func TestParseSigned(t *testing.T) {
	for _, good := range []string{"0", "0.0", "-0.0001", "1", "-10.50", "999999999999999.9999", "-999999999999999.9999"} {
		s, err := events.ParseSigned(good)
		if err != nil || s.String() != good || !s.Known() || (s.Sign() < 0) != strings.HasPrefix(good, "-") {
			t.Errorf("%s: got %s, %v", good, s, err)
		}
	}
	for _, bad := range []string{
		"", "-", "--1", "+1", "-0", "-0.00", "-.5", "1.", "-01", "1e3", "-1,000", " 1", "- 1", "-1.00000", "-1000000000000000", "NaN", "-Infinity", "−1",
	} {
		if s, err := events.ParseSigned(bad); !errors.Is(err, events.ErrAmount) || s.Known() {
			t.Errorf("%q: got %s, %v", bad, s, err)
		}
	}
}

func TestNewSigned(t *testing.T) {
	for _, bad := range []string{"-1.00000", "-1000000000000000", "0.00001"} {
		if s, err := events.NewSigned(decimal.MustParse(bad)); !errors.Is(err, events.ErrAmount) || s.Known() {
			t.Errorf("%s: got %s, %v", bad, s, err)
		}
	}
	s, err := events.NewSigned(decimal.MustParse("-1e3"))
	if err != nil || s.InCurrency("INR").String() != "-1000.00" || s.InCurrency("JPY").String() != "-1000" {
		t.Errorf("-1e3: got %s, %v", s, err)
	}
}

func TestSignedUnknown(t *testing.T) {
	var unknown events.Signed
	if unknown.Known() || !unknown.IsZero() || unknown.String() != "" || !unknown.InCurrency("INR").IsZero() {
		t.Error("the zero Signed must be unknown")
	}
	signed := events.MustParseSigned
	if unknown.Equal(signed("0")) || !unknown.Equal(events.Signed{}) || !signed("-10.5").Equal(signed("-10.50")) || signed("-1").Equal(signed("1")) {
		t.Error("Equal")
	}
	if d, known := signed("-1.5").Decimal(); !known || d.String() != "-1.5" {
		t.Error("Decimal")
	}
	if b, err := json.Marshal([]events.Signed{signed("-1.50"), {}}); err != nil || string(b) != `["-1.50",null]` {
		t.Errorf("%s, %v", b, err)
	}
	for _, bad := range []string{`-1`, `"-0"`, `{}`, `true`} {
		if err := json.Unmarshal([]byte(bad), new(events.Signed)); !errors.Is(err, events.ErrAmount) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What is written is read as it was.
func TestSignedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, _ := genAmount().Draw(t, "amount").Decimal()
		if rapid.Bool().Draw(t, "negative") {
			d = d.Neg()
		}
		s, err := events.NewSigned(d)
		if err != nil {
			t.Fatal(err)
		}
		var back events.Signed
		if err := json.Unmarshal(encode(t, s), &back); err != nil || back.String() != s.String() || !back.Equal(s) {
			t.Fatalf("%s is read as %s, %v", s, back, err)
		}
	})
}

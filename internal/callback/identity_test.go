package callback_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/internal/callback"
)

func TestFingerprint(t *testing.T) {
	for _, tt := range []struct {
		status  callback.Status
		reverse bool
		amount  string
		want    string
	}{
		{callback.Success, false, "1000", "s1-r0-1000"},
		{callback.Success, false, "1000.00", "s1-r0-1000"},
		{callback.Success, true, "1000.50", "s1-r1-1000.5"},
		{callback.Failed, false, "0", "s2-r0-0"},
		{callback.Failed, false, "0.0000", "s2-r0-0"},
		{callback.Submitted, false, "999999999999999.9999", "s0-r0-999999999999999.9999"},
	} {
		c := callback.Callback{Status: tt.status, Reverse: tt.reverse, Amount: decimal.MustParse(tt.amount)}
		if got := c.Fingerprint(); got != tt.want {
			t.Errorf("fingerprint of %+v is %s, want %s", tt, got, tt.want)
		}
	}
}

func TestFingerprintIgnoresWhatIsNoNews(t *testing.T) {
	a := callback.Callback{OrderID: "o1", Amount: decimal.MustParse("5"), Status: callback.Failed}
	b := a
	b.Remark, b.Fee, b.FeeKnown = "no", decimal.MustParse("1"), true
	if a.Fingerprint() != b.Fingerprint() {
		t.Errorf("%s and %s", a.Fingerprint(), b.Fingerprint())
	}
}

func TestMessageID(t *testing.T) {
	c := callback.Callback{
		OrderID: "e8a581fa_1", PlatOrderID: "p/1.%", Amount: decimal.MustParse("10.50"), Status: callback.Success,
	}
	if got, want := c.MessageID("collect", "m1001"), "m1001/collect/e8a581fa_1/p%2F1.%25/s1-r0-10.5"; got != want {
		t.Errorf("message id %s, want %s", got, want)
	}
	c.OrderID, c.PlatOrderID = strings.Repeat("/", 64), strings.Repeat("/", 64)
	long := c.MessageID("collect", "m1001")
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(long) {
		t.Errorf("long message id %s", long)
	}
	if c.MessageID("pay", "m1001") == long || c.MessageID("collect", "m1002") == long {
		t.Error("flow or merchant is not part of a long message id")
	}
}

// TestMessageIDIsUnambiguous holds that two callbacks share an id only if all
// that it is made of is the same.
func TestMessageIDIsUnambiguous(t *testing.T) {
	id := rapid.StringOfN(rapid.RuneFrom([]rune("a/.%-_2F:s1")), 1, 64, 64)
	rapid.Check(t, func(t *rapid.T) {
		type key struct {
			flow, merchant string
			c              callback.Callback
		}
		draw := func(label string) key {
			return key{
				rapid.SampledFrom([]string{"collect", "pay"}).Draw(t, label+" flow"),
				rapid.SampledFrom([]string{"m", "m-1", "m_1"}).Draw(t, label+" merchant"),
				callback.Callback{
					OrderID:     id.Draw(t, label+" order"),
					PlatOrderID: id.Draw(t, label+" platform order"),
					Amount:      decimal.MustParse(rapid.SampledFrom([]string{"1", "1.5", "15"}).Draw(t, label+" amount")),
					Status:      callback.Status(rapid.IntRange(0, 2).Draw(t, label+" status")),
					Reverse:     rapid.Bool().Draw(t, label+" reverse"),
				},
			}
		}
		a, b := draw("a"), draw("b")
		if rapid.Bool().Draw(t, "same platform order") {
			b.c.PlatOrderID = a.c.PlatOrderID
		}
		idA, idB := a.c.MessageID(a.flow, a.merchant), b.c.MessageID(b.flow, b.merchant)
		if len(idA) > 255 || strings.ContainsAny(idA, " \r\n") {
			t.Fatalf("message id %q", idA)
		}
		if (idA == idB) != (a == b) {
			t.Fatalf("%+v has id %s, %+v has id %s", a, idA, b, idB)
		}
	})
}

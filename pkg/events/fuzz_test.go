package events_test

import (
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/events"
)

// FuzzParseSubject: a subject that is accepted is the only writing of what it
// says, and no wildcard.
func FuzzParseSubject(f *testing.F) {
	for _, seed := range []string{
		"payments.v1.settled.collect.m1001.A1", "payments.v1.review.pay.m1001.A1.contradiction-0a1b2c3d", "payments.v1.resolved.pay.m1.A%2E1.x-00000000",
		"payments.v1.*.collect.m1001.A1", "payments.v1.settled.collect.m1001.>", "payments.v1.settled.collect.m1001.", "payments.v1.settled.collect.m1001.%41",
		"payments.v2.settled.collect.m1001.A1", "orders.v1.submitted.collect.m1001.A1", "orders.v1.withdrawn.pay.m1001.A1", "", strings.Repeat(".", 300),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		if parts, err := events.ParseSubject(subject); err == nil {
			back := "payments.v1." + string(parts.Outcome) + "." + string(parts.Flow) + "." +
				events.EscapeToken(parts.Merchant) + "." + events.EscapeToken(parts.OrderID)
			if parts.Tail != "" {
				back += "." + parts.Tail
			}
			if back != subject {
				t.Errorf("%q is read as %+v, which is written %q", subject, parts, back)
			}
			wantPlain(t, subject)
		}
		if order, eventType, err := events.ParseOrderSubject(subject); err == nil {
			if order.OrderID == "" || order.Merchant == "" || eventType == "" {
				t.Errorf("%q is read as %+v of %q", subject, order, eventType)
			}
			wantPlain(t, subject)
		}
	})
}

func wantPlain(t *testing.T, subject string) {
	t.Helper()
	if strings.ContainsAny(subject, "*> \t\r\n\x00") || strings.Contains(subject, "..") || strings.HasSuffix(subject, ".") {
		t.Errorf("%q is accepted as a subject", subject)
	}
}

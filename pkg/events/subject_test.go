package events_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/pkg/events"
)

var ord = events.Order{Flow: events.FlowCollect, Merchant: "m-1_A", OrderID: "A.1*>/%"}

func TestSubjects(t *testing.T) {
	const tail = "amount_differs-0a1b2c3d"
	for name, tc := range map[string]struct{ got, want string }{
		"settled":     {events.Subject(events.OutcomeSettled, ord), "payments.v1.settled.collect.m-1_A.A%2E1%2A%3E%2F%25"},
		"review":      {events.ReviewSubject(ord, tail), "payments.v1.review.collect.m-1_A.A%2E1%2A%3E%2F%25." + tail},
		"resolved":    {events.ResolvedSubject(ord, tail), "payments.v1.resolved.collect.m-1_A.A%2E1%2A%3E%2F%25." + tail},
		"guard":       {events.GuardFilter("m1", "A.1"), "payments.v1.*.*.m1.A%2E1"},
		"reviews":     {events.ReviewFilter("m1", "A.1"), "payments.v1.review.*.m1.A%2E1.>"},
		"resolveds":   {events.ResolvedFilter("m1", "A.1"), "payments.v1.resolved.*.m1.A%2E1.>"},
		"submitted":   {events.SubmittedSubject(ord), "orders.v1.submitted.collect.m-1_A.A%2E1%2A%3E%2F%25"},
		"withdrawn":   {events.WithdrawnSubject(ord), "orders.v1.withdrawn.collect.m-1_A.A%2E1%2A%3E%2F%25"},
		"repeated":    {events.RepeatedSubject(ord), "orders.v1.repeated.collect.m-1_A.A%2E1%2A%3E%2F%25"},
		"submitteds":  {events.SubmittedFilter("m1", "A.1"), "orders.v1.submitted.*.m1.A%2E1"},
		"order guard": {events.OrderGuardFilter("m1", "A.1"), "orders.v1.*.*.m1.A%2E1"},
		// SHA-256 of "abc" begins with ba (FIPS 180-4, example B.1).
		"callback":   {events.CallbackSubject("pay", "m1", "abc"), "callbacks.v1.pay.m1.ba"},
		"trail":      {events.TrailSubject("pay", "m1", "abc"), "trail.v1.pay.m1.ba"},
		"parked":     {events.ParkedSubject("pay", "m1"), "parked.v1.pay.m1"},
		"quarantine": {events.QuarantineSubject(events.QuarantineUnknown, events.UnknownToken, events.UnknownToken), "quarantine.v1.unknown._unknown._unknown"},
		"id":         {events.ID("m1", "A/1", events.OutcomeSettled), "m1/A%2F1/settled"},
		"review id":  {events.ReviewID("m1", "A.1", tail), "m1/A%2E1/review/" + tail},
		"resolve id": {events.ResolvedID("m1", "A.1", tail), "m1/A%2E1/resolved/" + tail},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %s, want %s", name, tc.got, tc.want)
		}
	}
}

func TestParseSubjectRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "payments.v1.", "payments.v2.settled.pay.m.1", "orders.v1.submitted.pay.m.1",
		"payments.v1.settled.pay.m", "payments.v1.settled.pay.m.1.x", "payments.v1.settled.refund.m.1",
		"payments.v1.refunded.pay.m.1", "payments.v1.settled.pay..1", "payments.v1.settled.pay.m.",
		"payments.v1.settled.pay.m.a%2e", "payments.v1.settled.pay.m.%41", "payments.v1.settled.pay.m.a*",
		"payments.v1.settled.*.m.1", "payments.v1.review.pay.m.1", "payments.v1.review.pay.m.1.late",
		"payments.v1.review.pay.m.1.late-0A1B2C3D", "payments.v1.review.pay.m.1.late-01234567.x",
	} {
		if parts, err := events.ParseSubject(bad); !errors.Is(err, events.ErrSubject) {
			t.Errorf("%q: got %+v, %v", bad, parts, err)
		}
	}
	for _, bad := range []string{
		"", "payments.v1.settled.pay.m.1", "orders.v1.submitted.pay.m", "orders.v1.withdrawn.pay.m.", "orders.v1.submitted.x.m.1",
		"orders.v1.repeated.pay.m.1.x", "orders.v1.cancelled.pay.m.1", "orders.v1.*.pay.m.1", "orders.v1.", "submitted.pay.m.1",
	} {
		if _, _, err := events.ParseOrderSubject(bad); !errors.Is(err, events.ErrSubject) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

// Subjects read back as what they were made from, so no two orders share one.
func TestSubjectsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Any text, not only valid ids: escaping must not depend on validation.
		o := events.Order{
			Flow:     rapid.SampledFrom([]events.Flow{events.FlowCollect, events.FlowPay}).Draw(t, "flow"),
			Merchant: rapid.StringN(1, -1, -1).Draw(t, "merchant"), OrderID: rapid.StringN(1, -1, -1).Draw(t, "order"),
		}
		tail := events.CaseTail(o, rapid.StringMatching(`[a-z][a-z0-9_]{0,47}`).Draw(t, "reason"), "part")
		for subject, want := range map[string]events.SubjectParts{
			events.Subject(events.OutcomeExpired, o): {Outcome: events.OutcomeExpired, Order: o},
			events.ReviewSubject(o, tail):            {Outcome: events.OutcomeReview, Order: o, Tail: tail},
			events.ResolvedSubject(o, tail):          {Outcome: events.OutcomeResolved, Order: o, Tail: tail},
		} {
			if got, err := events.ParseSubject(subject); err != nil || got != want {
				t.Fatalf("%s: got %+v, %v; want %+v", subject, got, err, want)
			}
		}
		for subject, want := range map[string]string{
			events.SubmittedSubject(o): events.TypeSubmitted,
			events.RepeatedSubject(o):  events.TypeRepeated,
			events.WithdrawnSubject(o): events.TypeWithdrawn,
		} {
			if got, eventType, err := events.ParseOrderSubject(subject); err != nil || got != o || eventType != want {
				t.Fatalf("%s: got %+v, %s, %v", subject, got, eventType, err)
			}
		}
	})
}

// The guard filter covers every final outcome of the order in both flows, and
// nothing else.
func TestGuardFilterCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genOrder().Draw(t, "a"), genOrder().Draw(t, "b")
		guard := events.GuardFilter(a.Merchant, a.OrderID)
		same := a.Merchant == b.Merchant && a.OrderID == b.OrderID
		for _, o := range events.Outcomes()[:4] {
			if !covers(guard, events.Subject(o, a)) {
				t.Fatalf("%s does not cover %s", guard, events.Subject(o, a))
			}
			if covers(guard, events.Subject(o, b)) != same {
				t.Fatalf("%s and %s", guard, events.Subject(o, b))
			}
		}
		tail := events.CaseTail(a, "late")
		if covers(guard, events.ReviewSubject(a, tail)) || covers(guard, events.ResolvedSubject(a, tail)) {
			t.Fatal("the guard covers reviews")
		}
		if !covers(events.ReviewFilter(a.Merchant, a.OrderID), events.ReviewSubject(a, tail)) ||
			!covers(events.ResolvedFilter(a.Merchant, a.OrderID), events.ResolvedSubject(a, tail)) ||
			!covers(events.SubmittedFilter(a.Merchant, a.OrderID), events.SubmittedSubject(a)) {
			t.Fatal("a filter misses its own subject")
		}
	})
}

// The guard filter of the registrations covers all that is said about an order,
// in both flows, and nothing about another.
func TestOrderGuardFilterCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genOrder().Draw(t, "a"), genOrder().Draw(t, "b")
		guard := events.OrderGuardFilter(a.Merchant, a.OrderID)
		same := a.Merchant == b.Merchant && a.OrderID == b.OrderID
		for _, subject := range []func(events.Order) string{events.SubmittedSubject, events.RepeatedSubject, events.WithdrawnSubject} {
			if !covers(guard, subject(a)) || covers(guard, subject(b)) != same {
				t.Fatalf("%s, %s and %s", guard, subject(a), subject(b))
			}
		}
		if covers(guard, events.Subject(events.OutcomeSettled, a)) || covers(events.SubmittedFilter(a.Merchant, a.OrderID), events.RepeatedSubject(a)) {
			t.Fatal("a filter covers what is not its own")
		}
	})
}

// covers is NATS subject matching.
func covers(filter, subject string) bool {
	f, s := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, token := range f {
		if token == ">" {
			return len(s) > i
		}
		if i >= len(s) || (token != "*" && token != s[i]) {
			return false
		}
	}
	return len(f) == len(s)
}

func TestSubjectBound(t *testing.T) {
	longest := events.Order{
		Flow: events.FlowCollect, Merchant: strings.Repeat("m", 64), OrderID: strings.Repeat(".", 64),
	}
	reason := strings.Repeat("r", events.MaxReasonBytes)
	p := payment()
	p.Merchant, p.OrderID, p.Reason, p.Net = longest.Merchant, longest.OrderID, reason, events.Amount{}
	e := must(t, events.Resolved{Payment: p, Case: events.CaseTail(longest, reason), By: "a", Why: "b"})
	if got := len(e.NATSSubject()); got != events.MaxSubjectBytes {
		t.Errorf("the longest subject has %d bytes, MaxSubjectBytes says %d", got, events.MaxSubjectBytes)
	}
}

// Different (merchant, order, outcome, tail) have different ids.
func TestIDsInjective(t *testing.T) {
	type name struct{ merchant, order, outcome, tail string }
	gen := rapid.Custom(func(t *rapid.T) name {
		// Few letters, and the separators, so that near misses are common.
		id := rapid.StringOfN(rapid.SampledFrom([]rune("a/%2F.")), 1, 4, -1)
		return name{
			id.Draw(t, "merchant"), id.Draw(t, "order"),
			string(rapid.SampledFrom(events.Outcomes()).Draw(t, "outcome")),
			rapid.SampledFrom([]string{"a-00000000", "a-00000001", "b-00000000"}).Draw(t, "tail"),
		}
	})
	id := func(n *name) string {
		switch o := events.Outcome(n.outcome); o {
		case events.OutcomeReview:
			return events.ReviewID(n.merchant, n.order, n.tail)
		case events.OutcomeResolved:
			return events.ResolvedID(n.merchant, n.order, n.tail)
		default:
			n.tail = ""
			return events.ID(n.merchant, n.order, o)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		byID := map[string]name{}
		for _, n := range rapid.SliceOfN(gen, 2, 200).Draw(t, "names") {
			key := id(&n)
			if other, taken := byID[key]; taken && other != n {
				t.Fatalf("%+v and %+v are both %s", n, other, key)
			}
			byID[key] = n
		}
	})
}

func TestCaseHash(t *testing.T) {
	if events.CaseHash("ab", "c") == events.CaseHash("a", "bc") || events.CaseHash("a") == events.CaseHash("a", "") {
		t.Error("parts run together")
	}
	if got := events.CaseHash(); got != "e3b0c442" { // SHA-256 of nothing
		t.Errorf("CaseHash() = %s", got)
	}
	// Pinned: another hash would open every review a second time.
	if got := events.CaseHash("1000", "900"); got != "3dfeaf72" {
		t.Errorf("CaseHash(1000, 900) = %s", got)
	}
	pay := ord
	pay.Flow = events.FlowPay
	if events.CaseTail(ord, "late") == events.CaseTail(pay, "late") {
		t.Error("the flows share a case")
	}
}

func FuzzEscapeToken(f *testing.F) {
	for _, seed := range []string{"", "abc", "a.b", "%", "%41", "*", ">", " ", "\x00", "é", "\xff", "A%2E1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token := events.EscapeToken(s)
		if strings.ContainsAny(token, ".*> \t\r\n\x00") || len(token) > 3*len(s) {
			t.Fatalf("%q is not one token", token)
		}
		if s != "" {
			if back, err := events.UnescapeToken(token); err != nil || back != s {
				t.Fatalf("%q → %q → %q, %v", s, token, back, err)
			}
		}
		// Read as a token, the input is refused or is the only form of what it says.
		if text, err := events.UnescapeToken(s); err == nil && events.EscapeToken(text) != s {
			t.Fatalf("%q reads as %q, which is written %q", s, text, events.EscapeToken(text))
		} else if err != nil && !errors.Is(err, events.ErrToken) {
			t.Fatalf("untyped error %v", err)
		}
	})
}

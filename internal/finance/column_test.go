package finance_test

import (
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// TestLayout1 is the contract: it never changes. What finance needs besides is
// another layout.
func TestLayout1(t *testing.T) {
	const lines = "sequence number, stored_at time, event_id text, outcome text, confirmed_at time, booking_date date, merchant text, " +
		"account text, flow text, order_id text, plat_order_id text, direction text, currency text, amount money, fee money, net money, " +
		"submitted_amount money, reason text, via text, match text, livemode bool, utr text, remark text, supersedes text, case text, " +
		"resolves text, resolved_by text, resolved_why text, resulting_event text"
	const totals = "merchant text, currency text, livemode bool, flow text, booking_date date, outcome text, direction text, count number, " +
		"gross money, fee money, net money, without_fee number, without_net number"
	var got []string
	for _, c := range finance.Columns(1) {
		got = append(got, c.Name+" "+string(c.Kind))
	}
	if strings.Join(got, ", ") != lines {
		t.Errorf("the lines are %s", got)
	}
	got = nil
	for _, c := range finance.TotalColumns(1) {
		got = append(got, c.Name+" "+string(c.Kind))
	}
	if strings.Join(got, ", ") != totals {
		t.Errorf("the totals are %s", got)
	}
	if finance.Columns(2) != nil || finance.TotalColumns(0) != nil {
		t.Error("there is a layout that nobody published")
	}
}

// TestLinesOfLayout1 holds what stands in the columns: a closed period is to give
// these bytes for ever.
func TestLinesOfLayout1(t *testing.T) {
	review := events.Payment{
		Reason: "amount_mismatch", Via: events.ViaCallback, Flow: events.FlowPay, Merchant: "m1", Account: "8801", OrderID: "B/2",
		Currency: "INR", BookingDate: "2026-11-05", SubmittedAmount: events.MustParseAmount("10"), Remark: "<b>\"x\"</b> =1+1",
	}
	resolution := review
	resolution.Via = events.ViaOperator
	for _, tt := range []struct {
		name string
		line finance.Line
		want string
	}{
		{"settled", line(t, 7, func(p *events.Payment) { p.UTR = "012345678901" }), `{"sequence":7,"stored_at":"2026-11-05T12:00:00.001Z","event_id":"m1/A1/settled",` +
			`"outcome":"settled","confirmed_at":"2026-11-05T12:00:00.000Z","booking_date":"2026-11-05","merchant":"m1","account":"8801","flow":"collect",` +
			`"order_id":"A1","plat_order_id":"236130395249311744","direction":"credit","currency":"INR","amount":"1000.00","fee":"20.50","net":"979.50",` +
			`"reason":"confirmed","via":"callback","match":"two-way","livemode":true,"utr":"012345678901"}`},
		{
			"review", lineOf(t, 8, events.Review{Payment: review, Case: events.CaseTail(review.Order(), "amount_mismatch")}),
			`{"sequence":8,"stored_at":"2026-11-05T12:00:00.001Z","event_id":"m1/B%2F2/review/amount_mismatch-c82de480","outcome":"review",` +
				`"confirmed_at":"2026-11-05T12:00:00.000Z","booking_date":"2026-11-05","merchant":"m1","account":"8801","flow":"pay","order_id":"B/2",` +
				`"direction":"none","currency":"INR","submitted_amount":"10.00","reason":"amount_mismatch","via":"callback","livemode":false,` +
				`"remark":"<b>\"x\"</b> =1+1","case":"amount_mismatch-c82de480"}`,
		},
		{
			"resolved", lineOf(t, 9, events.Resolved{Payment: resolution, Case: events.CaseTail(review.Order(), "amount_mismatch"), By: "ann", Why: "asked the bank", ResultingEvent: "m1/B%2F2/settled"}),
			`{"sequence":9,"stored_at":"2026-11-05T12:00:00.001Z","event_id":"m1/B%2F2/resolved/amount_mismatch-c82de480","outcome":"resolved",` +
				`"confirmed_at":"2026-11-05T12:00:00.000Z","booking_date":"2026-11-05","merchant":"m1","account":"8801","flow":"pay","order_id":"B/2",` +
				`"direction":"none","currency":"INR","submitted_amount":"10.00","reason":"amount_mismatch","via":"operator","livemode":false,` +
				`"remark":"<b>\"x\"</b> =1+1","case":"amount_mismatch-c82de480","resolves":"m1/B%2F2/review/amount_mismatch-c82de480",` +
				`"resolved_by":"ann","resolved_why":"asked the bank","resulting_event":"m1/B%2F2/settled"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(finance.JSONLine(nil, finance.Columns(1), tt.line)); got != tt.want+"\n" {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	d := finance.NewDigest(1)
	d.Add(line(t, 7, nil))
	if d.String() == finance.NewDigest(1).String() || len(d.String()) != 64 {
		t.Errorf("the digest is %s", d)
	}
}

func TestInert(t *testing.T) {
	for in, want := range map[string]struct{ inert, csv string }{
		"": {"", ""}, "A1": {"A1", "A1"}, "=1+1": {"'=1+1", "'=1+1"}, "+1": {"'+1", "'+1"}, "-1": {"'-1", "'-1"}, "@x": {"'@x", "'@x"},
		"\tx": {"'\tx", "'\tx"}, "\rx": {"'\rx", "'\rx"}, "\n=1": {"'\n=1", "'\n=1"}, "'x": {"''x", "''x"},
		"236130395249311744": {"236130395249311744", "'236130395249311744"}, "007": {"007", "'007"}, "1E5": {"1E5", "'1E5"},
		"3/4": {"3/4", "'3/4"}, "12:30": {"12:30", "'12:30"}, "2026-11-05": {"2026-11-05", "'2026-11-05"}, "10 %": {"10 %", "'10 %"},
		"a=1": {"a=1", "a=1"}, "J&K Bank": {"J&K Bank", "J&K Bank"}, "e": {"e", "e"}, "注文 1": {"注文 1", "注文 1"},
	} {
		if got := finance.Inert(in); got != want.inert {
			t.Errorf("%q: %q, want %q", in, got, want.inert)
		}
		got := finance.InertCSV(in)
		if got != want.csv {
			t.Errorf("%q in CSV: %q, want %q", in, got, want.csv)
		}
		if back, _ := strings.CutPrefix(got, "'"); back != in {
			t.Errorf("%q comes back as %q", in, back)
		}
	}
}

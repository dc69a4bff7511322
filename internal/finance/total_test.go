package finance_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

func TestTotals(t *testing.T) {
	var totals finance.Totals
	reversed := line(t, 3, nil).Event.Data.(events.Settled).Payment
	reversed.Supersedes, reversed.Direction = "m1/A1/settled", ""
	failed := events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Flow: events.FlowCollect, Merchant: "m1", Account: "8801", OrderID: "A9",
		Amount: events.MustParseAmount("5"), Currency: "INR", BookingDate: "2026-11-05", LiveMode: true,
	}
	for _, l := range []finance.Line{
		line(t, 1, nil),
		line(t, 2, func(p *events.Payment) {
			p.OrderID, p.Amount, p.Net = "A2", events.MustParseAmount("1000.0001"), events.MustParseAmount("979.5001")
		}),
		lineOf(t, 3, events.Reversed{Payment: reversed}),
		line(t, 4, func(p *events.Payment) { p.OrderID, p.BookingDate = "A4", "2026-11-04" }),
		line(t, 5, func(p *events.Payment) { p.OrderID, p.LiveMode = "A5", false }),
		line(t, 6, func(p *events.Payment) { p.OrderID, p.Currency = "A6", "BRL" }),
		line(t, 7, func(p *events.Payment) {
			p.OrderID, p.Flow, p.Fee, p.Net = "A7", events.FlowPay, events.Amount{}, events.Amount{}
		}),
		line(t, 8, func(p *events.Payment) { p.OrderID, p.Merchant = "A8", "a0" }),
		lineOf(t, 9, events.Failed{Payment: failed}),
	} {
		totals.Add(l)
	}
	var got string
	for _, total := range totals.List() {
		got += string(finance.JSONTotal(nil, finance.TotalColumns(1), total))
	}
	const want = `{"merchant":"a0","currency":"INR","livemode":true,"flow":"collect","booking_date":"2026-11-05","outcome":"settled","direction":"credit","count":1,"gross":"1000.00","fee":"20.50","net":"979.50","without_fee":0,"without_net":0}
{"merchant":"m1","currency":"BRL","livemode":true,"flow":"collect","booking_date":"2026-11-05","outcome":"settled","direction":"credit","count":1,"gross":"1000.00","fee":"20.50","net":"979.50","without_fee":0,"without_net":0}
{"merchant":"m1","currency":"INR","livemode":true,"flow":"collect","booking_date":"2026-11-04","outcome":"settled","direction":"credit","count":1,"gross":"1000.00","fee":"20.50","net":"979.50","without_fee":0,"without_net":0}
{"merchant":"m1","currency":"INR","livemode":true,"flow":"collect","booking_date":"2026-11-05","outcome":"failed","direction":"none","count":1,"gross":"0.00","fee":"0.00","net":"0.00","without_fee":0,"without_net":0}
{"merchant":"m1","currency":"INR","livemode":true,"flow":"collect","booking_date":"2026-11-05","outcome":"reversed","direction":"debit","count":1,"gross":"1000.00","fee":"20.50","net":"979.50","without_fee":0,"without_net":0}
{"merchant":"m1","currency":"INR","livemode":true,"flow":"collect","booking_date":"2026-11-05","outcome":"settled","direction":"credit","count":2,"gross":"2000.0001","fee":"41.00","net":"1959.0001","without_fee":0,"without_net":0}
{"merchant":"m1","currency":"INR","livemode":true,"flow":"pay","booking_date":"2026-11-05","outcome":"settled","direction":"debit","count":1,"gross":"1000.00","fee":"0.00","net":"0.00","without_fee":1,"without_net":1}
{"merchant":"m1","currency":"INR","livemode":false,"flow":"collect","booking_date":"2026-11-05","outcome":"settled","direction":"credit","count":1,"gross":"1000.00","fee":"20.50","net":"979.50","without_fee":0,"without_net":0}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	effects := totals.Effects()
	if len(effects) != 4 || totals.Count() != 9 {
		t.Fatalf("%d effects of %d events", len(effects), totals.Count())
	}
	e := effects[2]
	if e.Merchant != "m1" || e.Currency != "INR" || !e.LiveMode || e.Events != 6 || e.WithoutNet != 1 ||
		e.Credits.In("INR") != "2938.5001" || e.Debits.In("INR") != "979.50" || e.Balance().In("INR") != "1959.0001" {
		t.Errorf("the effect is %+v", e)
	}
}

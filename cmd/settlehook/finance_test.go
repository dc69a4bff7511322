package main

import (
	"encoding/json"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/settlehook/settlehook/pkg/events"
)

// tell tells that a collection was settled at noon of a day in UTC, less a fee of
// one:
//
//	tell m1001 A1 1000.00 2026-05-01
func tell(ts *testscript.TestScript, _ bool, args []string) {
	noon, err := time.Parse(time.DateOnly, args[3])
	ts.Check(err)
	noon = noon.Add(12 * time.Hour)
	p := events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect, Merchant: args[0], Account: "8801",
		OrderID: args[1], Amount: events.MustParseAmount(args[2]), Fee: events.MustParseAmount("1"), Currency: "INR", LiveMode: true,
		BookingDate: args[3], Remark: "=1+1" + hostile,
	}
	_, p.Net = events.Net(events.OutcomeSettled, p.Flow, events.PayFeeUnknown, p.Amount, p.Fee)
	e, err := events.New("test", noon, events.Settled{Payment: p})
	ts.Check(err)
	body, err := json.Marshal(e)
	ts.Check(err)
	ctx, cancel := testContext()
	defer cancel()
	_, err = connect(ts).Publish(ctx, e.NATSSubject(), body)
	ts.Check(err)
}

// balance stores what a gateway said of a merchant's balance two seconds after a
// midnight in UTC:
//
//	balance m1001 2026-05-01 100.00
func balance(ts *testscript.TestScript, _ bool, args []string) {
	at, err := time.Parse(time.DateOnly, args[1])
	ts.Check(err)
	at = at.Add(2 * time.Second)
	amount := events.MustParseSigned(args[2])
	e, err := events.NewBalance("test", events.BalanceSnapshot{
		Merchant: args[0], Account: "8801", Currency: "INR", Date: args[1], All: amount, Usable: amount, AskedAt: at, AnsweredAt: at, LiveMode: true,
	})
	ts.Check(err)
	body, err := json.Marshal(e)
	ts.Check(err)
	ctx, cancel := testContext()
	defer cancel()
	_, err = connect(ts).Publish(ctx, e.NATSSubject(), body)
	ts.Check(err)
}

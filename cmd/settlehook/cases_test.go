package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// long ago: what is printed of it stays the same.
var longAgo = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// hostile is what an outsider would like a terminal to obey.
const hostile = "\x1b]0;owned\x07\u202e"

// signedBody is a callback about an order.
func signedBody(ts *testscript.TestScript, order, key string) string {
	object := `{"platOrderId":"P-` + order + `","orderId":"` + order + `","amount":1000.00,"status":1,"reverse":false,"remark":"no","fee":0}`
	params, err := sign.ParseJSON([]byte(object))
	ts.Check(err)
	return strings.TrimSuffix(object, "}") + `,"sign":"` + sign.Sign(params, sign.Secret(key)) + `"}`
}

// park parks a callback of merchant m1001, as a worker does:
//
//	park A1 expired
//	park - unreadable     # what is no callback, and says not where it was
func park(ts *testscript.TestScript, _ bool, args []string) {
	js := connect(ts)
	ctx, cancel := testContext()
	defer cancel()
	m := &nats.Msg{Subject: "parked.v1.collect.m1001", Data: []byte(hostile), Header: nats.Header{
		stream.HeaderReason: []string{args[1]}, "Settlehook-Error": []string{"broken" + hostile}, "Settlehook-Deliveries": []string{"20"},
	}}
	if args[0] != "-" {
		m.Data = []byte(signedBody(ts, args[0], secret))
		m.Header.Set("Content-Type", "application/json")
		m.Header.Set("Settlehook-Error", "order query unavailable: transport")
		m.Header.Set("Settlehook-Subject", events.CallbackSubject("collect", "m1001", args[0]))
		m.Header.Set(stream.HeaderSequence, "11")
		m.Header.Set("Settlehook-Received-At", longAgo.Format(time.RFC3339))
		m.Header.Set("Settlehook-Source", "192.0.2.1")
	}
	_, err := js.PublishMsg(ctx, m)
	ts.Check(err)
}

// quarantine refuses a callback of merchant m1001, as the receiver does:
//
//	quarantine A1 signature bad-signature
//	quarantine - malformed bad-json          # junk
func quarantine(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := testContext()
	defer cancel()
	r := stream.Refused{
		Class: stream.Class(args[1]), Flow: "collect", Merchant: "m1001", Reason: args[2], Detail: "no key fits", Path: "/callbacks/collect/m1001",
		Body: []byte(`{"orderId":"` + hostile + `"}`), ContentType: "application/json", ReceivedAt: longAgo, Source: "192.0.2.1",
	}
	if args[0] != "-" {
		r.Body = []byte(signedBody(ts, args[0], secret))
	}
	if r.Class == stream.ClassUnknown {
		r.Flow, r.Merchant = stream.Unknown, stream.Unknown
	}
	ts.Check(stream.NewQuarantineLog(connect(ts)).Keep(ctx, r))
}

// review opens a review of a collection of merchant m1001, for a reason:
//
//	review A1 amount_mismatch
func review(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := testContext()
	defer cancel()
	p := events.Payment{
		Reason: args[1], Via: events.ViaCallback, Flow: events.FlowCollect, Merchant: "m1001", Account: "8801", OrderID: args[0], PlatOrderID: "P1",
		Amount: events.MustParseAmount("900"), SubmittedAmount: events.MustParseAmount("1000"), Currency: "INR", BookingDate: "2026-05-01",
		Remark: "no" + hostile,
		Evidence: events.Evidence{
			ReceivedAt: longAgo, ConfirmedAt: longAgo,
			Callback: &events.CallbackEvidence{Status: 1, Amount: events.MustParseAmount("1000"), PlatOrderID: "P1"},
			Query:    &events.QueryEvidence{Status: 1, Amount: events.MustParseAmount("900"), PlatOrderID: "P1"},
		},
	}
	e, err := events.New("test", longAgo, events.Review{Payment: p, Case: events.CaseTail(p.Order(), p.Reason)})
	ts.Check(err)
	b, err := json.Marshal(e)
	ts.Check(err)
	_, err = connect(ts).Publish(ctx, e.NATSSubject(), b)
	ts.Check(err)
}

// answerQuery answers like a gateway's order query: every order was paid 900.
func answerQuery(w http.ResponseWriter, body []byte) {
	params, err := sign.ParseJSON(body)
	if err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	order, _ := params.Get("orderId")
	_, _ = fmt.Fprintf(w, `{"code":200,"success":true,"msg":"","desc":"","data":{"orderId":%q,"platOrderId":"P1","status":1,"amount":900,"fee":9}}`, order.Value)
}

package events_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/pkg/events"
)

// balance is what a gateway said a moment after midnight in Kolkata.
func balance() events.BalanceSnapshot {
	midnight := time.Date(2026, 5, 2, 0, 0, 0, 0, time.FixedZone("IST", 19800))
	return events.BalanceSnapshot{
		Merchant: "m1001", Account: "8801", Currency: "INR", Date: "2026-05-02",
		All: events.MustParseSigned("250.5"), Usable: events.MustParseSigned("-749.5"),
		AskedAt: midnight.Add(200_400 * time.Microsecond), AnsweredAt: midnight.Add(345_600 * time.Microsecond), LiveMode: true,
	}
}

func mustBalance(t testing.TB, b events.BalanceSnapshot) events.BalanceEvent {
	t.Helper()
	e, err := events.NewBalance(installation, b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGoldenBalance(t *testing.T) {
	e := mustBalance(t, balance())
	wire := encode(t, e)
	golden(t, "balance", wire)
	checkSchema(t, e.Type, wire)
	back, err := events.DecodeBalance(wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, back); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
	if e.NATSSubject() != "balances.v1.m1001" || e.Installation() != installation {
		t.Errorf("%s of %s", e.NATSSubject(), e.Installation())
	}
}

// What is planted is refused: by DecodeBalance always, by the schemas where they
// can see it.
func TestBalanceRefusesPlanted(t *testing.T) {
	wire := string(encode(t, mustBalance(t, balance())))
	for name, p := range map[string]planted{
		"all a number":         {`"all":"250.50"`, `"all":250.50`, "data.all", false},
		"all null":             {`"all":"250.50"`, `"all":null`, "data.all", false},
		"all empty":            {`"all":"250.50"`, `"all":""`, "data.all", false},
		"all absent":           {`"all":"250.50",`, ``, "data.all", false},
		"all twice":            {`"all":"250.50"`, `"all":"250.50","all":"1.00"`, "data.all", true},
		"all misspelt":         {`"all":"250.50"`, `"All":"250.50"`, "data.All", false},
		"usable minus zero":    {`"usable":"-749.50"`, `"usable":"-0.00"`, "data.usable", false},
		"usable plus":          {`"usable":"-749.50"`, `"usable":"+749.50"`, "data.usable", false},
		"usable 5 digits":      {`"usable":"-749.50"`, `"usable":"-749.50000"`, "data.usable", false},
		"usable 16 digits":     {`"usable":"-749.50"`, `"usable":"-1000000000000000"`, "data.usable", false},
		"usable absent":        {`"usable":"-749.50",`, ``, "data.usable", false},
		"another merchant":     {`"merchant":"m1001"`, `"merchant":"m1002"`, "id", true},
		"merchant wild":        {`"merchant":"m1001"`, `"merchant":"*"`, "data.merchant", false},
		"account with space":   {`"account":"8801"`, `"account":"88 01"`, "data.account", false},
		"currency small":       {`"currency":"INR"`, `"currency":"inr"`, "data.currency", false},
		"date of another id":   {`"date":"2026-05-02"`, `"date":"2026-05-03"`, "id", true},
		"date with time":       {`"date":"2026-05-02"`, `"date":"2026-05-02T00:00:00Z"`, "data.date", false},
		"no such day":          {`"date":"2026-05-02"`, `"date":"2026-02-30"`, "data.date", false},
		"never asked":          {`"askedAt":"2026-05-01T18:30:00.2Z",`, ``, "data.askedAt", false},
		"asked in year 0":      {`"askedAt":"2026-05-01T18:30:00.2Z"`, `"askedAt":"0001-01-01T00:00:00Z"`, "data.askedAt", true},
		"answered before":      {`"askedAt":"2026-05-01T18:30:00.2Z"`, `"askedAt":"2026-05-01T18:30:00.4Z"`, "data.answeredAt", true},
		"answered elsewhen":    {`"time":"2026-05-01T18:30:00.345Z"`, `"time":"2026-05-01T18:30:01Z"`, "time", true},
		"livemode text":        {`"livemode":true`, `"livemode":"true"`, "data.livemode", false},
		"livemode absent":      {`,"livemode":true`, ``, "data.livemode", false},
		"subject of an order":  {`"subject":"m1001"`, `"subject":"A.17"`, "subject", true},
		"source of another":    {`"source":"urn:settlehook:prod-eu.1:m1001"`, `"source":"urn:settlehook:prod-eu.1:m1002"`, "source", true},
		"id of another":        {`"id":"m1001/balance/`, `"id":"m1002/balance/`, "id", true},
		"an id without a date": {`"id":"m1001/balance/2026-05-02"`, `"id":"m1001"`, "id", false},
	} {
		t.Run(name, func(t *testing.T) {
			bad := []byte(p.in(t, wire))
			_, err := events.DecodeBalance(bad)
			wantInvalid(t, err, p.field)
			if refused := validate(events.TypeBalance, bad) != nil; refused == p.open {
				t.Errorf("the schema refuses: %t, want %t", refused, !p.open)
			}
		})
	}
}

func TestBalanceOfNoOther(t *testing.T) {
	var unknown *events.UnknownTypeError
	wire := encode(t, mustBalance(t, balance()))
	if _, err := events.Decode(wire); !errors.As(err, &unknown) {
		t.Errorf("a balance read as a payment: %v", err)
	}
	if _, err := events.DecodeOrder(wire); !errors.As(err, &unknown) {
		t.Errorf("a balance read as an order: %v", err)
	}
	if _, err := events.DecodeBalance([]byte(settledWire(t))); !errors.As(err, &unknown) {
		t.Errorf("a payment read as a balance: %v", err)
	}
	_, err := events.DecodeBalance([]byte(strings.Replace(string(wire), `"all":"250.50"`, `"all":"1e3"`, 1)))
	if !errors.Is(err, events.ErrAmount) {
		t.Errorf("got %v, want it to wrap ErrAmount", err)
	}
	if _, err := json.Marshal(events.BalanceEvent{}); err == nil {
		t.Error("the empty balance event was written")
	}
	b := balance()
	b.Merchant = "a.b"
	_, err = events.NewBalance(installation, b)
	wantInvalid(t, err, "data.merchant")
}

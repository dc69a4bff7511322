package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/pkg/events"
)

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	var invalid *events.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("got error %v, want an InvalidError of %s", err, field)
	}
	if invalid.Field != field {
		t.Errorf("got %v, want it of %s", err, field)
	}
}

// planted changes one good event, by text, into a wrong one.
type planted struct {
	old, new string
	field    string // as Decode reports it
	// open is set where JSON Schema can't see it: names twice or misspelt, sums,
	// and what the envelope and the data must have in common.
	open bool
}

var plantedSettled = map[string]planted{
	"amount a number":     {`"amount":"1000.00","fee":"12.50","net"`, `"amount":1000.00,"fee":"12.50","net"`, "data.amount", false},
	"amount null":         {`"amount":"1000.00","fee":"12.50","net"`, `"amount":null,"fee":"12.50","net"`, "data.amount", false},
	"amount empty":        {`"amount":"1000.00","fee":"12.50","net"`, `"amount":"","fee":"12.50","net"`, "data.amount", false},
	"amount negative":     {`"amount":"1000.00","fee":"12.50","net"`, `"amount":"-1000.00","fee":"12.50","net"`, "data.amount", false},
	"amount exponent":     {`"amount":"1000.00","fee":"12.50","net"`, `"amount":"1E3","fee":"12.50","net"`, "data.amount", false},
	"amount zero":         {`"amount":"1000.00","fee":"12.50","net"`, `"amount":"0.00","fee":"12.50","net"`, "data.amount", false},
	"amount leading zero": {`"amount":"1000.00","fee":"12.50","net"`, `"amount":"01000.00","fee":"12.50","net"`, "data.amount", false},
	"amount absent":       {`"amount":"1000.00","fee":"12.50","net"`, `"fee":"12.50","net"`, "data.amount", false},
	"amount twice":        {`"amount":"1000.00","fee":"12.50","net"`, `"amount":"1000.00","amount":"1.00","fee":"12.50","net"`, "data.amount", true},
	"amount as AMOUNT":    {`"amount":"1000.00","fee":"12.50","net"`, `"amount":"1000.00","AMOUNT":"1.00","fee":"12.50","net"`, "data.AMOUNT", true},
	"fee as Fee":          {`"fee":"12.50","net"`, `"Fee":"12.50","net"`, "data.Fee", true},
	"fee 5 digits":        {`"fee":"12.50","net"`, `"fee":"12.50000","net"`, "data.fee", false},
	"fee 16 digits":       {`"fee":"12.50","net"`, `"fee":"1234567890123456","net"`, "data.fee", false},
	"net wrong":           {`"net":"987.50"`, `"net":"1000.00"`, "data.net", true},
	"outcome of another":  {`"outcome":"settled"`, `"outcome":"failed"`, "data.outcome", false},
	"no reason":           {`"reason":"amounts_agree",`, ``, "data.reason", false},
	"reason empty":        {`"reason":"amounts_agree"`, `"reason":""`, "data.reason", false},
	"via unknown":         {`"via":"callback"`, `"via":"guess"`, "data.via", false},
	"match unknown":       {`"match":"three-way"`, `"match":"four-way"`, "data.match", false},
	"match absent":        {`"match":"three-way",`, ``, "data.match", false},
	"flow unknown":        {`"flow":"collect"`, `"flow":"refund"`, "data.flow", false},
	"merchant wild":       {`"merchant":"m1001"`, `"merchant":"*"`, "data.merchant", false},
	"account empty":       {`"account":"8801"`, `"account":""`, "data.account", false},
	"order with space":    {`"orderId":"A.17"`, `"orderId":"A 17"`, "data.orderId", false},
	"order with &":        {`"orderId":"A.17"`, `"orderId":"A&17"`, "data.orderId", false},
	"other order":         {`"orderId":"A.17"`, `"orderId":"A.18"`, "id", true},
	"currency lower":      {`"currency":"INR"`, `"currency":"inr"`, "data.currency", false},
	"direction opposite":  {`"direction":"credit"`, `"direction":"debit"`, "data.direction", false},
	"direction unknown":   {`"direction":"credit"`, `"direction":"up"`, "data.direction", false},
	"booking date":        {`"bookingDate":"2026-05-02"`, `"bookingDate":"2026-13-02"`, "data.bookingDate", false},
	"livemode absent":     {`"livemode":true,`, ``, "data.livemode", false},
	"livemode a string":   {`"livemode":true`, `"livemode":"true"`, "data.livemode", false},
	"utr a number":        {`"utr":"310310600223","remark":"J`, `"utr":310310600223,"remark":"J`, "data.utr", false},
	"remark too long":     {`"remark":"ok"`, `"remark":"` + strings.Repeat("é", 257) + `"`, "data.evidence.callback.remark", false},
	"supersedes nonsense": {`"evidence":{`, `"supersedes":"x","evidence":{`, "data.supersedes", false},
	"supersedes another":  {`"evidence":{`, `"supersedes":"m1001/B/failed","evidence":{`, "data.supersedes", true},
	"evidence a list":     {`"evidence":{`, `"evidence":[],"x":{`, "data.evidence", false},
	"sequence negative":   {`"streamSequence":4711`, `"streamSequence":-1`, "data.evidence.streamSequence", false},
	"sequence zero":       {`"streamSequence":4711`, `"streamSequence":0`, "data.evidence.streamSequence", false},
	"received yesterday":  {`"receivedAt":"2026-05-01T19:04:04.678Z"`, `"receivedAt":"yesterday"`, "data.evidence.receivedAt", false},
	"callback status 3":   {`"callback":{"status":1`, `"callback":{"status":3`, "data.evidence.callback.status", false},
	"callback no status":  {`"callback":{"status":1,`, `"callback":{`, "data.evidence.callback.status", false},
	"query no status":     {`"query":{"status":1,`, `"query":{`, "data.evidence.query.status", false},
	"query status text":   {`"query":{"status":1,`, `"query":{"status":"1",`, "data.evidence.query.status", false},
	"query not found too": {`"query":{"status":1,`, `"query":{"notFound":true,"status":1,`, "data.evidence.query.status", false},
	"not found, amount":   {`"query":{"status":1,`, `"query":{"notFound":true,`, "data.evidence.query.notFound", false},

	"no id":              {`"id":"m1001/A%2E17/settled",`, ``, "id", false},
	"id of another":      {`"id":"m1001/A%2E17/settled"`, `"id":"m1001/A%2E18/settled"`, "id", true},
	"source foreign":     {`"source":"urn:settlehook:`, `"source":"urn:other:`, "source", false},
	"source merchant":    {`"source":"urn:settlehook:prod-eu.1:m1001"`, `"source":"urn:settlehook:prod-eu.1:m1"`, "source", true},
	"subject another":    {`"subject":"A.17"`, `"subject":"A.18"`, "subject", true},
	"subject twice":      {`"subject":"A.17"`, `"subject":"A.17","subject":"A.17"`, "subject", true},
	"no time":            {`"time":"2026-05-01T19:04:05.678Z",`, ``, "time", false},
	"time of day":        {`"time":"2026-05-01T19:04:05.678Z"`, `"time":"19:04"`, "time", false},
	"content type":       {`"datacontenttype":"application/json"`, `"datacontenttype":"text/xml"`, "datacontenttype", false},
	"dataschema empty":   {`"dataschema":"urn:settlehook:schema:settlehook.payment.settled.v1"`, `"dataschema":""`, "dataschema", false},
	"data null":          {`"data":{`, `"data":null,"x":{`, "data", false},
	"data a string":      {`"data":{`, `"data":"{}","x":{`, "data", false},
	"data in base64":     {`"data":{`, `"data_base64":"e30=","data":{`, "data_base64", true},
	"type as Type":       {`"type":"`, `"Type":"`, "Type", false},
	"specversion number": {`"specversion":"1.0"`, `"specversion":1.0`, "specversion", false},
}

func settledWire(t testing.TB) string {
	return string(encode(t, must(t, samples()["settled"])))
}

func (p planted) in(t testing.TB, wire string) string {
	t.Helper()
	if strings.Count(wire, p.old) != 1 {
		t.Fatalf("%s is in the event %d times", p.old, strings.Count(wire, p.old))
	}
	return strings.Replace(wire, p.old, p.new, 1)
}

func TestDecodeRefusesPlanted(t *testing.T) {
	for name, p := range plantedSettled {
		t.Run(name, func(t *testing.T) {
			_, err := events.Decode([]byte(p.in(t, settledWire(t))))
			wantInvalid(t, err, p.field)
		})
	}
}

func TestDecodeTypedErrors(t *testing.T) {
	wire := settledWire(t)
	for name, bad := range map[string]string{
		"empty": "", "text": "success", "list": "[]", "null": "null", "number": "1",
		"cut": wire[:len(wire)-1], "trailing": wire + "{}", "not UTF-8": strings.Replace(wire, "Bank", "Ban\xff", 1),
	} {
		if _, err := events.Decode([]byte(bad)); !errors.Is(err, events.ErrNotJSON) {
			t.Errorf("%s: got %v, want ErrNotJSON", name, err)
		}
	}

	_, err := events.Decode([]byte(strings.Replace(wire, `"specversion":"1.0"`, `"specversion":"2.0"`, 1)))
	var version *events.UnsupportedVersionError
	if !errors.As(err, &version) || version.Version != "2.0" {
		t.Errorf("got %v, want UnsupportedVersionError of 2.0", err)
	}

	for _, other := range []string{
		"settlehook.payment.settled.v2", "settlehook.payment.refunded.v1", events.TypeSubmitted, "settlehook.payment.Settled.v1",
	} {
		_, err := events.Decode([]byte(strings.Replace(wire, `"type":"settlehook.payment.settled.v1"`, `"type":"`+other+`"`, 1)))
		var unknown *events.UnknownTypeError
		if !errors.As(err, &unknown) || unknown.Type != other {
			t.Errorf("got %v, want UnknownTypeError of %s", err, other)
		}
	}

	_, err = events.Decode([]byte(strings.Replace(wire, `"amount":"1000.00","fee":"12.50","net"`, `"amount":"1e3","fee":"12.50","net"`, 1)))
	if !errors.Is(err, events.ErrAmount) {
		t.Errorf("got %v, want it to wrap ErrAmount", err)
	}
}

func TestDecodeOrderKinds(t *testing.T) {
	kinds := map[string]struct {
		build  func(string, time.Time, events.SubmittedOrder) (events.OrderEvent, error)
		decode func([]byte) (events.OrderEvent, error)
	}{
		events.TypeSubmitted: {events.NewSubmitted, events.DecodeSubmitted},
		events.TypeRepeated:  {events.NewRepeated, events.DecodeRepeated},
		events.TypeWithdrawn: {events.NewWithdrawn, events.DecodeWithdrawn},
	}
	var unknown *events.UnknownTypeError
	for eventType, kind := range kinds {
		built, err := kind.build(installation, confirmed, submitted())
		if err != nil {
			t.Fatal(err)
		}
		if built.Repeated() != (eventType == events.TypeRepeated) || built.Withdrawn() != (eventType == events.TypeWithdrawn) ||
			built.Installation() != installation {
			t.Errorf("%s is repeated %t, withdrawn %t, of %s", eventType, built.Repeated(), built.Withdrawn(), built.Installation())
		}
		if got, of, err := events.ParseOrderSubject(built.NATSSubject()); err != nil || of != eventType || got != submitted().Order() {
			t.Errorf("%s goes to %s", eventType, built.NATSSubject())
		}
		for other, reader := range kinds {
			e, err := reader.decode(encode(t, built))
			switch {
			case other == eventType && (err != nil || e.Type != eventType):
				t.Errorf("%s read back: %+v, %v", eventType, e, err)
			case other != eventType && !errors.As(err, &unknown):
				t.Errorf("%s read as %s: %v", eventType, other, err)
			}
		}
		if e, err := events.DecodeOrder(encode(t, built)); err != nil || e.Type != eventType {
			t.Errorf("%s read back: %+v, %v", eventType, e, err)
		}
	}
	e, err := events.NewSubmitted(installation, confirmed, submitted())
	if err != nil {
		t.Fatal(err)
	}
	s := encode(t, e)
	if _, err := events.DecodeOrder([]byte(settledWire(t))); !errors.As(err, &unknown) {
		t.Errorf("a payment read as an order: %v", err)
	}
	_, err = events.DecodeOrder(bytes.Replace(s, []byte(`"amount":"1000.00"`), []byte(`"amount":"0"`), 1))
	wantInvalid(t, err, "data.amount")
	_, err = events.DecodeOrder(bytes.Replace(s, []byte(`"flow":"pay"`), []byte(`"flow":"collect"`), 1))
	wantInvalid(t, err, "id")
}

// Later versions may add fields; other writers may leave the optional
// attributes out or write times with an offset.
func TestDecodeTolerates(t *testing.T) {
	want := must(t, samples()["settled"])
	wire := settledWire(t)
	for name, p := range map[string]planted{
		"extension attribute": {old: `"subject":`, new: `"traceparent":"00-1","subject":`},
		"new field":           {old: `"evidence":{`, new: `"batch":{"no":1,"no2":null},"evidence":{`},
		"new evidence":        {old: `"query":{`, new: `"query":{"x":[1,{"a":null}],`},
		"charset":             {old: `"application/json"`, new: `"Application/JSON; charset=utf-8"`},
		"no content type":     {old: `"datacontenttype":"application/json",`},
		"offset":              {old: `"time":"2026-05-01T19:04:05.678Z"`, new: `"time":"2026-05-02T00:34:05.678+05:30"`},
		"escaped digits":      {old: `"amount":"1000.00","fee":"12.50","net"`, new: `"amount":"\u0031000.00","fee":"12.50","net"`},
	} {
		got, err := events.Decode([]byte(p.in(t, wire)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	got, err := events.Decode([]byte(strings.Replace(wire, `"dataschema":"urn:settlehook:schema:settlehook.payment.settled.v1",`, "", 1)))
	if err != nil || got.DataSchema != "" {
		t.Errorf("no dataschema: %q, %v", got.DataSchema, err)
	}
}

// What Decode accepts can be written, and then reads as the same event.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 9 {
		f.Fatalf("golden events: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, p := range plantedSettled {
		f.Add([]byte(p.in(f, settledWire(f))))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := events.Decode(b); err == nil {
			wire := encode(t, e)
			back, err := events.Decode(wire)
			if err != nil {
				t.Fatalf("%v\n%s", err, wire)
			}
			if diff := cmp.Diff(e, back); diff != "" {
				t.Fatal(diff)
			}
			if _, err := events.ParseSubject(e.NATSSubject()); err != nil {
				t.Fatal(err)
			}
		}
		if e, err := events.DecodeOrder(b); err == nil {
			var back events.OrderEvent
			if err := json.Unmarshal(encode(t, e), &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, back); diff != "" {
				t.Fatal(diff)
			}
		}
		if e, err := events.DecodeBalance(b); err == nil {
			var back events.BalanceEvent
			if err := json.Unmarshal(encode(t, e), &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, back); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

package contracttest_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/pkg/events"
)

// settled is an event of an order as it is sent.
func settled(t testing.TB) (subject, body string) {
	t.Helper()
	e, err := events.New("test", time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC), events.Settled{Payment: events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect, Merchant: "m1001", Account: "8801",
		OrderID: "A1", Amount: events.MustParseAmount("10.00"), Currency: "INR", BookingDate: "2026-05-04",
	}})
	must(t, err)
	b, err := json.Marshal(e)
	must(t, err)
	return e.NATSSubject(), string(b)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bad are changes that no event may have, and what is said about them.
var bad = map[string]struct{ old, new, want string }{
	"no JSON":            {`{"specversion"`, `{specversion`, "no JSON"},
	"envelope":           {`"specversion":"1.0"`, `"specversion":"1.1"`, "the envelope"},
	"time":               {`"time":"2026`, `"time":"26`, "the envelope"},
	"type":               {`"type":"settlehook.payment.settled.v1"`, `"type":"settlehook.payment.paid.v1"`, "the envelope"},
	"schema of another":  {`schema:settlehook.payment.settled`, `schema:settlehook.payment.failed`, "dataschema"},
	"data":               {`"amount":"10.00"`, `"amount":10.00`, "the data"},
	"enum":               {`"via":"callback"`, `"via":"rumour"`, "the data"},
	"missing":            {`"currency":"INR",`, ``, "the data"},
	"rules of this type": {`"direction":"credit"`, `"direction":"none"`, "the data"},
}

func TestEvent(t *testing.T) {
	_, good := settled(t)
	must(t, contracttest.Event([]byte(good)))
	for name, test := range bad {
		body := strings.Replace(good, test.old, test.new, 1)
		if err := contracttest.Event([]byte(body)); err == nil || !strings.Contains(err.Error(), test.want) || body == good {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestStreams(t *testing.T) {
	subject, good := settled(t)
	for name, test := range map[string]struct {
		subject, body, contentType string
		want                       string // "" is right
	}{
		"right":                         {subject, good, events.ContentType, ""},
		"breaks its schema":             {subject, strings.Replace(good, `"10.00"`, `10.00`, 1), events.ContentType, "the data"},
		"on another's subject":          {strings.Replace(subject, "A1", "A2", 1), good, events.ContentType, "it belongs on " + subject},
		"id of another":                 {subject, strings.Replace(good, "m1001/A1/settled", "m1001/A2/settled", 1), events.ContentType, "pkg/events can't read"},
		"does not call itself an event": {subject, "junk", "text/plain", ""},
	} {
		t.Run(name, func(t *testing.T) {
			js := newServer(t)
			_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "PAYMENTS", Subjects: []string{"payments.v1.>"}})
			must(t, err)
			for _, m := range []*nats.Msg{
				{Subject: "payments.v1.settled.collect.m1001.first", Data: []byte(strings.ReplaceAll(good, "A1", "first"))},
				{Subject: test.subject, Data: []byte(test.body), Header: nats.Header{"Content-Type": {test.contentType}}},
			} {
				if m.Header == nil {
					m.Header = nats.Header{"Content-Type": {events.ContentType}}
				}
				_, err := js.PublishMsg(t.Context(), m)
				must(t, err)
			}
			read, err := contracttest.Streams(t.Context(), js)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			want := 2
			if test.contentType != events.ContentType {
				want = 1
			}
			if read != want {
				t.Errorf("%d events were read, want %d", read, want)
			}
		})
	}
}

// TestShelves: what was parked or refused has the headers of docs/asyncapi.json.
func TestShelves(t *testing.T) {
	refused := nats.Header{
		"Settlehook-Reason": {"bad-signature"}, "Settlehook-Received-At": {"2026-11-22T20:21:28.608Z"},
		"Settlehook-Source": {"192.0.2.1"}, "Content-Type": {"application/json"},
	}
	parked := nats.Header{
		"Settlehook-Reason": {"expired"}, "Settlehook-Subject": {"callbacks.v1.collect.m1001.17"}, "Settlehook-Sequence": {"1"},
		"Settlehook-Deliveries": {"9"},
	}
	without := func(h nats.Header, name string) nats.Header {
		h = maps.Clone(h)
		delete(h, name)
		return h
	}
	for name, test := range map[string]struct {
		subject string
		header  nats.Header
		read    int
		want    string // "" is right
	}{
		"refused":                   {"quarantine.v1.signature.collect.m1001", refused, 1, ""},
		"parked":                    {"parked.v1.collect.m1001", parked, 1, ""},
		"not settlehook's":          {"parked.v1.collect.m1001", without(parked, "Settlehook-Deliveries"), 0, ""},
		"refused for what":          {"quarantine.v1.malformed.collect.m1001", without(refused, "Settlehook-Reason"), 1, "missing property 'Settlehook-Reason'"},
		"parked from where":         {"parked.v1.collect.m1001", without(parked, "Settlehook-Subject"), 1, "missing property 'Settlehook-Subject'"},
		"refused for another class": {"quarantine.v1.rumour.collect.m1001", refused, 1, "no such subject"},
	} {
		t.Run(name, func(t *testing.T) {
			js := newServer(t)
			stream, _, _ := strings.Cut(test.subject, ".")
			_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: strings.ToUpper(stream), Subjects: []string{stream + ".v1.>"}})
			must(t, err)
			_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: test.subject, Header: test.header, Data: []byte("x")})
			must(t, err)
			read, err := contracttest.Streams(t.Context(), js)
			if read != test.read || (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%d read, %v, want %d, %q", read, err, test.read, test.want)
			}
		})
	}
}

func TestNoStreams(t *testing.T) {
	if read, err := contracttest.Streams(t.Context(), newServer(t)); read != 0 || err != nil {
		t.Error(read, err)
	}
}

// TestElection asks again where a cluster without a leader lets a question fall,
// and then refuses one.
func TestElection(t *testing.T) {
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true})
	must(t, err)
	js := jetStreamOf(t, s)
	asked := 0
	_, err = js.Conn().Subscribe("$JS.API.STREAM.INFO.PAYMENTS", func(m *nats.Msg) {
		asked++
		var answer string
		switch asked {
		case 1:
			return
		case 2:
			answer = `{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`
		default:
			answer = `{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`
		}
		_ = m.Respond([]byte(answer))
	})
	must(t, err)
	_, err = js.Conn().Subscribe("$JS.API.STREAM.INFO.*", func(m *nats.Msg) {
		if m.Subject != "$JS.API.STREAM.INFO.PAYMENTS" {
			_ = m.Respond([]byte(`{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`))
		}
	})
	must(t, err)
	if read, err := contracttest.Streams(t.Context(), js); read != 0 || err != nil || asked != 3 {
		t.Error(read, err, asked)
	}
}

// newServer is not testserver's, which would hold these streams to the contract
// as well.
func newServer(t testing.TB) jetstream.JetStream {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	must(t, err)
	return jetStreamOf(t, s)
}

func jetStreamOf(t testing.TB, s *server.Server) jetstream.JetStream {
	t.Helper()
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	nc, err := nats.Connect("", nats.InProcessServer(s))
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	return js
}

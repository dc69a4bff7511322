package orders_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

// patience bounds every wait on a busy machine; nothing waits that long when
// all is well.
const patience = 20 * time.Second

// topology is small, for one server.
func topology() config.Topology {
	const mib = config.Bytes(1 << 20)
	return config.Topology{
		Replicas: 1, CallbacksMaxBytes: mib, CallbacksMaxAge: time.Hour,
		PaymentsMaxBytes: mib, PaymentsMaxAge: time.Hour, OrdersMaxBytes: mib, TrailMaxBytes: mib, TrailMaxAge: time.Hour,
		ParkedMaxBytes: mib, ParkedMaxAge: time.Hour,
		QuarantineMaxBytes: mib, QuarantineMaxAge: time.Hour, QuarantineMaxPerSubject: 3,
	}
}

func dial(t testing.TB, url string, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	return js
}

// newServer starts a server with the declared streams.
func newServer(t testing.TB) (url string, js jetstream.JetStream) {
	t.Helper()
	url = testserver.NATS(t).ClientURL()
	js = dial(t, url)
	must(t, stream.Setup(within(t), js, topology()))
	return url, js
}

// newBook returns an empty book of a new server.
func newBook(t testing.TB) (*orders.Book, jetstream.JetStream) {
	t.Helper()
	_, js := newServer(t)
	return orders.NewBook(js, patience), js
}

// within is a context that ends with the test, or when patience does.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var at = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

func order(id, amount string) events.SubmittedOrder {
	return events.SubmittedOrder{
		Flow: events.FlowCollect, Merchant: "m1001", OrderID: id, Amount: events.MustParseAmount(amount), Currency: "INR",
	}
}

func submission(t testing.TB, o events.SubmittedOrder) events.OrderEvent {
	t.Helper()
	e, err := events.NewSubmitted("test", at, o)
	must(t, err)
	return e
}

func withdrawal(t testing.TB, o events.SubmittedOrder) events.OrderEvent {
	t.Helper()
	e, err := events.NewWithdrawn("test", at, o)
	must(t, err)
	return e
}

// stored are the messages of the stream, oldest first.
func stored(t testing.TB, js jetstream.JetStream) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := js.Stream(within(t), stream.Orders)
	must(t, err)
	var all []*jetstream.RawStreamMsg
	for seq := range s.CachedInfo().State.LastSeq {
		m, err := s.GetMsg(within(t), seq+1)
		must(t, err)
		all = append(all, m)
	}
	return all
}

package receiver_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
)

// natsHarness is a receiver on real streams.
type natsHarness struct {
	*harness
	js           jetstream.JetStream
	server       *server.Server
	options      server.Options
	disconnected chan struct{}
	reconnected  chan struct{}
}

func smallTopology() config.Topology {
	const size = config.Bytes(16 << 20)
	return config.Topology{
		Replicas:          1,
		CallbacksMaxBytes: size, CallbacksMaxAge: 24 * time.Hour,
		PaymentsMaxBytes: size, PaymentsMaxAge: 24 * time.Hour,
		OrdersMaxBytes: size,
		TrailMaxBytes:  size, TrailMaxAge: 24 * time.Hour,
		ParkedMaxBytes: size, ParkedMaxAge: 24 * time.Hour,
		QuarantineMaxBytes: size, QuarantineMaxAge: 24 * time.Hour, QuarantineMaxPerSubject: 1000,
	}
}

func newNATSHarness(t *testing.T, topology config.Topology, publishTimeout time.Duration) *natsHarness {
	t.Helper()
	h := &natsHarness{
		options: server.Options{
			Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		},
		disconnected: make(chan struct{}, 1), reconnected: make(chan struct{}, 1),
	}
	h.startServer(t)
	t.Cleanup(func() { h.stopServer() })
	h.options.Port = h.server.Addr().(*net.TCPAddr).Port // the same after a restart

	var url config.NATSURL
	if err := url.UnmarshalText([]byte(h.server.ClientURL())); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	nc, err := stream.Connect(config.NATS{URL: url, ConnectTimeout: 5 * time.Second}, "receiver", zap.NewNop(), func(error) { close(closed) },
		nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { notify(h.disconnected) }),
		nats.ReconnectHandler(func(*nats.Conn) { notify(h.reconnected) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close(); <-closed })
	if h.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	if err := stream.Setup(t.Context(), h.js, topology); err != nil {
		t.Fatal(err)
	}
	h.harness = newHarness(t, func(o *receiver.Options) {
		o.Store, o.Keeper = stream.NewCallbackLog(h.js), stream.NewQuarantineLog(h.js)
		o.PublishTimeout = publishTimeout
	})
	return h
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (h *natsHarness) startServer(t *testing.T) {
	t.Helper()
	options := h.options
	s, err := server.NewServer(&options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server is not ready")
	}
	h.server = s
}

func (h *natsHarness) stopServer() {
	h.server.Shutdown()
	h.server.WaitForShutdown()
}

// last is the newest message of a stream, and how many there are.
func (h *natsHarness) last(t *testing.T, name string) (*jetstream.RawStreamMsg, uint64) {
	t.Helper()
	s, err := h.js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil, 0
	}
	message, err := s.GetMsg(t.Context(), state.LastSeq)
	if err != nil {
		t.Fatal(err)
	}
	return message, state.Msgs
}

// TestAcceptedIsInTheStream sends every dialect: with the answer, the message
// is in the stream.
func TestAcceptedIsInTheStream(t *testing.T) {
	h := newNATSHarness(t, smallTopology(), 4*time.Second)
	for i, c := range dialectCases() {
		// An order of its own, or the stream would drop the repetition.
		order := "A" + strings.Repeat("x", i+1)
		c.body, c.signed = strings.Replace(c.body, "A1", order, 1), strings.Replace(c.signed, "orderId=A1", "orderId="+order, 1)
		r := c.request()
		h.wantSuccess(h.send(r))
		message, n := h.last(t, stream.Callbacks)
		if n != uint64(i+1) {
			t.Fatalf("%s: %d messages after the answer, want %d", c.name, n, i+1)
		}
		wantPrefix := "callbacks.v1.collect." + c.merchant + "."
		if !strings.HasPrefix(message.Subject, wantPrefix) || len(message.Subject) != len(wantPrefix)+2 {
			t.Errorf("%s: subject %s, want %s and a bucket", c.name, message.Subject, wantPrefix)
		}
		if string(message.Data) != r.body {
			t.Errorf("%s: stored %q, want the body as received", c.name, message.Data)
		}
		var dialects []string
		for _, d := range c.dialects {
			dialects = append(dialects, string(d))
		}
		for name, want := range map[string]string{
			"Settlehook-Received-At": "2026-03-02T03:04:05Z", "Settlehook-Key-Id": c.keyID,
			"Settlehook-Dialects": strings.Join(dialects, ","), "Settlehook-Source": "127.0.0.1",
		} {
			if got := message.Header.Get(name); got != want {
				t.Errorf("%s: header %s = %q, want %q", c.name, name, got, want)
			}
		}
	}
}

// TestRefusedIsInQuarantine sends every bad input: nothing of it reaches
// CALLBACKS, the evidence is where it belongs, and the connection to NATS
// survives all of it.
func TestRefusedIsInQuarantine(t *testing.T) {
	h := newNATSHarness(t, smallTopology(), 4*time.Second)
	for i, in := range badInput(t) {
		h.wantRefusal(h.send(in.request), in.status, in.line)
		message, n := h.last(t, stream.Quarantine)
		if n != uint64(i+1) {
			t.Fatalf("%s: %d messages in quarantine, want %d", in.name, n, i+1)
		}
		if want := "quarantine.v1." + string(in.class) + "." + in.flow + "." + in.merchant; message.Subject != want {
			t.Errorf("%s: subject %s, want %s", in.name, message.Subject, want)
		}
		if got := message.Header.Get("Settlehook-Reason"); got != in.reason {
			t.Errorf("%s: reason %q, want %q", in.name, got, in.reason)
		}
		if string(message.Data) != in.kept() {
			t.Errorf("%s: kept %d bytes, want %d as received", in.name, len(message.Data), len(in.kept()))
		}
	}
	if _, n := h.last(t, stream.Callbacks); n != 0 {
		t.Errorf("%d messages in CALLBACKS, want none", n)
	}
	select {
	case <-h.disconnected:
		t.Error("the connection to NATS was lost")
	default:
	}
}

// TestRepeatedPushIsOneMessage pushes one callback eight times at once, and
// once more in another dialect.
func TestRepeatedPushIsOneMessage(t *testing.T) {
	h := newNATSHarness(t, smallTopology(), 4*time.Second)
	body := mustSign(t, object("A1"), newSecret)
	conns := make([]net.Conn, 8)
	for i := range conns {
		conns[i] = h.dial()
	}
	var all sync.WaitGroup
	for _, conn := range conns {
		all.Go(func() { _, _ = io.WriteString(conn, request{body: body}.text()) })
	}
	all.Wait()
	for _, conn := range conns {
		h.wantSuccess(h.receive(conn, http.MethodPost))
	}
	h.wantSuccess(h.send(request{body: mustSign(t, strings.Replace(object("A1"), "1000.00", `"1000"`, 1), oldSecret)}))
	if _, n := h.last(t, stream.Callbacks); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	if got := h.callbacks("collect", "m1001", "accepted", "duplicate"); got != 8 {
		t.Errorf("counted %v duplicates, want 8", got)
	}
	h.wantSuccess(h.send(request{target: "/callbacks/pay/m1001", body: body}))
	h.wantSuccess(h.send(request{body: mustSign(t, strings.Replace(object("A1"), `"status":1`, `"status":2`, 1), newSecret)}))
	if _, n := h.last(t, stream.Callbacks); n != 3 {
		t.Errorf("%d messages after another flow and another status, want 3", n)
	}
}

// TestServerStopped: without NATS there is no success, and nothing that was
// pushed meanwhile appears once it is back.
func TestServerStopped(t *testing.T) {
	h := newNATSHarness(t, smallTopology(), time.Second)
	h.wantSuccess(h.send(request{body: mustSign(t, object("before"), newSecret)}))
	h.stopServer()
	<-h.disconnected
	for _, order := range []string{"during-1", "during-2", "during-3"} {
		h.wantRefusal(h.send(request{body: mustSign(t, object(order), newSecret)}), http.StatusServiceUnavailable, notStored)
	}
	h.wantRefusal(h.send(request{body: "junk"}), http.StatusBadRequest, "malformed: body is not a JSON object")
	if got := h.quarantined("malformed", "failed"); got != 1 {
		t.Errorf("counted %v not kept, want 1", got)
	}
	h.startServer(t)
	<-h.reconnected
	after := mustSign(t, object("after"), newSecret)
	h.wantSuccess(h.send(request{body: after}))
	// Whatever the connection had held back would have come before this one.
	message, n := h.last(t, stream.Callbacks)
	if n != 2 || message.Sequence != 2 || string(message.Data) != after {
		t.Errorf("%d messages, the last with sequence %d: %s; want before and after only", n, message.Sequence, message.Data)
	}
	if _, n := h.last(t, stream.Quarantine); n != 0 {
		t.Errorf("%d messages in quarantine, want none", n)
	}
}

// TestPubAckWithheld: somebody takes the publish and does not answer.
func TestPubAckWithheld(t *testing.T) {
	h := newNATSHarness(t, smallTopology(), 100*time.Millisecond)
	if err := h.js.DeleteStream(t.Context(), stream.Callbacks); err != nil {
		t.Fatal(err)
	}
	taken, err := h.js.Conn().SubscribeSync("callbacks.v1.>")
	if err != nil {
		t.Fatal(err)
	}
	body := mustSign(t, object("A1"), newSecret)
	h.wantRefusal(h.send(request{body: body}), http.StatusServiceUnavailable, notStored)
	if message, err := taken.NextMsg(5 * time.Second); err != nil || string(message.Data) != body {
		t.Errorf("the publish did not go out: %v", err)
	}
	if got := h.callbacks("collect", "m1001", "unavailable", "store-timeout"); got != 1 {
		t.Errorf("counted %v timed out, want 1", got)
	}
}

// TestStreamRefuses: the stream is full, or it is not there.
func TestStreamRefuses(t *testing.T) {
	genuine := request{body: mustSign(t, object("A1"), newSecret)}
	t.Run("full", func(t *testing.T) {
		topology := smallTopology()
		topology.CallbacksMaxBytes = 1
		h := newNATSHarness(t, topology, 4*time.Second)
		h.wantRefusal(h.send(genuine), http.StatusServiceUnavailable, notStored)
		if _, n := h.last(t, stream.Callbacks); n != 0 {
			t.Errorf("%d messages, want none", n)
		}
	})
	t.Run("missing", func(t *testing.T) {
		h := newNATSHarness(t, smallTopology(), 4*time.Second)
		if err := h.js.DeleteStream(t.Context(), stream.Callbacks); err != nil {
			t.Fatal(err)
		}
		h.wantRefusal(h.send(genuine), http.StatusServiceUnavailable, notStored)
		if _, err := h.js.Stream(t.Context(), stream.Callbacks); !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("stream: %v, want none", err)
		}
	})
}

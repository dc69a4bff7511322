package consumers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
)

// patience bounds every wait on a busy machine; nothing waits that long when
// all is well.
const patience = 2 * time.Minute

// ledger is a server with the permissions of deploy/nats and the declared
// streams.
type ledger struct {
	t       *testing.T
	servers testserver.NATSServers
	js      jetstream.JetStream // of the operator, who may publish and look
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{t: t, servers: testserver.NATSWithRoles(t)}
	cfg, err := config.LoadUp(map[string]string{"MERCHANTS_FILE": "not read"})
	must(t, err)
	must(t, stream.Setup(within(t), l.dial("setup"), cfg.Topology))
	l.js = l.dial("operator")
	return l
}

func (l *ledger) dial(role string) jetstream.JetStream {
	l.t.Helper()
	nc, err := nats.Connect(l.servers.URL(role), nats.CustomInboxPrefix(testserver.InboxPrefix(role)),
		nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	must(l.t, err)
	l.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(l.t, err)
	return js
}

// publish stores events, also while the server is not yet back.
func (l *ledger) publish(list ...events.Event) {
	l.t.Helper()
	for _, e := range list {
		body, err := e.MarshalJSON()
		must(l.t, err)
		_, err = l.js.Publish(within(l.t), e.NATSSubject(), body, jetstream.WithRetryAttempts(100))
		must(l.t, err)
	}
}

// restart kills the server and starts it again.
func (l *ledger) restart() {
	l.t.Helper()
	l.servers[0].Kill()
	l.servers[0].Start()
	eventually(l.t, "the streams are back", func() bool {
		_, err := l.js.Stream(within(l.t), stream.Payments)
		return err == nil
	})
}

// done reports whether a durable has nothing left to deliver or to hear of.
func (l *ledger) done(durable string) bool {
	l.t.Helper()
	cons, err := l.js.Consumer(within(l.t), stream.Payments, durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return false
	}
	must(l.t, err)
	info := cons.CachedInfo()
	return info.NumPending == 0 && info.NumAckPending == 0
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline.C:
			t.Fatalf("after %s still not: %s", patience, what)
		case <-tick.C:
		}
	}
}

// lines are the whole lines of a text.
func lines(text string) []string {
	list := strings.Split(text, "\n")
	return list[:len(list)-1]
}

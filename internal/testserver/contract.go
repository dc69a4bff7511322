package testserver

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/contract/contracttest"
)

// contractPatience bounds the look at what a test has emitted: a soak leaves a
// million events.
const contractPatience = 10 * time.Minute

// HoldToContract has every event that the test leaves in its server's streams
// held to its schema, once the test and what it started since are done. A server
// that is down by then was the test's to end: url returns an empty address.
//
// Every NATS that this package starts is held so, and no test has to ask for it.
func HoldToContract(t testing.TB, url func() string) {
	t.Helper()
	t.Cleanup(func() {
		address := url()
		if address == "" {
			return
		}
		nc, err := nats.Connect(address, nats.CustomInboxPrefix(InboxPrefix("operator")), nats.MaxReconnects(0))
		if err != nil {
			t.Errorf("hold the events to the contract: %v", err)
			return
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			t.Errorf("hold the events to the contract: %v", err)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), contractPatience)
		defer cancel()
		if _, err := contracttest.Streams(ctx, js); err != nil {
			t.Errorf("events that were emitted break the contract: %v", err)
		}
	})
}

// address is where the operator reaches a server that runs, else empty.
func (p *Process) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gone:
		return ""
	default:
		return natsURL("operator", p.Addr)
	}
}

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// bodies are signed callbacks of n settled orders of 1000.00.
func (w *world) bodies(merchant string, n int) map[string][]byte {
	w.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = orderID(strings.Repeat("F", 20), i)
	}
	all := map[string][]byte{}
	for _, r := range w.quietOrders(merchant, sandbox.Change{Action: sandbox.Settle, Silent: true}, ids...) {
		all[r.OrderID] = pushOf(r).body(merchant)
	}
	return all
}

// TestFullCallbacksAreRefusedAndResumed: a full CALLBACKS answers 503 and keeps
// what it has; once workers have decided that, the sweep role purges it, and
// callbacks are taken again. Nothing that was answered success is missing.
func TestFullCallbacksAreRefusedAndResumed(t *testing.T) {
	w := newWorld(t, 0, "CALLBACKS_MAX_BYTES=1MiB", "CALLBACKS_HIGH_WATER=0.5", "TOPOLOGY_CHECK_INTERVAL=1s")
	taken := map[string]bool{}
	refused := ""
	all := w.bodies(alice, 6000)
	for id, body := range all {
		status, answer := w.post("collect", alice, "application/json", body)
		if status == http.StatusOK {
			taken[id] = true
			continue
		}
		if status != http.StatusServiceUnavailable {
			t.Fatalf("a full stream answers %d %s", status, answer)
		}
		refused = id
		break
	}
	if refused == "" {
		t.Fatalf("%d callbacks did not fill the stream", len(all))
	}
	worker := startProgram(t, "worker", w.env)
	w.workers = append(w.workers, worker)
	w.await("the refused callback is taken", func() bool {
		status, _ := w.post("collect", alice, "application/json", all[refused])
		return status == http.StatusOK
	})
	taken[refused] = true
	w.await("all are decided", func() bool { return w.drained(alice) })
	l := w.ledger()
	for id := range taken {
		if chain := l.of(alice, id); len(chain) != 1 || chain[0].Outcome() != events.OutcomeSettled {
			t.Errorf("%s was answered success, and the ledger has %v", id, chain)
		}
	}
	if len(l) != len(taken) {
		t.Errorf("%d callbacks taken, %d orders told", len(taken), len(l))
	}
	if !worker.said("CALLBACKS ran full") {
		t.Error("nothing was said about the purge")
	}
}

// TestFullLedgerRefusesAndResumes: with PAYMENTS full events are refused,
// callbacks wait, and the worker says so; with more room all is told, once.
func TestFullLedgerRefusesAndResumes(t *testing.T) {
	w := newWorld(t, 1, "PAYMENTS_MAX_BYTES=1MiB", "TOPOLOGY_CHECK_INTERVAL=1s")
	all := w.bodies(alice, 3000)
	for id, body := range all {
		if status, answer := w.post("collect", alice, "application/json", body); status != http.StatusOK {
			t.Fatalf("%s: %d %s", id, status, answer)
		}
	}
	w.await("the ledger is full, and that is said", func() bool {
		return w.workers[0].said(`"stream":"PAYMENTS"`)
	})
	w.await("events are refused", func() bool {
		return w.workers[0].said("maximum bytes exceeded")
	})
	if w.drained(alice) {
		t.Error("callbacks were acknowledged though their events were refused")
	}
	w.env["PAYMENTS_MAX_BYTES"] = "64MiB"
	cfg, err := config.LoadSetup(w.env)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Setup(t.Context(), w.js, cfg.Topology, cfg.Sweep, w.merchants); err != nil {
		t.Fatal(err)
	}
	w.await("all are decided", func() bool { return w.drained(alice) })
	l := w.ledger()
	for id := range all {
		if chain := l.of(alice, id); len(chain) != 1 || chain[0].Outcome() != events.OutcomeSettled {
			t.Errorf("%s: the ledger has %v", id, chain)
		}
	}
	if parked := w.count(stream.Parked); parked != 0 {
		t.Errorf("%d callbacks parked", parked)
	}
}

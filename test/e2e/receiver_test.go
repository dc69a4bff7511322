package e2e

import (
	"net/http"
	"testing"

	"github.com/settlehook/settlehook/internal/stream"
)

// TestSuccessMeansStored: every accepted dialect is answered exactly success,
// and at that moment the message is in the stream.
func TestSuccessMeansStored(t *testing.T) {
	w := newWorld(t, 0)
	bodies := map[string][]byte{
		"as documented":     push{"d-1", "P1", "1000.00", "2", "false", "no", "0"}.body(alice),
		"minimal numbers":   push{"d-2", "P1", "1000.00", "2", "false", "no", "0"}.signedAs(alice, "amount=1000&fee=0&orderId=d-2&platOrderId=P1&remark=no&reverse=false&status=2"),
		"one decimal":       push{"d-3", "P1", "1000.00", "2", "false", "no", "0"}.signedAs(alice, "amount=1000.0&fee=0.0&orderId=d-3&platOrderId=P1&remark=no&reverse=false&status=2"),
		"two decimals":      push{"d-4", "P1", "1000", "2", "false", "no", "0"}.signedAs(alice, "amount=1000.00&fee=0.00&orderId=d-4&platOrderId=P1&remark=no&reverse=false&status=2"),
		"empty remark kept": push{"d-5", "P1", "1000", "2", "false", "", "0"}.signedAs(alice, "amount=1000&fee=0&orderId=d-5&platOrderId=P1&remark=&reverse=false&status=2"),
		"byte order mark":   append([]byte("\xef\xbb\xbf"), push{"d-6", "P1", "1000", "2", "false", "no", "0"}.body(alice)...),
	}
	for name, body := range bodies {
		before := w.count(stream.Callbacks)
		w.mustAccept("collect", alice, body)
		if after := w.count(stream.Callbacks); after != before+1 {
			t.Errorf("%s: answered success with %d messages in the stream, want %d", name, after, before+1)
		}
	}
}

// TestNothingAppearsAfterAnOutage: while NATS is gone the answer is 503, and
// when it is back nothing turns up that was published meanwhile.
func TestNothingAppearsAfterAnOutage(t *testing.T) {
	w := newWorld(t, 0)
	w.mustAccept("collect", alice, push{"before", "P1", "1", "2", "false", "no", "0"}.body(alice))
	w.nats.Kill()
	for i := range 5 {
		status, answer := w.post("collect", alice, "application/json", push{orderID("ghost", i), "P1", "1", "2", "false", "no", "0"}.body(alice))
		if status != http.StatusServiceUnavailable {
			t.Errorf("without NATS the answer is %d %q, want 503", status, answer)
		}
	}
	w.nats.Start()
	w.await("the receiver is back", func() bool {
		status, _ := w.post("collect", alice, "application/json", push{"after", "P1", "1", "2", "false", "no", "0"}.body(alice))
		return status == http.StatusOK
	})
	w.await("the test is connected again", w.nc.IsConnected)
	for _, m := range w.read(stream.Callbacks) {
		if got := orderOf(t, m.Data()); got != "before" && got != "after" {
			t.Errorf("order %s was published while disconnected and stored later", got)
		}
	}
}

// TestGracefulStop: receiver and worker end by themselves, with nothing in hand
// lost, however soon after a callback they are told to.
func TestGracefulStop(t *testing.T) {
	w := newWorld(t, 1)
	const rounds = 5
	ids := make([]string, rounds)
	for i := range ids {
		ids[i] = orderID("stop", i)
	}
	for _, order := range w.settledOrders(alice, ids...) {
		w.mustAccept("collect", alice, pushOf(order).body(alice))
		silence(t, w.receiver)
		silence(t, w.workers[0])
		w.receiver.start()
		w.workers[0].start()
	}
	w.await("callbacks decided", func() bool { return w.drained(alice) })
	l := w.ledger()
	for _, id := range ids {
		l.holds(t, alice, id, "settled")
	}
}

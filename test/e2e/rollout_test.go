package e2e

import (
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
)

// TestRollout: receivers are replaced, all of them three times, while pushes
// come without pause over connections that are kept. None is answered anything
// but success, and each is stored once.
func TestRollout(t *testing.T) {
	const (
		receivers   = 3
		rollouts    = 3
		connections = 8
	)
	for _, test := range []struct {
		name      string
		balancer  func(*testing.T) *balancer
		terminate func(*pods, *pod)
		linger    time.Duration
		refused   bool
	}{
		{"connections are balanced", connectionBalancer, byPreStop, time.Second, false},
		{"requests are balanced", requestBalancer, byPreStop, time.Second, false},
		{"by readiness alone", requestBalancer, byReadiness, 2 * time.Second, false},
		// What preStop and HTTP_LINGER are for: pushes are refused, none is lost.
		{"without preStop", connectionBalancer, atOnce, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 0)
			p := newPods(t, w, test.balancer(t), test.linger, test.terminate, receivers)
			load := startPushers(t, p.balancer.addr, connections)
			for range rollouts {
				before := load.accepted.Load()
				p.roll()
				w.await("pushes after a rollout", func() bool { return load.accepted.Load() > before+100 })
			}
			if test.refused {
				w.await("a push is refused", func() bool { return load.refusals() > 0 })
			}
			p.leaving.Wait()
			load.end()
			if refused := load.refused; (len(refused) > 0) != test.refused {
				t.Errorf("%d of %d pushes were not answered success at first: %q", len(refused), len(load.pushed), refused[:min(len(refused), 5)])
			}
			t.Logf("%d pushes, %d refused at first", len(load.pushed), len(load.refused))
			w.storedOnce(load.pushed)
		})
	}
}

// storedOnce expects CALLBACKS to hold one message of each order.
func (w *world) storedOnce(orders []string) {
	w.t.Helper()
	stored := map[string]int{}
	for _, m := range w.read(stream.Callbacks) {
		stored[orderOf(w.t, m.Data())]++
	}
	for _, id := range orders {
		if n := stored[id]; n != 1 {
			w.t.Errorf("%s is stored %d times", id, n)
		}
	}
	if len(stored) != len(orders) {
		w.t.Errorf("callbacks of %d orders are stored, %d were pushed", len(stored), len(orders))
	}
}

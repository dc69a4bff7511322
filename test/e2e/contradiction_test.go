package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/sign"
)

// TestContradictedNeverSettles: a signed callback whose amount, status or
// platform order the order API contradicts never settles.
func TestContradictedNeverSettles(t *testing.T) {
	w := newWorld(t, 1)
	lies := map[string]struct {
		lie  func(push) push
		want []string
	}{
		"amount":   {func(p push) push { p.amount = "9000.00"; return p }, []string{"review amount_mismatch"}},
		"platform": {func(p push) push { p.plat = "P-other"; return p }, []string{"review plat_order_differs"}},
		"status":   {func(p push) push { p.status = "2"; return p }, []string{"review contradiction"}},
		"reverse":  {func(p push) push { p.status, p.reverse = "2", "true"; return p }, []string{"review reverse_unsettled"}},
	}
	for name, tt := range lies {
		order := w.settledOrders(alice, "lie-"+name)[0]
		w.mustAccept("collect", alice, tt.lie(pushOf(order)).body(alice))
	}
	// The gateway takes back what the callback said.
	p := pushOf(w.quietOrders(alice, sandbox.Change{Action: sandbox.Fail}, "lie-failed")[0])
	p.status = "1"
	w.mustAccept("collect", alice, p.body(alice))

	w.await("callbacks decided", func() bool { return w.drained(alice) })
	l := w.ledger()
	for name, tt := range lies {
		l.holds(t, alice, "lie-"+name, tt.want...)
	}
	l.holds(t, alice, "lie-failed", "review contradiction")

	// A later push that agrees settles, and answers the review.
	w.mustAccept("collect", alice, pushOf(w.record(alice, "lie-amount")).body(alice))
	w.await("callbacks decided", func() bool { return w.drained(alice) })
	w.ledger().holds(t, alice, "lie-amount", "review amount_mismatch", "settled", "resolved amount_mismatch")
}

// TestForgedNeverReachesTheWorker: what nobody signed is refused and kept.
func TestForgedNeverReachesTheWorker(t *testing.T) {
	w := newWorld(t, 1)
	order := w.settledOrders(alice, "forged")[0]
	for _, body := range [][]byte{
		forge(pushOf(order).body(alice)),
		pushOf(order).body(bob), // another merchant's key
	} {
		if status, answer := w.post("collect", alice, "application/json", body); status != http.StatusUnauthorized {
			t.Errorf("answered %d %q, want 401", status, answer)
		}
	}
	if n := w.count(stream.Callbacks); n != 0 {
		t.Errorf("%d callbacks stored", n)
	}
	if n := w.count(stream.Quarantine); n != 2 {
		t.Errorf("%d messages in quarantine, want 2", n)
	}
	w.ledger().holds(t, alice, "forged")
}

// TestNoCollisionPairPasses: of two different callbacks with one signature, at
// most one is accepted.
func TestNoCollisionPairPasses(t *testing.T) {
	w := newWorld(t, 0)
	raw, err := os.ReadFile(filepath.Join(testserver.Root(), "pkg", "sign", "testdata", "collisions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var pairs map[string]struct{ A, B map[string]string }
	if err := json.Unmarshal(raw, &pairs); err != nil {
		t.Fatal(err)
	}
	if len(pairs) == 0 {
		t.Fatal("no pairs")
	}
	for name, pair := range pairs {
		accepted := 0
		for _, fields := range []map[string]string{pair.A, pair.B} {
			if status, _ := w.post("collect", alice, "application/json", collision(fields)); status == http.StatusOK {
				accepted++
			}
		}
		if accepted > 1 {
			t.Errorf("%s: both callbacks of the pair are accepted", name)
		}
	}
}

// collision signs a callback of a pair with the merchant's key: the pairs
// collide under every key.
func collision(fields map[string]string) []byte {
	var params sign.Params
	for name, value := range fields {
		kind := sign.KindString
		switch name {
		case "amount", "fee":
			kind = sign.KindNumber
		case "status":
			if len(value) == 1 {
				kind = sign.KindNumber
			}
		case "reverse":
			kind = sign.KindBool
		}
		params = append(params, sign.Param{Name: name, Value: value, Kind: kind})
	}
	return append(params, sign.Param{Name: "sign", Value: sign.Sign(params, sign.Secret("now-"+alice))}).JSON()
}

// TestOtherFlowYieldsNoSecondOutcome: a collect callback replayed on the pay
// path, before or after, yields no second outcome.
func TestOtherFlowYieldsNoSecondOutcome(t *testing.T) {
	w := newWorld(t, 1)
	orders := w.settledOrders(alice, "replayed", "replayed-early")
	body, early := pushOf(orders[0]).body(alice), pushOf(orders[1]).body(alice)
	w.mustAccept("collect", alice, body)
	w.mustAccept("pay", alice, body)
	w.mustAccept("pay", alice, early)
	w.await("callbacks decided", func() bool { return w.drained(alice) })
	w.mustAccept("collect", alice, early)
	w.await("callbacks decided", func() bool { return w.drained(alice) })
	for _, id := range []string{"replayed", "replayed-early"} {
		settled, reviews := 0, 0
		for _, e := range w.ledger().of(alice, id) {
			switch {
			case e.Outcome().Final():
				settled++
				if e.Data.Common().Flow != "collect" {
					t.Errorf("%s: settled as %s", id, e.Data.Common().Flow)
				}
			default:
				reviews++
			}
		}
		if settled != 1 || reviews != 1 {
			t.Errorf("%s: %d outcomes and %d reviews, want one settled and one flow conflict", id, settled, reviews)
		}
	}
}

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/pkg/events"
)

// postFrom posts as a sender behind a trusted proxy.
func (w *world) postFrom(source, path, contentType string, body []byte) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+w.receiver.http+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Forwarded-For", source)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// rewriteMerchants replaces a word of the merchants file, as whoever makes a slip
// or mends it does.
func (w *world) rewriteMerchants(from, to string) {
	w.t.Helper()
	path := w.env["MERCHANTS_FILE"]
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	next := filepath.Join(filepath.Dir(path), "next.yaml")
	if err := os.WriteFile(next, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		w.t.Fatal(err)
	}
}

// operate runs the operator's tool, and returns what it printed.
func (w *world) operate(args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(binaries, "settlehook"), args...)
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("settlehook %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestWrongKeyIsMendedByRedrive: a merchant's key is wrong for a while, in which
// its gateway's callbacks are refused and others flood the receiver with junk
// of every kind. With the key mended, a redrive brings every callback through,
// and no junk.
func TestWrongKeyIsMendedByRedrive(t *testing.T) {
	const honest, flood = 600, 3000
	const gateway = "198.51.100.7"
	w := newWorld(t, 1, "HTTP_TRUSTED_PROXIES=127.0.0.1", "MERCHANTS_POLL=100ms")
	records := w.quietOrders(alice, sandbox.Change{Action: sandbox.Settle, Silent: true}, orderIDs("K", honest+2)...)
	push := func(r sandbox.Record) int {
		return w.postFrom(gateway, "/callbacks/collect/"+alice, "application/json", pushOf(r).body(alice))
	}
	// The gateway was known before.
	if status := push(records[honest]); status != http.StatusOK {
		t.Fatalf("the first callback: %d", status)
	}
	w.rewriteMerchants("-"+alice+`"}`, `-slip"}`)
	w.await("the wrong key is in force", func() bool { return push(records[honest+1]) == http.StatusUnauthorized })

	for i, r := range records[:honest] {
		if status := push(r); status != http.StatusUnauthorized {
			t.Fatalf("callback %d: %d", i, status)
		}
		for n := range flood / honest {
			stranger := fmt.Sprintf("203.0.113.%d", (i*7+n)%250)
			forged := pushOf(r)
			forged.amount = "1.00"
			w.postFrom(stranger, "/callbacks/collect/"+alice, "application/json", forged.signedAs(alice, "junk"))
			w.postFrom(stranger, "/callbacks/pay/"+alice, "application/json", bytes.Repeat([]byte("{"), 4<<10))
			w.postFrom(stranger, "/callbacks/collect/nobody", "application/json", forged.body(alice))
		}
	}
	w.rewriteMerchants(`-slip"}`, "-"+alice+`"}`)

	stored := w.count("CALLBACKS")
	t.Log(w.operate("quarantine", "redrive", "--class", "signature", "--merchant", alice))
	if n := w.count("CALLBACKS") - stored; n != 0 {
		t.Errorf("a dry run brought %d through", n)
	}
	t.Log(w.operate("quarantine", "redrive", "--class", "signature", "--merchant", alice, "--yes"))
	w.await("every callback is decided", func() bool { return w.drained(alice) && len(w.ledger()) == len(records) })
	l := w.ledger()
	for _, r := range records {
		chain := l.of(alice, r.OrderID)
		if len(chain) != 1 || chain[0].Outcome() != events.OutcomeSettled {
			t.Errorf("%s: the ledger has %v", r.OrderID, chain)
			continue
		}
		holdAmounts(t, r, chain)
	}
	// Again, there is nothing to bring through.
	before := w.count("CALLBACKS")
	w.operate("quarantine", "redrive", "--class", "signature", "--merchant", alice, "--yes")
	if after := w.count("CALLBACKS"); after != before {
		t.Errorf("a second redrive brought %d through", after-before)
	}
}

func orderIDs(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = orderID(prefix, i)
	}
	return ids
}

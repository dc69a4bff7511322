package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/story"
)

// story is what `settlehook order` says of an order.
func (w *world) story(merchant, id string) (s story.Story) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.operate("order", "-o", "json", "--merchant", merchant, id)), &s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// kinds are what happened, in short. Looks are left out: how often the worker had to
// look is not always the test's.
func kinds(s story.Story) string {
	var all []string
	for _, e := range s.Entries {
		if e.Kind != story.Looked {
			all = append(all, string(e.Kind))
		}
	}
	return strings.Join(all, " ")
}

// hasStory waits for a story, and holds what is said of it in short to it.
func (w *world) hasStory(merchant, id, happened string, state story.State, summary string) {
	w.t.Helper()
	var s story.Story
	w.await(id+": "+happened, func() bool { s = w.story(merchant, id); return kinds(s) == happened })
	if s.State != state || !strings.Contains(s.Summary, summary) || strings.Contains(s.Summary, "not decided") {
		w.t.Errorf("%s: %s, %q; want %s with %q", id, s.State, s.Summary, state, summary)
	}
}

func (w *world) apply(merchant, id string, change sandbox.Change) {
	w.t.Helper()
	if _, err := w.gateways[merchant].Apply(merchant, id, change); err != nil {
		w.t.Fatal(err)
	}
}

// TestStories: of what can become of an order, support is told the right story.
func TestStories(t *testing.T) {
	w := newWorld(t, 1, "ATTEMPTS=1000", "MERCHANTS_POLL=100ms")
	silently := sandbox.Change{Action: sandbox.Settle, Silent: true}

	w.order(alice, sandbox.Collect, "plain", settles)
	w.hasStory(alice, "plain", "submitted callback settled", "settled", "settled 1000.50 INR, net 980.49 credit")

	short := sandbox.Step{Change: sandbox.Change{Action: sandbox.Settle, Paid: dec("999.99")}}
	w.order(alice, sandbox.Collect, "wrong-amount", short)
	w.hasStory(alice, "wrong-amount", "submitted callback review", story.StateReview, "a person is asked")

	w.order(alice, sandbox.Collect, "late-success", sandbox.Step{Change: sandbox.Change{Action: sandbox.Fail}})
	w.hasStory(alice, "late-success", "submitted callback failed", "failed", "failed 1000.50 INR")
	w.apply(alice, "late-success", sandbox.Change{Action: sandbox.Settle})
	w.hasStory(alice, "late-success", "submitted callback failed callback settled", "settled", "late_success")

	w.order(alice, sandbox.Collect, "reversal", settles)
	w.hasStory(alice, "reversal", "submitted callback settled", "settled", "net 980.49 credit")
	w.apply(alice, "reversal", sandbox.Change{Action: sandbox.Reverse})
	w.hasStory(alice, "reversal", "submitted callback settled callback reversed", "reversed", "net 980.49 debit")

	eight := w.quietOrders(alice, silently, "eight-repeats")[0]
	for range 8 {
		w.mustAccept("collect", alice, pushOf(eight).body(alice))
	}
	w.hasStory(alice, "eight-repeats", "submitted callback settled", "settled", "settled 1000.00 INR")

	// The gateway pushes success while its query says submitted.
	w.order(alice, sandbox.Collect, "lagging")
	early := pushOf(w.record(alice, "lagging"))
	early.status = "1"
	w.mustAccept("collect", alice, early.body(alice))
	w.await("the worker looked", func() bool {
		return strings.Contains(w.story(alice, "lagging").Summary, "looked again later (lagging)")
	})
	w.hasStory(alice, "lagging", "submitted callback", story.StateInWork, "the gateway says submitted")
	w.apply(alice, "lagging", silently)
	w.hasStory(alice, "lagging", "submitted callback settled", "settled", "settled 1000.50 INR")

	// Our key is wrong until somebody mends it.
	orders := w.quietOrders(bob, silently, "wrong-key", "probe")
	w.rewriteMerchants("-"+bob+`"}`, `-slip"}`)
	refused := func(r sandbox.Record) bool {
		status, _ := w.post("collect", bob, "application/json", pushOf(r).body(bob))
		return status == http.StatusUnauthorized
	}
	w.await("the wrong key is in force", func() bool { return refused(orders[1]) })
	if !refused(orders[0]) {
		t.Fatal("a push was taken with the wrong key")
	}
	w.hasStory(bob, "wrong-key", "submitted refused", story.StateSubmitted, "no push was taken")
	if next := w.story(bob, "wrong-key").Next; len(next) != 1 || !strings.HasPrefix(next[0], "settlehook quarantine ls") {
		t.Errorf("what to do: %q", next)
	}
	w.rewriteMerchants(`-slip"}`, "-"+bob+`"}`)
	w.operate("quarantine", "redrive", "--class", "signature", "--merchant", bob, "--order", "wrong-key", "--yes")
	w.hasStory(bob, "wrong-key", "submitted callback settled", "settled", "settled 1000.00 BRL")
}

// TestStoryOfAMissingPush: every push went astray, and the sweep found out.
func TestStoryOfAMissingPush(t *testing.T) {
	w := newWorld(t, 1, quickSweep("SWEEP_LOOK_BACK=1h")...)
	w.quietOrders(alice, sandbox.Change{Action: sandbox.Settle, Silent: true}, "missing-push")
	w.hasStory(alice, "missing-push", "submitted settled", "settled", "found by the sweep")
}

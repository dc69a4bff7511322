package main

import (
	"fmt"
	"strings"
)

// protection is what keeps a promise, how to take it away, and the tests that
// notice.
type protection struct {
	name  string
	edits []edit
	tests []test
}

// edit replaces a text that stands in a file exactly once.
type edit struct{ file, old, with string }

func (e edit) apply(body string) (string, error) {
	if n := strings.Count(body, e.old); n != 1 {
		return "", fmt.Errorf("%s holds the text to take away %d times, want once; mend the table:\n%s", e.file, n, e.old)
	}
	return strings.Replace(body, e.old, e.with, 1), nil
}

// test is a named test, of one subtest if need be.
type test struct {
	pkg, name string
	random    bool // drawn by rapid: it need not shrink, nor keep, what fails
}

// root is the test's name without its subtest.
func (t test) root() string { name, _, _ := strings.Cut(t.name, "/"); return name }

// args are the test's own.
func (t test) args() []string {
	if !t.random {
		return nil
	}
	return []string{"-rapid.nofailfile", "-rapid.shrinktime=1ms"}
}

var histories = test{pkg: "internal/reconcile/simulation", name: "TestHistories", random: true}

// oneGuard takes the server's guard on an order's last outcome away.
var oneGuard = edit{
	"internal/stream/ledger.go",
	`	ack, err := l.js.PublishMsg(ctx, msg,
		jetstream.WithExpectLastSequenceForSubject(expected, events.GuardFilter(order.Merchant, order.OrderID)))
`,
	`	_ = order
	ack, err := l.js.PublishMsg(ctx, msg)
`,
}

// oneGate has all merchants share a breaker.
const oneGate = `
var sharedGate = sync.OnceValue(func() *gate { return newGate(5, 15*time.Second, func(string) {}) })

// newGate opens the breaker`

// protections is the table; docs/protections.md is the same for reading.
var protections = []protection{
	{
		name:  "order guard, on the server",
		edits: []edit{oneGuard},
		tests: []test{{pkg: "internal/stream", name: "TestLedger"}},
	},
	{
		name: "order guard and one message per subject",
		edits: []edit{oneGuard, {
			"internal/stream/topology.go",
			`Subjects: []string{"payments.v1.>"},
			MaxAge:   t.PaymentsMaxAge, MaxBytes: int64(t.PaymentsMaxBytes),
			Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,`,
			`Subjects: []string{"payments.v1.>"},
			MaxAge:   t.PaymentsMaxAge, MaxBytes: int64(t.PaymentsMaxBytes),
			Discard: jetstream.DiscardNew,`,
		}},
		tests: []test{{pkg: "internal/stream", name: "TestLedger"}},
	},
	{
		name: "order guard, as workers rely on it",
		edits: []edit{{
			"internal/reconcile/reconciletest/ledger.go",
			`if last := l.last(order.Merchant, order.OrderID); last != expected {`,
			`if last := l.last(order.Merchant, order.OrderID); last > 1<<40 {`,
		}},
		tests: []test{{pkg: "internal/reconcile", name: "TestRaces"}, histories},
	},
	{
		name: "read-back of the last outcome",
		edits: []edit{
			{
				"internal/reconcile/look.go",
				`if w.res.Decision.Verdict == Emit || c.lastRead {`,
				`if c.lastRead = true; c.lastRead {`,
			},
			{
				"internal/reconcile/look.go",
				`	w.res.Conflicts++
	if err := w.readLast(ctx, c); err != nil {
		return err
	}
`,
				`	w.res.Conflicts++
`,
			},
		},
		tests: []test{{pkg: "internal/reconcile", name: "TestConflict"}, {pkg: "internal/reconcile", name: "TestRepeatedPush"}, histories},
	},
	{
		name: "read-back of a refusal",
		edits: []edit{{
			"internal/stream/ledger.go",
			`if _, getErr := l.stream.GetLastMsgForSubject(ctx, subject); getErr == nil {`,
			`if ctx != nil && subject != "" {`,
		}},
		tests: []test{{pkg: "internal/stream", name: "TestFullLedger"}},
	},
	{
		name: "three-way match: what was submitted",
		edits: []edit{{
			"internal/reconcile/case.go",
			`return c.Submitted != nil && !c.submissionUnusable() && differ(c.Submitted.Amount, from)`,
			`return c.Submitted != nil && from != from`,
		}},
		tests: []test{{pkg: "internal/reconcile", name: "TestDecide"}, histories},
	},
	{
		name: "three-way match: what the callback says",
		edits: []edit{{
			"internal/reconcile/case.go",
			`return c.Callback != nil && differ(amountOf(c.Callback.Amount), from)`,
			`return c.Callback != nil && from != from`,
		}},
		tests: []test{{pkg: "internal/reconcile", name: "TestDecide"}, {pkg: "internal/reconcile", name: "TestReviewThenAgreement"}},
	},
	{
		name: "ambiguity rule",
		edits: []edit{{
			"pkg/sign/shape.go",
			`return s, checkAmbiguity(p, &s)`,
			`return s, nil`,
		}},
		tests: []test{{pkg: "pkg/sign", name: "TestCollisions"}},
	},
	{
		name:  "reconnect buffer off",
		edits: []edit{{"internal/stream/connect.go", "		nats.ReconnectBufSize(-1),\n", ""}},
		tests: []test{{pkg: "internal/stream", name: "TestNothingAppearsAfterReconnect"}},
	},
	{
		name: "agreement before done, and done only while last",
		edits: []edit{
			{"internal/reconcile/processor.go", `if w.res.Decision.Agreed && w.res.Sequence > 0 {`, `if w.res.Disposition == 0 {`},
			{"internal/reconcile/processor.go", `case sequence > 0 && last.sequence() == sequence:`, `case last.sequence() < 1<<40:`},
		},
		tests: []test{{pkg: "internal/reconcile", name: "TestDoneMarkOfFormerState"}, {pkg: "internal/reconcile", name: "TestStepOrder"}, histories},
	},
	{
		name: "isolation: a durable for each merchant",
		edits: []edit{
			{"internal/stream/topology.go", `return reconcilerPrefix + merchant }`, `return reconcilerPrefix + merchant[:0] + "all" }`},
			{"internal/stream/topology.go", `FilterSubject: "callbacks.v1.*." + merchant + ".*",`, `FilterSubject: "callbacks.v1.*.*.*",`},
		},
		tests: []test{{pkg: "internal/stream", name: "TestMerchantsAreApart"}},
	},
	{
		name: "isolation: a breaker for each merchant",
		edits: []edit{
			{"internal/orderapi/gateway.go", `gate: newGate(cfg.Failures, cfg.Pause, o.GateChanged)}`, `gate: sharedGate()}`},
			{"internal/orderapi/gate.go", "\n// newGate opens the breaker", oneGate},
		},
		tests: []test{{pkg: "internal/orderapi", name: "TestOneOutage/hangs,_redis_true"}},
	},
	{
		name:  "isolation: a rate for each merchant",
		edits: []edit{{"internal/orderapi/rate.go", `key: prefix + "rate:" + merchant,`, `key: prefix + "rate:" + merchant[:0],`}},
		tests: []test{{pkg: "internal/orderapi", name: "TestRateMerchantsAreApart"}},
	},
	{
		name:  "one rate for all workers, with Redis",
		edits: []edit{{"internal/orderapi/rate.go", `if wait > longest then return -wait end`, `if wait >= 0 then return 0 end`}},
		tests: []test{{pkg: "internal/orderapi", name: "TestOneOutage/hangs,_redis_true"}},
	},
	{
		name:  "one rate for all workers, without Redis",
		edits: []edit{{"internal/orderapi/rate.go", `perSecond/float64(max(maxWorkers, 1))`, `perSecond`}},
		tests: []test{{pkg: "internal/orderapi", name: "TestOneOutage/hangs,_redis_false"}},
	},
	{
		name: "a look-back for each outcome",
		edits: []edit{{"internal/reconcile/sweep.go", `if due.Stage == StageLookBack {
		// Each`, `if due.Sequence > 1<<40 {
		// Each`}},
		tests: []test{{pkg: "internal/reconcile", name: "TestEachOutcomeIsLookedBackAt"}},
	},
	{
		name:  "callbacks are heard before the sweep tells",
		edits: []edit{{"internal/reconcile/heard.go", `if h != nil {`, `if h != nil && !c.heard {`}},
		tests: []test{{pkg: "internal/reconcile", name: "TestSweepDoesNotPassOverACallback"}, histories},
	},
	{
		name:  "a reversal in review stays",
		edits: []edit{{"internal/reconcile/reason.go", `cb != nil && cb.Reverse && o != events.OutcomeReversed`, `cb != nil && o == ""`}},
		tests: []test{{pkg: "internal/reconcile", name: "TestReversalInReviewStays"}, histories},
	},
	{
		name:  "no second ledger",
		edits: []edit{{"internal/stream/newledger.go", `if last > 0 {`, `if last < 0 {`}},
		tests: []test{{pkg: "internal/stream", name: "TestSetupMakesNoSecondLedger"}},
	},
	{
		name:  "a receiver lingers",
		edits: []edit{{"internal/app/receiver.go", `time.NewTimer(r.cfg.HTTP.Linger)`, `time.NewTimer(0)`}},
		tests: []test{{pkg: "test/e2e", name: "TestRollout/by_readiness_alone"}},
	},
	{
		name:  "a stopping receiver sends senders elsewhere",
		edits: []edit{{"internal/receiver/answer.go", `if x.h.Draining() {`, `if x.h.refusing.Load() {`}},
		tests: []test{{pkg: "internal/receiver", name: "TestDrain"}},
	},
}

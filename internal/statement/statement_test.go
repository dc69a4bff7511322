package statement_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/statement"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
)

// office is an installation with its streams, where events are told as they are.
type office struct {
	t  *testing.T
	js jetstream.JetStream
}

func newOffice(t *testing.T) *office {
	t.Helper()
	nc, err := nats.Connect(testserver.NATS(t).ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	const mib = config.Bytes(1 << 20)
	err = stream.Setup(t.Context(), js, config.Topology{
		Replicas: 1, CallbacksMaxBytes: mib, CallbacksMaxAge: time.Hour, PaymentsMaxBytes: mib, PaymentsMaxAge: 400 * 24 * time.Hour,
		OrdersMaxBytes: mib, TrailMaxBytes: mib, TrailMaxAge: time.Hour, ParkedMaxBytes: mib, ParkedMaxAge: time.Hour,
		QuarantineMaxBytes: mib, QuarantineMaxAge: time.Hour, QuarantineMaxPerSubject: 3, BalancesMaxBytes: mib, ClosingsMaxBytes: mib,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &office{t, js}
}

func (o *office) publish(subject string, event any) {
	o.t.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.js.Publish(o.t.Context(), subject, body); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) submit(id, amount string, at time.Time) {
	o.t.Helper()
	e, err := events.NewSubmitted("test", at, events.SubmittedOrder{Flow: events.FlowCollect, Merchant: "m1", OrderID: id, Amount: events.MustParseAmount(amount), Currency: "INR"})
	if err != nil {
		o.t.Fatal(err)
	}
	o.publish(e.NATSSubject(), e)
}

// settle tells that a collection was settled, less a fee of one.
func (o *office) settle(id, amount string, at time.Time) {
	o.t.Helper()
	p := events.Payment{
		Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect, Merchant: "m1", Account: "8801", OrderID: id,
		Amount: events.MustParseAmount(amount), Fee: events.MustParseAmount("1"), Currency: "INR", LiveMode: true, BookingDate: events.BookingDate(at, time.UTC),
	}
	_, p.Net = events.Net(events.OutcomeSettled, p.Flow, events.PayFeeUnknown, p.Amount, p.Fee)
	e, err := events.New("test", at, events.Settled{Payment: p})
	if err != nil {
		o.t.Fatal(err)
	}
	o.publish(e.NATSSubject(), e)
}

// orderAPI is a gateway's order query.
type orderAPI struct {
	mu    sync.Mutex
	paid  map[string]string // amounts, less a fee of one
	asked []string
}

func (g *orderAPI) Query(_ context.Context, orderID string) (reconcile.Answer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, orderID)
	amount, found := g.paid[orderID]
	if !found {
		return reconcile.Answer{}, nil
	}
	return reconcile.Answer{Found: true, Status: callback.Success, Amount: events.MustParseAmount(amount), Fee: events.MustParseAmount("1")}, nil
}

var (
	noon     = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	november = func() finance.Period { p, _ := finance.ParsePeriod("2026-11"); return p }()
)

func (o *office) sources(balance string) statement.Sources {
	opening, _ := finance.ParseSum("100")
	final, err := finance.ParseSum(balance)
	if err != nil {
		o.t.Fatal(err)
	}
	return statement.Sources{
		JS: o.js, Timeout: 10 * time.Second,
		Scope: finance.Scope{
			Merchant: "m1", Currency: "INR", Period: november, Zone: time.UTC, LiveMode: true,
			Opening: &finance.Snapshot{Balance: opening, At: november.Begins(time.UTC)}, Final: &finance.Snapshot{Balance: final, At: november.Ends(time.UTC)},
		},
	}
}

func (o *office) asking(g statement.Gateway, path string) statement.Asking {
	o.t.Helper()
	answers, err := statement.OpenAnswers(path, "m1", "2026-11")
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = answers.Close() })
	return statement.Asking{Gateway: g, PerSecond: 1000, Answers: answers, Clock: func() time.Time { return noon }}
}

func differences(s finance.Statement) []string {
	all := []string{}
	for _, d := range s.Differences {
		all = append(all, fmt.Sprintf("%s %s", d.Class, d.OrderID))
	}
	return all
}

// TestMake reads all sources: what agrees is not mentioned, what is older than the
// period is remembered.
func TestMake(t *testing.T) {
	o := newOffice(t)
	o.submit("A1", "10", noon)
	o.settle("A1", "10", noon)
	o.submit("A2", "20", noon)
	o.submit("A3", "30", noon)
	o.settle("OLD", "5", noon.AddDate(0, -2, 0))
	g := &orderAPI{paid: map[string]string{"A1": "10", "A2": "20"}}
	s := o.sources("128") // A1's 9 and A2's 19
	s.Asking = o.asking(g, filepath.Join(t.TempDir(), "answers"))
	steps := []string{}
	s.Step = func(name string, most uint64) func() {
		steps = append(steps, fmt.Sprintf("%s %d", name, most))
		return nil
	}
	made, err := statement.Make(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if got := differences(made); !slices.Equal(got, []string{"missing_with_us A2", "still_open A3"}) || !made.Equation.Closes() || made.Orders != 3 {
		t.Errorf("%v; %+v", got, made)
	}
	slices.Sort(g.asked)
	if !slices.Equal(g.asked, []string{"A1", "A2", "A3"}) {
		t.Errorf("asked about %v", g.asked)
	}
	if want := []string{"reading submitted orders 3", "reading the ledger 2", "looking for earlier outcomes 2", "asking the gateway 3"}; !slices.Equal(steps, want) {
		t.Errorf("steps are %q", steps)
	}
}

// TestMakeByBill: a bill takes the place of the order query.
func TestMakeByBill(t *testing.T) {
	o := newOffice(t)
	o.settle("A1", "10", noon)
	bill, err := statement.ReadBill("b", strings.NewReader("time,type,merchant_order,status,amount,fee,currency,balance_change\n"+
		noon.Format(time.RFC3339)+",collect,A1,success,10,1,INR,9\n"+noon.Format(time.RFC3339)+",collect,A7,success,4,1,INR,3\n"), statement.SandboxMapping(), "INR")
	if err != nil {
		t.Fatal(err)
	}
	s := o.sources("112")
	s.Bill = &bill
	made, err := statement.Make(t.Context(), s)
	if err != nil || !slices.Equal(differences(made), []string{"missing_with_us A7"}) || !made.Equation.Closes() {
		t.Errorf("%+v, %v", made, err)
	}
}

// TestAskingGoesOn: broken off, it goes on where it was, and asks again only about
// what was not answered.
func TestAskingGoesOn(t *testing.T) {
	o := newOffice(t)
	for i := range 6 {
		o.submit(fmt.Sprintf("A%d", i), "10", noon)
	}
	path := filepath.Join(t.TempDir(), "answers")
	ctx, stop := context.WithCancel(t.Context())
	g := &orderAPI{}
	s := o.sources("100")
	s.Asking = o.asking(g, path)
	s.Step = func(name string, _ uint64) func() {
		if name != "asking the gateway" {
			return nil
		}
		n := 0
		return func() {
			if n++; n == 3 {
				stop()
			}
		}
	}
	if _, err := statement.Make(ctx, s); !errors.Is(err, context.Canceled) {
		t.Fatalf("broken off: %v", err)
	}
	_ = s.Asking.Answers.Close()
	first := len(g.asked)
	// The last line was cut off by the end of the machine.
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := strings.Count(string(text), "\n") - 1
	if err := os.WriteFile(path, append(text, `{"flow":"coll`...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Asking, s.Step = o.asking(g, path), nil
	made, err := statement.Make(t.Context(), s)
	if err != nil || made.Counts[finance.StillOpen] != 6 {
		t.Fatalf("%+v, %v", made, err)
	}
	if again := len(g.asked) - first; kept < 3 || again != 6-kept {
		t.Errorf("%d answers were kept, and %d asked again", kept, again)
	}
	if _, err := statement.OpenAnswers(path, "m2", "2026-11"); err == nil {
		t.Error("the answers about another merchant are taken")
	}
}

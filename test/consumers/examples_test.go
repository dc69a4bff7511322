package consumers

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

func TestSubscriberInGo(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "subscriber")
	build := exec.Command("go", "build", "-o", binary, "./examples/subscriber")
	build.Dir = testserver.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the example: %v\n%s", err, out)
	}
	testExample(t, "bookkeeping", binary)
}

func TestSubscriberInNode(t *testing.T) {
	t.Parallel()
	testExample(t, "bookkeeping-node", node(t), nodeExample(t))
}

// node finds the program.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not installed; run 'make tools' once (as root, or install it yourself: sudo apt-get install nodejs npm), then test again")
	}
	return path
}

// nodeExample puts the example beside its packages, which do not lie in the
// source tree, and returns its main file.
func nodeExample(t *testing.T) string {
	t.Helper()
	dir, from := t.TempDir(), filepath.Join(testserver.Root(), "examples", "subscriber-node")
	packages, err := filepath.Abs(filepath.Join(testserver.Root(), ".cache", "subscriber-node", "node_modules"))
	must(t, err)
	if _, err := os.Stat(packages); err != nil {
		t.Fatal("the packages of examples/subscriber-node are not installed; run 'make tools' once, then test again")
	}
	must(t, os.Symlink(packages, filepath.Join(dir, "node_modules")))
	for _, name := range []string{"package.json", "main.js", "event.js", "journal.js"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return filepath.Join(dir, "main.js")
}

// history is a thousand events, and what a bookkeeper makes of them: of every
// eight, three settled orders, one reversed later, and what is not to be booked.
// The amounts are beyond what a binary floating-point number can hold.
func history() (all []events.Event, want []string) {
	book := func(e events.Event) {
		all = append(all, e)
		p := e.Data.Common()
		want = append(want, fmt.Sprintf(`{"id":%q,"day":%q,"merchant":%q,"order":%q,"direction":%q,"amount":%q,"net":%q,"currency":%q}`,
			e.ID, p.BookingDate, p.Merchant, p.OrderID, p.Direction, p.Amount, p.Net, p.Currency))
	}
	for i := range 125 {
		order := func(kind string) eventstest.Option { return eventstest.Order(fmt.Sprintf("%s.%d", kind, i)) }
		amount := eventstest.Amount(fmt.Sprintf("99999999999%04d.01", i), "0.10")
		plain := eventstest.Amount(fmt.Sprintf("%d.00", i+1), "0.00")
		book(eventstest.Settled(order("collect"), amount))
		book(eventstest.Settled(order("pay"), eventstest.Flow(events.FlowPay), amount))
		all = append(all, eventstest.Failed(order("failed")), eventstest.Expired(order("expired")))
		all = append(all, eventstest.Review(order("review")), eventstest.Settled(order("sandbox"), eventstest.Sandbox()))
		book(eventstest.Settled(order("back"), plain))
		book(eventstest.Reversed(order("back"), plain))
	}
	return all, want
}

// testExample kills the service and the server in the middle of a thousand
// events. Each is booked once, in the order of the ledger, to the last digit.
func testExample(t *testing.T, durable string, command ...string) {
	t.Helper()
	l := newLedger(t)
	all, want := history()
	if len(all) != 1000 || len(want) != 500 {
		t.Fatalf("%d events, %d to book", len(all), len(want))
	}
	l.publish(all[:700]...)
	s := newService(t, l, command...)
	s.start()
	s.eventually("the first are booked", func() bool { return len(s.booked()) > 100 })
	s.end(syscall.SIGKILL)
	killed := len(s.booked())
	appendText(t, s.journal, `{"id":"m1001/cut`) // as a crash may leave it
	s.start()
	s.eventually("more are booked", func() bool { return len(s.booked()) > 200 })
	restarted := len(s.booked())
	l.restart()
	l.publish(all[700:]...)
	s.eventually("all are booked", func() bool { return len(s.booked()) >= len(want) && l.done(durable) })
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if killed >= 350 || restarted >= 350 {
		t.Errorf("killed after %d and the server restarted after %d bookings: not in the middle", killed, restarted)
	}
	if diff := cmp.Diff(want, s.booked()); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	replay(t, l, s, durable)
	newer(t, l, s, durable)
}

// replay reads everything again, as after the loss of the position: all of it is
// known.
func replay(t *testing.T, l *ledger, s *service, durable string) {
	t.Helper()
	before := s.booked()
	must(t, l.dial("recovery").DeleteConsumer(within(t), stream.Payments, durable))
	s.start()
	s.eventually("all was read again", func() bool { return l.done(durable) })
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if diff := cmp.Diff(before, s.booked()); diff != "" {
		t.Errorf("journal after a replay (-want +got):\n%s", diff)
	}
}

// newer sends events of the sandbox to a service that wants them, one of a type
// that it does not know, and one that breaks the contract, which ends it.
func newer(t *testing.T, l *ledger, s *service, durable string) {
	t.Helper()
	before := len(s.booked())
	s.start("--sandbox")
	l.publish(eventstest.Settled(eventstest.Order("wanted"), eventstest.Sandbox()))
	s.eventually("the sandbox's is booked", func() bool { return len(s.booked()) == before+1 })
	body, err := eventstest.Settled(eventstest.Order("new")).MarshalJSON()
	must(t, err)
	publishAs(t, l, "new", strings.Replace(string(body), "payment.settled.v1", "payment.settled.v2", 1))
	s.eventually("the newer one is passed", func() bool { return l.done(durable) })
	var broken map[string]any
	must(t, json.Unmarshal(body, &broken))
	broken["data"].(map[string]any)["amount"] = 1000.5
	text, err := json.Marshal(broken)
	must(t, err)
	publishAs(t, l, "broken", string(text))
	if code := s.wait(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if printed := lines(s.out.String()); !slices.ContainsFunc(printed, func(line string) bool {
		return strings.HasPrefix(line, "subscriber: ") && strings.Contains(line, "payments.v1.settled.collect.m1001.broken")
	}) {
		t.Errorf("it does not say which event broke the contract; last:\n%s", s.out.tail())
	}
	if got := len(s.booked()); got != before+1 {
		t.Errorf("%d bookings, want %d", got, before+1)
	}
	if l.done(durable) {
		t.Error("the broken event was acknowledged")
	}
}

func publishAs(t *testing.T, l *ledger, order, body string) {
	t.Helper()
	_, err := l.js.Publish(within(t), "payments.v1.settled.collect.m1001."+order, []byte(body))
	must(t, err)
}

func appendText(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, err)
	must(t, f.Close())
}

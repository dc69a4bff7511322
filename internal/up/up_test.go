package up

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/embedded"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/orders"
)

// TestSandboxShowsEveryOutcome is "make run": within seconds a person sees
// callbacks arrive and every kind of event leave.
func TestSandboxShowsEveryOutcome(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	defer http.DefaultClient.CloseIdleConnections()
	dir := t.TempDir()
	i := run(t, Config{
		Up: settings(t, SandboxMerchantsFile(dir), nil), DataDir: dir, NATSListen: "127.0.0.1:0",
		Sandbox: &Sandbox{
			Addr: testserver.FreeAddr(t), AdminAddr: "127.0.0.1:0", OwnMerchants: true,
			TimeScale: 100, Seed: 1, Rate: 40, Mischief: sandbox.Hostile(),
		},
	})
	eventually(t, "all outcomes on the screen", func() bool {
		return i.out.shows("→ callback", "✓ settled", "✗ failed", "↺ reversed", "! review", "needs a person: amount_mismatch", "supersedes settled")
	})
	for path, want := range map[string]string{
		"http://" + i.at.Admin + "/readyz":  "ready\n",
		"http://" + i.at.Admin + "/livez":   "alive\n",
		"http://" + i.at.Admin + "/metrics": "\nsettlehook_merchants_file_stale 0\n",
		i.at.SandboxAdmin + "/books":        `"state":"settled"`,
	} {
		if body := get(t, path); !strings.Contains(body, want) {
			t.Errorf("GET %s without %q:\n%s", path, want, body)
		}
	}
	i.stop()
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %v", url, res.StatusCode, err)
	}
	return string(body)
}

// scripted is an order with what has to become of it.
type scripted struct {
	order  sandbox.Order
	course string
	want   []string // outcomes told, in the order of the subjects' names
}

// gatewayOutside is a sandbox that outlives the program: it keeps its books
// over restarts, as a gateway does.
type gatewayOutside struct {
	*sandbox.Server
	book atomic.Pointer[orders.Book]
}

func newGatewayOutside(t *testing.T, addr string, merchantsFile string) *gatewayOutside {
	t.Helper()
	ms, err := config.LoadMerchants(merchantsFile)
	if err != nil {
		t.Fatal(err)
	}
	g := &gatewayOutside{}
	g.Server, err = sandbox.New(sandbox.Config{
		Addr: addr, AdminAddr: "127.0.0.1:0", Merchants: SandboxMerchants(ms), TimeScale: 1000, Run: "test",
		OnCreate: func(ctx context.Context, o sandbox.Order) error { return Announce(ctx, g.book.Load(), "local", o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

// connect makes the gateway push to an instance, and orders be submitted to
// it.
func (g *gatewayOutside) connect(t *testing.T, i *instance, js jetstream.JetStream) {
	t.Helper()
	g.book.Store(orders.NewBook(js, 5*time.Second))
	if err := g.SetNotifyBase("http://" + i.at.Receiver); err != nil {
		t.Fatal(err)
	}
}

// create makes orders of every course, and both flows and merchants.
func (g *gatewayOutside) create(t *testing.T) []*scripted {
	t.Helper()
	outcomes := map[string][]string{
		sandbox.CourseSettled: {"settled"}, sandbox.CourseFailed: {"failed"},
		sandbox.CourseShortPaid: {"review"}, "reversed by hand": {"settled", "reversed"},
	}
	var all []*scripted
	for course, want := range outcomes {
		for _, merchant := range []string{"m1001", "m2002"} {
			for _, flow := range []sandbox.Flow{sandbox.Collect, sandbox.Pay} {
				// The reversal waits until downstream was told of the success.
				steps, err := sandbox.Course(strings.Replace(course, "reversed by hand", sandbox.CourseSettled, 1), decimal.MustParse("1234.50"), "INR")
				if err != nil {
					t.Fatal(err)
				}
				o, err := g.CreateOrder(t.Context(), sandbox.NewOrder{Merchant: merchant, Flow: flow, Amount: decimal.MustParse("1234.50"), Course: steps})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, &scripted{order: o, course: course, want: want})
			}
		}
	}
	return all
}

// told lists the outcomes of an order that downstream was told.
func told(l ledger, o sandbox.Order) map[string]bool {
	outcomes := map[string]bool{}
	for subject := range l.Told {
		tokens := strings.Split(subject, ".")
		if tokens[3] == string(o.Flow) && tokens[4] == o.Merchant && tokens[5] == o.OrderID {
			outcomes[tokens[2]] = true
		}
	}
	return outcomes
}

func (s *scripted) done(l ledger) bool {
	outcomes := told(l, s.order)
	for _, want := range s.want {
		if !outcomes[want] {
			return false
		}
	}
	return true
}

// After a restart on the same data folder nothing is emitted twice, although
// the stand-in for Redis forgot everything: the ledger knows.
func TestNothingIsEmittedTwiceAfterARestart(t *testing.T) {
	addr, dir := testserver.FreeAddr(t), t.TempDir()
	file := writeMerchants(t, addr)
	gateway := newGatewayOutside(t, addr, file)
	c := Config{Up: settings(t, file, nil), DataDir: dir, NATSListen: "127.0.0.1:0"}

	first := run(t, c)
	js, disconnect := first.streams()
	gateway.connect(t, first, js)
	orders := gateway.create(t)
	for _, o := range orders {
		if o.course == "reversed by hand" {
			eventually(t, "settled before it is reversed", func() bool { return told(readLedger(t, js), o.order)["settled"] })
			if _, err := gateway.Apply(o.order.Merchant, o.order.OrderID, sandbox.Change{Action: sandbox.Reverse}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var before ledger
	eventually(t, "every order's outcome", func() bool {
		before = readLedger(t, js)
		for _, o := range orders {
			if !o.done(before) {
				return false
			}
		}
		return true
	})
	awaitIdle(t, js)
	before = readLedger(t, js)
	if want := 4*1 + 4*1 + 4*1 + 4*2; len(before.Told) != want || before.Last != uint64(want) {
		t.Fatalf("%d events are told, last sequence %d, want %d:\n%v", len(before.Told), before.Last, want, before.Told)
	}
	disconnect()
	first.stop()

	second := run(t, c)
	js, disconnect = second.streams()
	defer disconnect()
	gateway.connect(t, second, js)
	if diff := cmp.Diff(before, readLedger(t, js)); diff != "" {
		t.Fatalf("the ledger after the restart (-want +got):\n%s", diff)
	}
	asked := map[string]int{}
	books := map[string]string{}
	for _, r := range gateway.Books() {
		asked[r.OrderID], books[r.OrderID] = r.Queries, r.State
	}
	stored := callbacks(t, js)
	if len(stored) != 20 {
		t.Fatalf("%d callbacks are stored, want one of each state: 20", len(stored))
	}
	for _, m := range stored {
		second.push(m)
	}
	// Within the stream's window of duplicates it has swallowed them. Beyond
	// it they reach the worker: as they were, and pushed anew.
	for _, m := range stored {
		m.Header.Del(jetstream.MsgIDHeader)
		m.Header.Set(stream.HeaderSequence, strconv.FormatUint(m.Sequence, 10))
		replay(t, js, m, m.Header)
		if !superseded(m, orders) {
			replay(t, js, m, nats.Header{stream.HeaderContentType: m.Header[stream.HeaderContentType]})
		}
	}
	awaitIdle(t, js)
	if diff := cmp.Diff(before, readLedger(t, js)); diff != "" {
		t.Errorf("the ledger after every callback came again (-want +got):\n%s", diff)
	}
	for _, r := range gateway.Books() {
		if r.Queries <= asked[r.OrderID] {
			t.Errorf("order %s was not asked about: the stand-in for Redis had forgotten it", r.OrderID)
		}
		if r.State != books[r.OrderID] {
			t.Errorf("order %s is %s, was %s", r.OrderID, r.State, books[r.OrderID])
		}
	}
	second.stop()
}

func replay(t *testing.T, js jetstream.JetStream, m *jetstream.RawStreamMsg, h nats.Header) {
	t.Helper()
	if _, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: m.Subject, Data: m.Data, Header: h}); err != nil {
		t.Fatal(err)
	}
}

// superseded reports whether a callback is about a state that its order has
// left. Pushed anew, it contradicts the query: that is for a person.
func superseded(m *jetstream.RawStreamMsg, orders []*scripted) bool {
	for _, o := range orders {
		if bytes.Contains(m.Data, []byte(o.order.OrderID)) {
			return o.course == "reversed by hand" && bytes.Contains(m.Data, []byte(`"reverse":false`))
		}
	}
	return false
}

// push posts a stored callback's body once more.
func (i *instance) push(m *jetstream.RawStreamMsg) {
	i.t.Helper()
	tokens := strings.Split(m.Subject, ".")
	res, err := http.Post(fmt.Sprintf("http://%s/callbacks/%s/%s", i.at.Receiver, tokens[2], tokens[3]), "application/json", bytes.NewReader(m.Data))
	if err != nil {
		i.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK || string(body) != "success" {
		i.t.Errorf("pushed again: %d %q %v", res.StatusCode, body, err)
	}
}

// callbacks reads CALLBACKS.
func callbacks(t *testing.T, js jetstream.JetStream) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := js.Stream(t.Context(), stream.Callbacks)
	if err != nil {
		t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	for seq := s.CachedInfo().State.FirstSeq; seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// awaitIdle returns once every callback is done with.
func awaitIdle(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	for _, merchant := range []string{"m1001", "m2002"} {
		eventually(t, "all callbacks of "+merchant+" done", func() bool {
			c, err := js.Consumer(t.Context(), stream.Callbacks, stream.ReconcilerName(merchant))
			if err != nil {
				t.Fatal(err)
			}
			info := c.CachedInfo()
			return info.NumPending == 0 && info.NumAckPending == 0
		})
	}
}

func TestASecondUpOnTheSameDataFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	own := func() *Sandbox {
		return &Sandbox{Addr: testserver.FreeAddr(t), AdminAddr: "127.0.0.1:0", OwnMerchants: true, TimeScale: 100}
	}
	c := Config{Up: settings(t, SandboxMerchantsFile(dir), nil), DataDir: dir, Sandbox: own()}
	run(t, c)
	merchants, err := os.ReadFile(SandboxMerchantsFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	c.Sandbox, c.Out, c.Log = own(), io.Discard, zap.NewNop()
	err = Run(t.Context(), c)
	want := filepath.Join(dir, "nats") + ": another settlehook uses this data folder; stop it, or name another folder with --data"
	if !errors.Is(err, embedded.ErrInUse) || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if after, err := os.ReadFile(SandboxMerchantsFile(dir)); err != nil || !bytes.Equal(after, merchants) {
		t.Errorf("it changed the merchants of the one that runs: %v\n%s", err, after)
	}
}

// Whatever can't start, there is one clear error and nothing is left behind:
// the next start succeeds.
func TestAPartThatCannotStartStopsEverything(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	busy := taken.Addr().String()
	for _, tc := range []struct {
		name, want string
		env        map[string]string
		change     func(*Config)
	}{
		{name: "receiver", env: map[string]string{"HTTP_ADDR": busy}, want: "listen on HTTP_ADDR: listen tcp " + busy + ": bind: address already in use"},
		{name: "operator's listener", env: map[string]string{"ADMIN_ADDR": busy}, want: "listen on ADMIN_ADDR: listen tcp " + busy + ": bind: address already in use"},
		{
			name: "NATS", change: func(c *Config) { c.NATSListen = busy },
			want: "embedded NATS: Error listening on port: " + busy + ", \"listen tcp " + busy + ": bind: address already in use\"",
		},
		{
			name: "sandbox", change: func(c *Config) { c.Sandbox.Addr = busy },
			want: "sandbox: cannot listen on " + busy + " (is another one running there?): listen tcp " + busy + ": bind: address already in use",
		},
		{
			name: "sandbox's admin port", change: func(c *Config) { c.Sandbox.AdminAddr = busy },
			want: "sandbox: cannot listen on " + busy + " (is another one running there?): listen tcp " + busy + ": bind: address already in use",
		},
		{
			name: "sandbox on any free port", change: func(c *Config) { c.Sandbox.Addr = "127.0.0.1:0" },
			want: `"127.0.0.1:0": the sandbox's merchants file names the sandbox's address: give it a port, such as 127.0.0.1:8888`,
		},
		{
			name: "sandbox beyond loopback", change: func(c *Config) { c.Sandbox.Addr = "0.0.0.0:8888" },
			want: "sandbox: 0.0.0.0:8888 is not a loopback address, and whoever reaches it can make orders succeed; use 127.0.0.1, or allow it explicitly",
		},
		{
			name: "merchants", change: func(c *Config) { c.Sandbox, c.Up.Merchants.Path = nil, "/does/not/exist.yaml" },
			want: "/does/not/exist.yaml: cannot be read (no such file or directory); mount the merchants file or correct MERCHANTS_FILE",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			env := map[string]string{"HTTP_ADDR": testserver.FreeAddr(t), "ADMIN_ADDR": testserver.FreeAddr(t)}
			fine := Config{
				Up: settings(t, SandboxMerchantsFile(dir), env), DataDir: dir,
				Sandbox: &Sandbox{Addr: testserver.FreeAddr(t), AdminAddr: "127.0.0.1:0", OwnMerchants: true, TimeScale: 100},
				Out:     io.Discard, Log: zap.NewNop(),
			}
			broken, own := fine, *fine.Sandbox
			maps.Copy(env, tc.env)
			broken.Up, broken.Sandbox = settings(t, SandboxMerchantsFile(dir), env), &own
			if tc.change != nil {
				tc.change(&broken)
			}
			broken.Started = func(Running) { t.Error("it says that it runs") }
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			err := Run(t.Context(), broken)
			if err == nil || err.Error() != tc.want {
				t.Errorf("error\n%v, want\n%s", err, tc.want)
			}
			run(t, fine).stop()
		})
	}
}

// A part that fails while everything runs ends it all, with its name.
func TestAPartThatFailsEndsAll(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	i := run(t, Config{
		Up: settings(t, SandboxMerchantsFile(dir), map[string]string{"TOPOLOGY_CHECK_INTERVAL": "20ms"}), DataDir: dir, NATSListen: "127.0.0.1:0",
		Sandbox: &Sandbox{Addr: testserver.FreeAddr(t), AdminAddr: "127.0.0.1:0", OwnMerchants: true, TimeScale: 100, Total: 10},
	})
	js, disconnect := i.streams()
	s, err := js.Stream(t.Context(), stream.Parked)
	if err != nil {
		t.Fatal(err)
	}
	weak := s.CachedInfo().Config
	weak.Discard = jetstream.DiscardOld
	if _, err := js.UpdateStream(t.Context(), weak); err != nil {
		t.Fatal(err)
	}
	disconnect()
	select {
	case <-i.gone:
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	const line = ": the streams changed and break a guarantee: stream PARKED: discard is DiscardOld, must be DiscardNew: " +
		"a full stream would drop what was acknowledged, or block what may be dropped; run 'settlehook setup'"
	for said := range strings.SplitSeq(fmt.Sprint(i.err), "\n") {
		if said != "worker"+line && said != "receiver"+line {
			t.Errorf("ended with %q", said)
		}
	}
}

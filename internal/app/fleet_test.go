package app

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/stream"
)

// newTestFleet is a fleet that a test drives step by step, with its clock.
func newTestFleet(s *site, clock func() time.Time) *fleet {
	s.t.Helper()
	cfg := s.worker()
	client, err := redisconn.Open(cfg.Redis, func(bool) {})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = client.Close() })
	ledger, err := stream.OpenLedger(s.t.Context(), s.js, cfg.NATS.PublishTimeout)
	if err != nil {
		s.t.Fatal(err)
	}
	orders, err := stream.OpenOrders(s.t.Context(), s.js, cfg.NATS.PublishTimeout)
	if err != nil {
		s.t.Fatal(err)
	}
	metrics := newWorkerMetrics(prometheus.NewRegistry(), s.log)
	callbacks, err := stream.OpenCallbacks(s.t.Context(), s.js, cfg.NATS.PublishTimeout)
	if err != nil {
		s.t.Fatal(err)
	}
	server, err := stream.NewServerClock(s.t.Context(), s.js, clock)
	if err != nil {
		s.t.Fatal(err)
	}
	return newFleet(fleetDeps{
		cfg: cfg, js: s.js, redis: client, ledger: ledger, orders: orders, callbacks: callbacks, server: server,
		trail: stream.NewTrailLog(s.js.Conn(), metrics.trailFailed), metrics: metrics, log: s.log, clock: clock,
	})
}

// load reads the merchants file as it is now.
func (s *site) load() *config.Merchants {
	s.t.Helper()
	ms, err := config.LoadMerchants(s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	return ms
}

// working are the contexts of a fleet that is driven by a test.
func working(t *testing.T, f *fleet) (intake, work context.Context) {
	t.Helper()
	intake, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(func() {
		stop()
		for _, m := range f.members {
			<-m.done
		}
	})
	return intake, context.WithoutCancel(t.Context())
}

// states says of every member whether it serves or parks.
func (f *fleet) states() map[string]string {
	all := map[string]string{}
	for id, m := range f.members {
		all[id] = "serves"
		if m.merchant == nil {
			all[id] = "parks"
		}
	}
	return all
}

func TestFleetParksARemovedMerchantAfterTheGrace(t *testing.T) {
	s := newSite(t, merchant{id: "m1"}, merchant{id: "m2"})
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var passed atomic.Int64 // workers look at the clock meanwhile
	pass := func(d time.Duration) { passed.Add(int64(d)) }
	f := newTestFleet(s, func() time.Time { return start.Add(time.Duration(passed.Load())) })
	intake, work := working(t, f)
	both := s.load()
	s.writeMerchants(merchant{id: "m1"})
	one := s.load()

	look := func(merchants *config.Merchants, want map[string]string) {
		t.Helper()
		f.follow(intake, work, merchants)
		f.watchDurables(intake, work, merchants, false)
		if diff := cmp.Diff(want, f.states()); diff != "" {
			t.Fatalf("members (-want +got):\n%s", diff)
		}
	}
	look(both, map[string]string{"m1": "serves", "m2": "serves"})
	look(one, map[string]string{"m1": "serves"})
	s.push("m2", "A1")
	s.push("m2", "A2")
	pass(abandonGrace - time.Nanosecond)
	look(one, map[string]string{"m1": "serves"})

	// It comes back within the grace, and goes again: the grace begins anew.
	s.push("m1", "B1")
	look(both, map[string]string{"m1": "serves", "m2": "serves"})
	eventually(t, "m2's orders settled", func() bool { return s.settled("m2") == 2 })
	look(one, map[string]string{"m1": "serves"})
	s.push("m2", "A3")
	s.push("m2", "A4")
	pass(abandonGrace - time.Nanosecond)
	look(one, map[string]string{"m1": "serves"})
	pass(time.Nanosecond)
	look(one, map[string]string{"m1": "serves", "m2": "parks"})
	eventually(t, "m2's callbacks parked and given up on", func() bool {
		return s.messages(stream.Parked, "parked.v1.collect.m2") == 2 && s.unacknowledged("m2") == 0
	})
	if got := s.lastParked("m2"); got != "merchant_removed" {
		t.Errorf("parked because of %q", got)
	}
	if got := s.settled("m2"); got != 2 {
		t.Errorf("%d settled of a merchant whose gateway can't be asked", got)
	}

	// Back in the file: the parking ends, and nothing that comes now is parked.
	look(both, map[string]string{"m1": "serves", "m2": "serves"})
	s.push("m2", "A5")
	eventually(t, "A5 settled", func() bool { return s.settled("m2") == 3 })
	eventually(t, "B1 settled", func() bool { return s.settled("m1") == 1 })
	if got := s.messages(stream.Parked, "parked.v1.>"); got != 2 {
		t.Errorf("%d parked", got)
	}
}

// TestFleetLeavesAloneWhatItNeverServed: a worker whose file is older than
// another's must not park the callbacks of a merchant it does not know. Only
// what the set-up has marked is given up on, and not while the own file is
// refused.
func TestFleetLeavesAloneWhatItNeverServed(t *testing.T) {
	s := newSite(t, merchant{id: "m1"}, merchant{id: "m2"})
	s.writeMerchants(merchant{id: "m1"})
	one := s.load()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := newTestFleet(s, func() time.Time { return now })
	intake, work := working(t, f)
	s.push("m2", "A1")
	look := func(stale bool, want map[string]string) {
		t.Helper()
		for range 2 {
			f.follow(intake, work, one)
			f.watchDurables(intake, work, one, stale)
			now = now.Add(2 * abandonGrace)
		}
		if diff := cmp.Diff(want, f.states()); diff != "" {
			t.Fatalf("members (-want +got):\n%s", diff)
		}
	}
	look(false, map[string]string{"m1": "serves"})
	if err := Setup(t.Context(), s.js, s.worker().Topology, s.worker().Sweep, one); err != nil {
		t.Fatal(err)
	}
	look(true, map[string]string{"m1": "serves"})
	look(false, map[string]string{"m1": "serves", "m2": "parks"})
	eventually(t, "parked", func() bool { return s.messages(stream.Parked, "parked.v1.collect.m2") == 1 })
}

// TestFleetStopsAtAWeakenedDurable: a durable that is weakened live stops its
// merchant and no other.
func TestFleetStopsAtAWeakenedDurable(t *testing.T) {
	s := newSite(t, merchant{id: "m1"}, merchant{id: "m2"})
	f := newTestFleet(s, time.Now)
	intake, work := working(t, f)
	both := s.load()
	f.follow(intake, work, both)
	c, err := s.js.Consumer(t.Context(), stream.Callbacks, stream.ReconcilerName("m2"))
	if err != nil {
		t.Fatal(err)
	}
	weak := c.CachedInfo().Config
	weak.MaxDeliver = 2
	if _, err := s.js.UpdateConsumer(t.Context(), stream.Callbacks, weak); err != nil {
		t.Fatal(err)
	}
	f.watchDurables(intake, work, both, false)
	if diff := cmp.Diff(map[string]string{"m1": "serves"}, f.states()); diff != "" {
		t.Fatalf("members (-want +got):\n%s", diff)
	}
	if n := s.logged("merchant stopped: its durable breaks a guarantee", zap.String("merchant", "m2")); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// unacknowledged is how many callbacks of a merchant's durable are not done
// with.
func (s *site) unacknowledged(merchant string) int {
	s.t.Helper()
	c, err := s.js.Consumer(s.t.Context(), stream.Callbacks, stream.ReconcilerName(merchant))
	if err != nil {
		s.t.Fatal(err)
	}
	info := c.CachedInfo()
	return info.NumAckPending + int(info.NumPending)
}

func (s *site) lastParked(merchant string) string {
	s.t.Helper()
	str, err := s.js.Stream(s.t.Context(), stream.Parked)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := str.GetLastMsgForSubject(s.t.Context(), "parked.v1.collect."+merchant)
	if err != nil {
		s.t.Fatal(err)
	}
	return m.Header.Get(stream.HeaderReason)
}

func TestFleetServesOthersBesideOneThatCannotBeServed(t *testing.T) {
	s := newSite(t, merchant{id: "m1"}, merchant{id: "m2"})
	f := newTestFleet(s, time.Now)
	intake, work := working(t, f)
	broken := s.load()
	m1, _ := broken.Get("m1")
	m1.Gateway = "ftp://gateway.example" // the file's own checks would refuse it
	s.push("m1", "A1")
	s.push("m2", "B1")
	f.follow(intake, work, broken)
	if diff := cmp.Diff(map[string]string{"m2": "serves"}, f.states()); diff != "" {
		t.Fatalf("members (-want +got):\n%s", diff)
	}
	if n := s.logged("merchant can't be served", zap.String("merchant", "m1")); n != 1 {
		t.Errorf("said %d times", n)
	}
	eventually(t, "B1 settled", func() bool { return s.settled("m2") == 1 })
	f.follow(intake, work, s.load())
	eventually(t, "A1 settled once it is mended", func() bool { return s.settled("m1") == 1 })
}

func TestFleetFollowsOnlyWhatChanged(t *testing.T) {
	s := newSite(t, merchant{id: "m1"}, merchant{id: "m2"}, merchant{id: "m3"})
	f := newTestFleet(s, time.Now)
	intake, work := working(t, f)
	f.follow(intake, work, s.load())
	before := map[string]*member{}
	for id, m := range f.members {
		before[id] = m
	}
	s.writeMerchants(merchant{id: "m1"}, merchant{id: "m2", key: "another"}, merchant{id: "m3", rate: "7"}, merchant{id: "m4"})
	f.follow(intake, work, s.load())
	kept := map[string]bool{}
	for id, m := range f.members {
		kept[id] = before[id] == m
	}
	if diff := cmp.Diff(map[string]bool{"m1": true, "m2": false, "m3": false, "m4": false}, kept); diff != "" {
		t.Errorf("untouched (-want +got):\n%s", diff)
	}
	for _, id := range []string{"m2", "m3"} {
		select {
		case <-before[id].done:
		default:
			t.Errorf("%s runs twice", id)
		}
	}
}

// A removed merchant's breaker is no alarm any more.
func TestFleetForgetsTheGaugeOfAMerchantThatIsGone(t *testing.T) {
	s := newSite(t, merchant{id: "m1"}, merchant{id: "m2"})
	f := newTestFleet(s, time.Now)
	intake, work := working(t, f)
	f.follow(intake, work, s.load())
	f.metrics.merchant("m2").GateChanged("open")
	s.writeMerchants(merchant{id: "m1"})
	f.follow(intake, work, s.load())
	found, err := f.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var merchants []string
	for _, family := range found {
		if family.GetName() == "settlehook_gateway_unavailable" {
			for _, m := range family.GetMetric() {
				merchants = append(merchants, m.GetLabel()[0].GetValue())
			}
		}
	}
	if diff := cmp.Diff([]string{"m1"}, merchants); diff != "" {
		t.Errorf("gauges (-want +got):\n%s", diff)
	}
}

func TestParkedCallbackIsLoggedUnderItsMerchant(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	m := newWorkerMetrics(prometheus.NewRegistry(), s.log).merchant("_unknown")
	m.Processed(t.Context(), reconcile.Delivery{Merchant: reconcile.Merchant{ID: "gone"}}, reconcile.Result{Disposition: reconcile.Park, Cause: "merchant_removed"}, 0)
	if n := s.logged("callback parked", zap.String("merchant", "gone"), zap.String("cause", "merchant_removed")); n != 1 {
		t.Errorf("logged %v", s.logs.All())
	}
}

func TestWorkerFollowsTheMerchantsFile(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	_, worker := s.startWorker(s.worker())
	s.push("m1", "A1")
	s.push("m2", "B1") // nobody's yet
	eventually(t, "A1 settled", func() bool { return s.settled("m1") == 1 })
	if _, err := s.js.Consumer(t.Context(), stream.Callbacks, stream.ReconcilerName("m2")); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Fatalf("durable of m2: %v", err)
	}

	s.writeMerchants(merchant{id: "m1"}, merchant{id: "m2"})
	eventually(t, "the callback that came before its merchant", func() bool { return s.settled("m2") == 1 })

	s.writeMerchants(merchant{id: "m1", key: "rotated"}, merchant{id: "m2"})
	eventually(t, "m1 restarted", func() bool { return s.logged("merchant served", zap.String("merchant", "m1")) == 2 })
	s.push("m1", "A2")
	eventually(t, "A2 settled", func() bool { return s.settled("m1") == 2 })
	if n := s.logged("merchant served", zap.String("merchant", "m2")); n != 1 {
		t.Errorf("m2 was started %d times", n)
	}
	if !s.gateway.signedWith("A1", "key-of-m1") || !s.gateway.signedWith("A2", "rotated") {
		t.Error("the queries were not signed with the key of their time")
	}
	worker.stop()
	if err := worker.wait(t); err != nil {
		t.Error(err)
	}
}

// deadGateway is the address of a gateway that hangs up on everybody. It keeps
// its port, which somebody else might get otherwise.
func deadGateway(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

// With one merchant's gateway dead, another merchant's callbacks are decided.
func TestWorkerDecidesBesideADeadGateway(t *testing.T) {
	s := newSite(t, merchant{id: "m1", gateway: deadGateway(t)}, merchant{id: "m2"})
	w, _ := s.startWorker(s.worker())
	const orders = 30
	for i := range orders {
		s.push("m1", "A"+string(rune('a'+i)))
		s.push("m2", "B"+string(rune('a'+i)))
	}
	eventually(t, "all of m2 settled", func() bool { return s.settled("m2") == orders })
	eventually(t, "m1's gateway left alone", func() bool {
		_, metrics := get(t, w.AdminAddr(), "/metrics")
		return has(metrics, `settlehook_gateway_unavailable{merchant="m1"} 1`) && has(metrics, `settlehook_gateway_unavailable{merchant="m2"} 0`)
	})
	if got := s.messages(stream.Payments, "payments.v1.*.*.m1.>"); got != 0 {
		t.Errorf("%d events about orders that nobody confirmed", got)
	}
}

package doctor_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/doctor"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/tlsfiles/tlsfilestest"
	"github.com/settlehook/settlehook/pkg/events"
)

// fault is one thing that is wrong, and all that the doctor says about it.
type fault struct {
	name  string
	plan  plan
	plant func(*site)
	run   func(*site, *doctor.Options)
	want  []finding
}

// finding is a finding by what matters: parts of its lines.
type finding struct {
	check      string
	status     doctor.Status
	says, mend string
}

// TestFaults plants one fault at a time in an installation that is healthy
// otherwise. It is found under its name, with what mends it, and nothing else is.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			s := newSite(t, f.plan)
			if f.plant != nil {
				f.plant(s)
			}
			found := s.examine(func(o *doctor.Options) {
				if f.run != nil {
					f.run(s, o)
				}
			})
			expect(t, problems(found), f.want)
		})
	}
}

func expect(t *testing.T, got []doctor.Finding, want []finding) {
	t.Helper()
	for i, f := range got {
		if i >= len(want) {
			t.Errorf("beyond what was planted: %s: %s: %s\nmend: %s", f.Check, f.Status, f.Says, f.Mend)
			continue
		}
		w := want[i]
		if f.Check != w.check || f.Status != w.status || !strings.Contains(f.Says, w.says) || !strings.Contains(f.Mend, w.mend) {
			t.Errorf("got %s: %s: %s\nmend: %s\nwant %s: %s: %s\nmend: %s", f.Check, f.Status, f.Says, f.Mend, w.check, w.status, w.says, w.mend)
		}
	}
	for _, w := range want[min(len(got), len(want)):] {
		t.Errorf("not found: %s: %s", w.check, w.says)
	}
}

func faults() []fault {
	all := natsFaults()
	all = append(all, workerFaults()...)
	return append(all, outerFaults()...)
}

func natsFaults() []fault {
	const fails, warns = doctor.Fail, doctor.Warn
	var missing []finding
	for _, name := range stream.Names() {
		missing = append(missing, finding{"topology", fails, "stream " + name + " is missing", "settlehook setup"})
	}
	return []fault{
		{
			name: "nothing is set up", plan: plan{unset: true, env: map[string]string{"PUBLIC_URL": ""}}, want: missing,
		},
		{
			name: "NATS is gone", plant: func(s *site) { s.env["NATS_URL"] = "nats://operator:s3cr3t@" + testserver.FreeAddr(s.t) },
			want: []finding{{"nats", fails, "no servers available for connection", "check that NATS runs at nats://[redacted]@127.0.0.1:"}},
		},
		{
			name: "a wrong password", plant: func(s *site) {
				s.env["NATS_URL"] = strings.Replace(s.env["NATS_URL"], "secret-of-operator", "forgotten", 1)
			},
			want: []finding{{"nats", fails, "Authorization Violation", "put the user and password of a role into NATS_URL"}},
		},
		{
			name: "a permission too few", plan: plan{deny: "$JS.API.CONSUMER.LIST.*"},
			want: []finding{{"permissions", fails, "user operator may not publish $JS.API.CONSUMER.LIST.*", `allow it to publish "$JS.API.CONSUMER.LIST.*" (deploy/nats/permissions.conf)`}},
		},
		{
			name:  "a stream is weakened",
			plant: func(s *site) { s.change(stream.Payments, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }) },
			want:  []finding{{"topology", fails, "stream PAYMENTS: max_age is 1h0m0s, must be at least 9600h0m0s", "settlehook setup"}},
		},
		{
			name: "a stream drops its oldest",
			plant: func(s *site) {
				s.change(stream.Callbacks, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld })
			},
			want: []finding{{"topology", fails, "stream CALLBACKS: discard is DiscardOld, must be DiscardNew", "settlehook setup"}},
		},
		{
			name: "writes are synced later", plan: plan{async: true},
			want: []finding{{"durability", fails, "nats-0 syncs every 2m0s", "set 'sync_interval: always' in the jetstream block of nats-0"}},
		},
		{
			name: "a stream is nearly full", plan: plan{env: map[string]string{"CALLBACKS_MAX_BYTES": "1MiB"}},
			plant: func(s *site) { s.fill(0.9) },
			want:  []finding{{"fullness", warns, "stream CALLBACKS is 90 % full", "raise CALLBACKS_MAX_BYTES (now 1MiB)"}},
		},
		{
			name: "a stream is full", plan: plan{env: map[string]string{"CALLBACKS_MAX_BYTES": "1MiB"}},
			plant: func(s *site) { s.fill(0.97) },
			want:  []finding{{"fullness", fails, "stream CALLBACKS is 97 % full", "raise CALLBACKS_MAX_BYTES (now 1MiB)"}},
		},
		{
			name: "a size was changed without a set-up", plant: func(s *site) { s.env["PARKED_MAX_BYTES"] = "300MiB" },
			want: []finding{{"fullness", warns, "stream PARKED: its size is 256MiB, PARKED_MAX_BYTES says 300MiB", "settlehook setup"}},
		},
		{
			name: "INSTALLATION was changed", plant: func(s *site) { s.tell("before") },
			want: []finding{{"installation", fails, "INSTALLATION is test, but the ledger's last event is of before", "set INSTALLATION=before"}},
		},
		{
			name: "the ledger's files were lost", plant: func(s *site) { s.push("A1", 10); s.finish() },
			want: []finding{{"consumers", fails, "the ledger has never had an event, but 1 callbacks are through", "restore PAYMENTS"}},
		},
	}
}

func workerFaults() []fault {
	const fails, warns = doctor.Fail, doctor.Warn
	impatient := func(_ *site, o *doctor.Options) { o.Patience = time.Nanosecond }
	return []fault{
		{
			name: "a consumer is missing",
			plant: func(s *site) {
				must(s.t, s.admin().DeleteConsumer(s.t.Context(), stream.Callbacks, "reconciler-m1001"))
			},
			want: []finding{{"consumers", fails, "merchant m1001: consumer reconciler-m1001 on CALLBACKS is missing", "settlehook setup"}},
		},
		{
			name: "a consumer gives up", plant: func(s *site) {
				s.changeConsumer(func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 3 })
			},
			want: []finding{{"consumers", fails, "consumer reconciler-m1001 on CALLBACKS: max_deliver is 3, must be -1", "settlehook setup"}},
		},
		{
			name:  "a rate was changed without a set-up",
			plant: func(s *site) { s.changeConsumer(func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 7 }) },
			want:  []finding{{"consumers", warns, "consumer reconciler-m1001 on CALLBACKS: max_ack_pending is 7, the merchant's rate and ACK_WAIT ask for 15000", "settlehook setup"}},
		},
		{
			name: "a consumer is paused", plant: func(s *site) {
				_, err := s.admin().PauseConsumer(s.t.Context(), stream.Callbacks, "reconciler-m1001", time.Now().Add(time.Hour))
				must(s.t, err)
			},
			want: []finding{{"consumers", fails, "merchant m1001: consumer reconciler-m1001 on CALLBACKS is paused for", "nats consumer resume CALLBACKS reconciler-m1001"}},
		},
		{
			name: "nobody decides", plant: func(s *site) { s.push("A1", 1) }, run: impatient,
			want: []finding{{"consumers", fails, "merchant m1001: 1 callback waits, the oldest for ", "start workers with the role callbacks"}},
		},
		{
			name: "somebody decides, but not in time", plant: func(s *site) { s.push("A1", 1); s.hold() }, run: impatient,
			want: []finding{{"consumers", warns, "merchant m1001: 1 callback waits, the oldest for ", "see why in the workers' log: 'callback decided' with merchant m1001"}},
		},
		{
			name: "a merchant is gone", plant: func(s *site) {
				_, err := s.admin().CreateConsumer(s.t.Context(), stream.Callbacks, stream.Reconciler("m9999", 1, 30*time.Second))
				must(s.t, err)
			},
			want: []finding{{"consumers", warns, "merchant m9999 is not configured, but has a consumer", "nats consumer rm CALLBACKS reconciler-m9999"}},
		},
		{
			name: "more workers than MAX_WORKERS", plant: func(s *site) { s.startWorker("sweep"); s.env["MAX_WORKERS"] = "1" },
			want: []finding{{"workers", warns, "2 workers are connected, more than MAX_WORKERS (1)", "set MAX_WORKERS to twice what runs (4)"}},
		},
		{
			name: "cases wait", plant: func(s *site) {
				s.publish("parked.v1.collect.m1001")
				s.publish("quarantine.v1.signature.collect.m1001")
				s.review("A1")
			},
			want: []finding{
				{"cases", warns, "reviews that are open: 1;", "settlehook review ls"},
				{"cases", warns, "callbacks that are parked: 1;", "settlehook parked ls"},
				{"cases", warns, "callbacks of m1001 refused for their signature: 1", "settlehook quarantine redrive --merchant m1001"},
			},
		},
		{
			name: "settings contradict each other", plant: func(s *site) { s.env["CLAIM_LEASE"] = "40s" },
			want: []finding{{"configuration", fails, `CLAIM_LEASE="40s": must not exceed ACK_WAIT (30s)`, "change it in the environment of every program"}},
		},
	}
}

func outerFaults() []fault {
	const fails, warns = doctor.Fail, doctor.Warn
	return []fault{
		{
			name: "Redis evicts", plant: func(s *site) {
				must(s.t, s.redisClient().ConfigSet(s.t.Context(), "maxmemory", "100mb").Err())
				must(s.t, s.redisClient().ConfigSet(s.t.Context(), "maxmemory-policy", "allkeys-lru").Err())
			},
			want: []finding{{"redis", fails, "evicts keys when memory is short (allkeys-lru)", "CONFIG SET maxmemory-policy noeviction"}},
		},
		{
			name: "Redis is gone", plant: func(s *site) { s.redis.Kill() },
			want: []finding{{"redis", fails, "connection refused", "check that Redis runs at redis://127.0.0.1:"}},
		},
		{
			name: "Redis asks for a password", plant: func(s *site) {
				must(s.t, s.redisClient().ConfigSet(s.t.Context(), "requirepass", "s3cr3t").Err())
			},
			want: []finding{{"redis", fails, "NOAUTH", "put the user and password into REDIS_URL"}},
		},
		{
			name: "Redis is shared", plant: func(s *site) {
				must(s.t, s.redisClient().Set(s.t.Context(), "settlehook:{m1001/collect/A1/P1/s1-r0-1}", "done:77", 0).Err())
			},
			want: []finding{{"redis", warns, `1 of 1 done marks under "settlehook:" name events beyond the ledger's end`, "a REDIS_KEY_PREFIX of its own"}},
		},
		{
			name: "the clock is wrong", run: func(_ *site, o *doctor.Options) {
				o.Now = func() time.Time { return time.Now().Add(-time.Hour) }
			},
			want: []finding{{"clocks", fails, "this machine's clock is 1h0m0s behind nats-0, 1h0m0s behind NATS, 1h0m0s behind Redis", "synchronise the machines (NTP)"}},
		},
		{
			name: "a wrong key", plant: func(s *site) { s.writeMerchants(s.gatewayAddr(), "wrong") },
			want: []finding{{"gateways", fails, "merchant m1001: the gateway refused the call with code 400", `compare account "8801" and key "2026-11" of m1001 in `}},
		},
		{
			name: "the gateway is gone", plant: func(s *site) { must(s.t, s.gateway.Close()) },
			want: []finding{{"gateways", fails, "merchant m1001: no answer from http://127.0.0.1:", "curl -v http://127.0.0.1:"}},
		},
		{
			name: "a merchants file that can't be read", plant: func(s *site) {
				must(s.t, os.WriteFile(s.env["MERCHANTS_FILE"], []byte("merchants:\n  - {id: m1001}\n"), 0o600))
			},
			want: []finding{
				{"merchants", fails, "merchants.yaml:2: merchants[1].currency: missing", "mend that line of "},
				{"merchants", fails, "region", "mend that line of "},
				{"merchants", fails, "gateway", "mend that line of "},
				{"merchants", fails, "rate", "mend that line of "},
				{"merchants", fails, "keys", "mend that line of "},
			},
		},
		{
			name: "something else answers for the receiver", plant: func(s *site) {
				s.env["PUBLIC_URL"] = s.proxy(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("success")) })
			},
			want: []finding{{"receiver", fails, `/callbacks/collect/m1001: GET is answered 200 "success", which is not the receiver's answer`, "have the proxy pass /callbacks/ on to the receiver as it is"}},
		},
		{
			name: "nothing answers for the receiver", plant: func(s *site) { s.env["PUBLIC_URL"] = "https://" + testserver.FreeAddr(s.t) },
			want: []finding{{"receiver", fails, "connection refused", "see that the proxy and the receiver run"}},
		},
		{
			name:  "a certificate that nobody trusts",
			plant: func(s *site) { s.authority = tlsfilestest.NewAuthority(s.t) },
			want:  []finding{{"receiver", fails, "certificate signed by unknown authority", "renew the certificate of https://127.0.0.1:"}},
		},
		{
			name: "the receiver does not know a merchant", plant: func(s *site) {
				text, err := os.ReadFile(s.env["MERCHANTS_FILE"])
				must(s.t, err)
				s.env["MERCHANTS_FILE"] = s.t.TempDir() + "/newer.yaml"
				must(s.t, os.WriteFile(s.env["MERCHANTS_FILE"], []byte(strings.ReplaceAll(string(text), "m1001", "m2002")), 0o600))
				s.setUp()
				must(s.t, s.admin().DeleteConsumer(s.t.Context(), stream.Callbacks, "reconciler-m1001"))
			},
			want: []finding{{"consumers", fails, "nobody sweeps", "start a worker with the role sweep"}, {"receiver", fails, "merchant m2002: the receiver does not know it", "the same MERCHANTS_FILE"}},
		},
	}
}

// proxy is something in front of the receiver, or in its place.
func (s *site) proxy(answer http.HandlerFunc) string {
	server := httptest.NewUnstartedServer(answer)
	server.TLS = s.serverTLS()
	server.StartTLS()
	s.t.Cleanup(server.Close)
	return server.URL
}

// publish stores a message as whoever may.
func (s *site) publish(subject string) {
	s.t.Helper()
	_, err := s.admin().PublishMsg(s.t.Context(), &nats.Msg{Subject: subject, Data: []byte("{}")})
	must(s.t, err)
}

// push stores a callback as the receiver does, of a size.
func (s *site) push(order string, size int) {
	s.t.Helper()
	_, err := s.admin().Publish(s.t.Context(), events.CallbackSubject("collect", "m1001", order), make([]byte, size))
	must(s.t, err)
}

// hold takes one callback as a worker does that does not come to an end, and asks
// for more.
func (s *site) hold() {
	s.t.Helper()
	c, err := s.admin().Consumer(s.t.Context(), stream.Callbacks, "reconciler-m1001")
	must(s.t, err)
	messages, err := c.Messages(jetstream.PullMaxMessages(10))
	must(s.t, err)
	s.t.Cleanup(messages.Stop)
	_, err = messages.Next()
	must(s.t, err)
}

// finish takes one callback to its end, as a worker does.
func (s *site) finish() {
	s.t.Helper()
	c, err := s.admin().Consumer(s.t.Context(), stream.Callbacks, "reconciler-m1001")
	must(s.t, err)
	m, err := c.Next()
	must(s.t, err)
	must(s.t, m.DoubleAck(s.t.Context()))
}

// fill pushes until CALLBACKS is that full.
func (s *site) fill(share float64) {
	s.t.Helper()
	held, err := s.admin().Stream(s.t.Context(), stream.Callbacks)
	must(s.t, err)
	for n := 0; ; n++ {
		info, err := held.Info(s.t.Context())
		must(s.t, err)
		left := share*float64(info.Config.MaxBytes) - float64(info.State.Bytes)
		if left < 500 {
			return
		}
		s.push("A", min(10_000, int(left)/2))
	}
}

func payment(order string) events.Payment {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	return events.Payment{
		Reason: "amount_mismatch", Via: events.ViaCallback, Flow: events.FlowCollect, Merchant: "m1001", Account: "8801", OrderID: order, PlatOrderID: "P1",
		Amount: events.MustParseAmount("900"), SubmittedAmount: events.MustParseAmount("1000"), Currency: "INR", BookingDate: "2026-05-01",
		Evidence: events.Evidence{
			ReceivedAt: at, ConfirmedAt: at,
			Callback: &events.CallbackEvidence{Status: 1, Amount: events.MustParseAmount("1000"), PlatOrderID: "P1"},
			Query:    &events.QueryEvidence{Status: 1, Amount: events.MustParseAmount("900"), PlatOrderID: "P1"},
		},
	}
}

// review opens a review, and tell says an outcome as another installation.
func (s *site) review(order string) {
	p := payment(order)
	s.append("test", events.Review{Payment: p, Case: events.CaseTail(p.Order(), p.Reason)})
}

func (s *site) tell(installation string) {
	p := payment("A1")
	p.Reason = "failed"
	s.append(installation, events.Failed{Payment: p})
}

func (s *site) append(installation string, data events.Data) {
	s.t.Helper()
	e, err := events.New(installation, time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), data)
	must(s.t, err)
	body, err := json.Marshal(e)
	must(s.t, err)
	_, err = s.admin().Publish(s.t.Context(), e.NATSSubject(), body)
	must(s.t, err)
}

func (s *site) changeConsumer(how func(*jetstream.ConsumerConfig)) {
	s.t.Helper()
	c, err := s.admin().Consumer(s.t.Context(), stream.Callbacks, "reconciler-m1001")
	must(s.t, err)
	config := c.CachedInfo().Config
	how(&config)
	_, err = s.admin().UpdateConsumer(s.t.Context(), stream.Callbacks, config)
	must(s.t, err)
}

func (s *site) gatewayAddr() string {
	m, _ := s.merchants().Get("m1001")
	return strings.TrimPrefix(m.Gateway, "http://")
}

// TestReplicas takes one of three servers away.
func TestReplicas(t *testing.T) {
	t.Parallel()
	s := newSite(t, plan{cluster: true, env: map[string]string{"STREAM_REPLICAS": "3"}})
	if got := problems(s.examine(nil)); len(got) > 0 {
		t.Fatalf("before: %+v", got)
	}
	s.nats[2].Kill()
	s.nats = s.nats[:2]
	s.env["NATS_MONITOR_URLS"] = s.monitors()
	var got []doctor.Finding
	await(t, "nothing but the copies that are missing", func() bool {
		got = problems(s.examine(nil))
		for _, f := range got {
			if f.Check != "replicas" || !strings.Contains(f.Says, "has 2 of 3 copies that follow: nats-2 is ") {
				return false
			}
		}
		return len(got) == len(stream.Names())
	})
	if f := got[0]; f.Status != doctor.Fail || !strings.Contains(f.Mend, "start the servers that are down") {
		t.Errorf("got %+v", f)
	}
}

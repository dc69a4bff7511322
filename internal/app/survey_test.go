package app

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/natsmon"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
)

// newSurveyor takes gauges by hand, beside a worker that does nothing else.
func newSurveyor(s *site) *surveyor {
	cfg := s.worker()
	cfg.Reconcile.Roles = config.Roles{config.RoleSweep}
	w, _ := s.startWorker(cfg)
	return &surveyor{
		Worker: w, survey: stream.NewSurvey(s.js), m: newSurveyMetrics(prometheus.NewRegistry()), failing: map[string]int{},
	}
}

// A merchant that is not set up yet hides no other.
func TestSurveyWithoutADurable(t *testing.T) {
	s := newSite(t, merchant{id: "m1"}, merchant{id: "m2"})
	for _, d := range []stream.Durable{{Stream: stream.Callbacks, Name: "reconciler-m2"}, {Stream: stream.Orders, Name: "sweep-1-m2"}} {
		if err := s.js.DeleteConsumer(t.Context(), d.Stream, d.Name); err != nil {
			t.Fatal(err)
		}
	}
	v := newSurveyor(s)
	s.push("m1", "A1")
	v.round(t.Context())
	if n := testutil.ToFloat64(v.m.undecided.WithLabelValues("m1")); n != 1 {
		t.Errorf("%g callbacks of m1 are shown, want 1", n)
	}
	if testutil.CollectAndCount(v.m.sweeps) == 0 || testutil.ToFloat64(v.m.taken) == 0 {
		t.Error("m2 hides the sweep's gauges, or that any are taken")
	}
}

// One nats-server that does not answer is not "nobody takes the gauges".
func TestSurveyWithAServerAway(t *testing.T) {
	v := newSurveyor(newSite(t, merchant{id: "m1"}))
	monitor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"server_id":"X","server_name":"n0","version":"2.15.2","now":"` + time.Now().Format(time.RFC3339Nano) + `","config":{"sync_always":true}}`))
	}))
	t.Cleanup(monitor.Close)
	var urls []*url.URL
	for _, text := range []string{monitor.URL, "http://" + testserver.FreeAddr(t)} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, u)
	}
	v.servers = natsmon.NewClient(natsmon.Config{URLs: urls})
	v.round(t.Context())
	if testutil.ToFloat64(v.m.taken) == 0 || testutil.ToFloat64(v.m.failed.WithLabelValues(readingServers)) != 1 {
		t.Error("the gauges count as not taken, or the failure is not counted")
	}
}

// What could not be read for some rounds is not shown any more: alerts take the
// worst of all sweepers.
func TestSurveyForgetsWhatIsOld(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	v := newSurveyor(s)
	v.round(t.Context())
	if err := s.js.DeleteStream(t.Context(), stream.Parked); err != nil {
		t.Fatal(err)
	}
	for round := 1; round <= staleAfter; round++ {
		v.round(t.Context())
		if shown := testutil.CollectAndCount(v.m.parked) > 0; shown != (round < staleAfter) {
			t.Errorf("after %d rounds that failed, shown: %t", round, shown)
		}
	}
	if testutil.CollectAndCount(v.m.reviews) == 0 {
		t.Error("the reviews are not shown any more either")
	}
}

// A merchant that is gone leaves no balance behind, which would grow old.
func TestBalancesOfMerchantsThatAreGone(t *testing.T) {
	s := newSite(t, merchant{id: "m1"}, merchant{id: "m2"})
	m := newBalanceMetrics(prometheus.NewRegistry())
	shown := map[string]bool{"m1": true, "m2": true}
	for id := range shown {
		m.balance.WithLabelValues(id, "INR", "all").Set(1)
		m.at.WithLabelValues(id).Set(1)
	}
	s.writeMerchants(merchant{id: "m1"})
	now, err := config.LoadMerchants(s.file)
	if err != nil {
		t.Fatal(err)
	}
	m.forget(shown, now)
	if testutil.CollectAndCount(m.balance) != 1 || testutil.CollectAndCount(m.at) != 1 || len(shown) != 1 {
		t.Errorf("of m2 there is still something: %v", shown)
	}
}

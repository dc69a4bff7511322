package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/settlehook/settlehook/internal/config"
)

// TestHang: a check that hangs fails alone, whether it heeds its context or not.
func TestHang(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	v := newVisit(ctx, Options{Timeout: 30 * time.Millisecond})
	for _, test := range []struct {
		name string
		run  func(context.Context, *visit) ([]Finding, error)
		want string
	}{
		{"deaf", func(context.Context, *visit) ([]Finding, error) { <-release; return nil, nil }, "did not end within 30ms"},
		{"patient", func(ctx context.Context, _ *visit) ([]Finding, error) { <-ctx.Done(); return nil, ctx.Err() }, "no answer in time: context deadline exceeded"},
		{"quick", func(context.Context, *visit) ([]Finding, error) { return []Finding{ok("fine")}, nil }, "fine"},
	} {
		found := v.bounded(ctx, check{name: test.name, run: test.run})
		if len(found) != 1 || found[0].Check != test.name || found[0].Says != test.want {
			t.Errorf("%s: got %+v", test.name, found)
		}
		if hangs := test.name != "quick"; hangs != (found[0].Status == Fail) || hangs != strings.Contains(found[0].Mend, "--only "+test.name+" --timeout 120ms") {
			t.Errorf("%s: got %+v", test.name, found)
		}
	}
}

// TestToldOnce: what several checks stand on is told by its own check, or by
// those that run where that one does not.
func TestToldOnce(t *testing.T) {
	gone := &trouble{Finding{Check: checkNATS, Status: Fail, Says: "gone", Mend: "start it"}}
	for _, test := range []struct {
		name   string
		checks []string
		check  string
		err    error
		want   Finding
	}{
		{"its own", nil, checkNATS, gone, Finding{Status: Fail, Says: "gone", Mend: "start it"}},
		{"another's", nil, checkTopology, gone, Finding{Status: Skipped, Says: "can't be told: see nats"}},
		{"another's, which does not run", []string{checkTopology}, checkTopology, gone, Finding{Status: Fail, Says: "gone", Mend: "start it"}},
		{"wrapped", nil, checkTopology, errors.Join(gone), Finding{Status: Skipped, Says: "can't be told: see nats"}},
		{"anything else", nil, checkTopology, errors.New("broken"), Finding{Status: Fail, Says: "broken", Mend: "settlehook doctor --only topology"}},
	} {
		v := newVisit(t.Context(), Options{Checks: test.checks})
		if got := v.failed(check{name: test.check}, test.err); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// TestEveryCheckSaysSomething: without anything to look at each check still says
// one thing.
func TestEveryCheckSaysSomething(t *testing.T) {
	var settings config.Doctor
	settings.Merchants.Path = "/nowhere.yaml"
	if err := settings.NATS.URL.UnmarshalText([]byte("nats://127.0.0.1:1")); err != nil {
		t.Fatal(err)
	}
	settings.NATS.ConnectTimeout = time.Second
	found := Run(t.Context(), Options{Settings: settings, Timeout: 10 * time.Second})
	if len(found) != len(all()) {
		t.Errorf("%d findings of %d checks", len(found), len(all()))
	}
	var failing []string
	for _, f := range found {
		if f.Says == "" {
			t.Errorf("%s says nothing", f.Check)
		}
		if f.Status == Fail {
			failing = append(failing, f.Check)
		}
	}
	if got := strings.Join(failing, " "); got != "merchants nats" {
		t.Errorf("failing: %s, want merchants and nats alone", got)
	}
}

// TestWithoutJetStream finds it out once.
func TestWithoutJetStream(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Shutdown()
	settings := config.Doctor{NATS: config.NATS{ConnectTimeout: 5 * time.Second, PublishTimeout: 5 * time.Second}}
	if err := settings.NATS.URL.UnmarshalText([]byte(s.ClientURL())); err != nil {
		t.Fatal(err)
	}
	found := Run(t.Context(), Options{Settings: settings, Checks: []string{checkNATS, checkTopology}})
	if len(found) != 2 || found[0].Status != Fail || !strings.Contains(found[0].Mend, "a jetstream block") || found[1].Status != Skipped {
		t.Errorf("got %+v", found)
	}
}

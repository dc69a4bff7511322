package natsmon_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/natsmon"
	"github.com/settlehook/settlehook/internal/testserver"
)

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func servers(t *testing.T, cfg natsmon.Config) []natsmon.Server {
	t.Helper()
	all, err := natsmon.NewClient(cfg).Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSync reads from real servers how soon a write is on the disk.
func TestSync(t *testing.T) {
	for _, test := range []struct {
		name     string
		always   bool
		interval time.Duration // as the server says it
		sync     time.Duration
	}{
		{"default", false, 2 * time.Minute, 2 * time.Minute},
		{"always", true, 2 * time.Minute, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := testserver.NATSAlone(t, testserver.NATSConfig{Name: "nats-0", SyncAlways: test.always})[0]
			all := servers(t, natsmon.Config{URLs: []*url.URL{parse(t, "http://"+p.Monitor)}})
			if len(all) != 1 {
				t.Fatalf("got %d servers", len(all))
			}
			s := all[0]
			if s.JetStream == nil {
				t.Fatal("JetStream is off")
			}
			js := *s.JetStream
			if js.SyncAlways != test.always || js.SyncInterval != test.interval || js.Sync() != test.sync {
				t.Errorf("sync: got always %v, interval %s, in force %s", js.SyncAlways, js.SyncInterval, js.Sync())
			}
			if s.Name != "nats-0" || s.Version != "2.15.2" || s.Cluster != "" || s.Addr != p.Monitor || s.ID == "" {
				t.Errorf("got %+v", s)
			}
			if !strings.HasSuffix(js.StoreDir, "jetstream") || js.StoreLimit == 0 || js.StoreReserved != 0 {
				t.Errorf("store: got %+v", js)
			}
			if s.Uptime < 0 || s.Uptime > time.Hour || s.Started.IsZero() || s.Ahead().Abs() > s.Uncertain+time.Second {
				t.Errorf("times: got %+v, ahead %s", s, s.Ahead())
			}
		})
	}
}

// TestClock compares a server's clock with one of ours that is wrong.
func TestClock(t *testing.T) {
	p := testserver.NATSAlone(t, testserver.NATSConfig{})[0]
	s := servers(t, natsmon.Config{
		URLs: []*url.URL{parse(t, "http://"+p.Monitor)},
		Now:  func() time.Time { return time.Now().Add(time.Hour) },
	})[0]
	if off := s.Ahead() - time.Hour; off.Abs() > s.Uncertain+time.Second {
		t.Errorf("got %s ahead, give or take %s, want an hour", s.Ahead(), s.Uncertain)
	}
}

// TestHeadless asks each address of a name, IPv4 where there is both, and knows a
// server that two ways lead to.
func TestHeadless(t *testing.T) {
	_, port, _ := net.SplitHostPort(testserver.FreeAddr(t))
	for host, name := range map[string]string{"127.0.0.2": "nats-1", "127.0.0.3": "nats-0"} {
		testserver.NATSAlone(t, testserver.NATSConfig{Name: name, Host: host, Monitor: port})
	}
	all := servers(t, natsmon.Config{
		URLs: []*url.URL{parse(t, "http://nats.test:"+port), parse(t, "http://127.0.0.3:"+port)},
		LookUp: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "nats.test" {
				t.Errorf("looked up %s", host)
			}
			return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("::ffff:127.0.0.3")}, nil
		},
	})
	if len(all) != 2 || all[0].Name != "nats-0" || all[0].Addr != "127.0.0.3:"+port || all[1].Name != "nats-1" {
		t.Errorf("got %+v", all)
	}
}

// TestCluster reads the leader of JetStream and the cluster's name.
func TestCluster(t *testing.T) {
	cluster := testserver.NATSCluster(t)
	var urls []*url.URL
	for _, p := range cluster {
		urls = append(urls, parse(t, "http://"+p.Monitor))
	}
	client := natsmon.NewClient(natsmon.Config{URLs: urls})
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := client.Servers(deadline)
		if err == nil && len(all) == 3 && all[0].JetStream.Leader != "" {
			if s := all[2]; s.Name != "nats-2" || s.Cluster != "settlehook" || s.JetStream.Sync() != 0 {
				t.Errorf("got %+v", s)
			}
			break
		}
		select {
		case <-deadline.Done():
			t.Fatalf("got %+v, %v", all, err)
		case <-tick.C:
		}
	}
}

// TestTrouble keeps the servers that told beside those that did not.
func TestTrouble(t *testing.T) {
	good := testserver.NATSAlone(t, testserver.NATSConfig{Name: "nats-0"})[0]
	gone := testserver.FreeAddr(t)
	answers := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	for _, test := range []struct{ name, url, want string }{
		{"gone", "http://" + gone, " at " + gone + ": dial tcp " + gone + ": connect: connection refused"},
		{"status", "http://" + answers(404, ""), ": /varz is answered with HTTP status 404"},
		{"redirect", "http://" + answers(302, ""), ": /varz is answered with HTTP status 302"},
		{"no JSON", "http://" + answers(200, "hello"), ": the answer to /varz is not what a nats-server says: invalid character 'h' looking for beginning of value"},
		{"another program", "http://" + answers(200, "{}"), ": what answers is no nats-server's monitoring port"},
		{"endless", "http://" + answers(200, strings.Repeat(" ", 1<<20+1)), ": the answer to /varz is longer than 1048576 bytes"},
		{"no name", "http://nats.test:8222", "NATS monitoring port http://nats.test:8222: look up its name: unheard of"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, err := natsmon.NewClient(natsmon.Config{
				URLs:   []*url.URL{parse(t, test.url), parse(t, "http://"+good.Monitor)},
				LookUp: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("unheard of") },
			}).Servers(t.Context())
			var which *natsmon.ServerError
			if !errors.As(err, &which) || which.URL != test.url || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("got %v, want …%s", err, test.want)
			}
			if len(all) != 1 || all[0].Name != "nats-0" {
				t.Errorf("the good one is lost: %+v", all)
			}
		})
	}
}

// TestHang does not wait for a server that never answers, nor for the others.
func TestHang(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	}))
	defer s.Close()
	defer close(stop)
	_, err := natsmon.NewClient(natsmon.Config{URLs: []*url.URL{parse(t, s.URL)}, Timeout: 50 * time.Millisecond}).Servers(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestConnections counts clients by their names, once however many ways lead to
// their server.
func TestConnections(t *testing.T) {
	p := testserver.NATSAlone(t, testserver.NATSConfig{})[0]
	for _, name := range []string{"settlehook worker", "settlehook worker", "settlehook receiver"} {
		nc, err := nats.Connect(p.Addr, nats.Name(name))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
	}
	u := parse(t, "http://"+p.Monitor)
	names, err := natsmon.NewClient(natsmon.Config{URLs: []*url.URL{u, u}}).Connections(t.Context())
	if err != nil || len(names) != 2 || names["settlehook worker"] != 2 || names["settlehook receiver"] != 1 {
		t.Errorf("got %v, %v", names, err)
	}
}

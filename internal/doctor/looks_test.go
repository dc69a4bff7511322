package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/natsmon"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

func TestOlder(t *testing.T) {
	for _, test := range []struct {
		version string
		want    bool
	}{
		{"2.15.2", false},
		{"2.15.10", false},
		{"2.16.0-RC.1", false},
		{"3.0.0", false},
		{"2.15.1", true},
		{"2.9.25", true},
		{"", true},
	} {
		if got := older(test.version, "2.15.2"); got != test.want {
			t.Errorf("%q: %v", test.version, got)
		}
	}
}

func TestFieldMending(t *testing.T) {
	for _, test := range []struct {
		broken stream.TopologyError
		want   string
	}{
		{stream.TopologyError{Stream: "PAYMENTS", Field: "max_age", Want: "at least 400d"}, "settlehook setup"},
		{stream.TopologyError{Stream: "PAYMENTS", Field: "deny_delete", Want: "true"}, "settlehook setup"},
		{stream.TopologyError{Stream: "PAYMENTS", Field: "storage", Want: "File"}, "nats stream backup PAYMENTS DIR"},
		{stream.TopologyError{Stream: "CALLBACKS", Consumer: "reconciler-m1", Field: "max_deliver", Want: "-1"}, "settlehook setup"},
		{stream.TopologyError{Stream: "CALLBACKS", Consumer: "reconciler-m1", Field: "ack_policy", Want: "AckExplicit"}, "nats consumer rm CALLBACKS reconciler-m1"},
	} {
		f := fieldFinding(&test.broken)
		if setup := test.want == "settlehook setup"; setup != (f.Mend == test.want) || !strings.Contains(f.Mend, test.want) {
			t.Errorf("%s %s: %s", test.broken.Stream, test.broken.Field, f.Mend)
		}
	}
}

func TestDurable(t *testing.T) {
	js := natsmon.JetStream{SyncAlways: true, SyncInterval: 2 * time.Minute, StoreLimit: 100, StoreUsed: 89}
	if got := durable(natsmon.Server{Name: "n", JetStream: &js}); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
	if got := durable(natsmon.Server{Name: "n"}); len(got) > 0 {
		t.Errorf("without JetStream: got %+v", got)
	}
	js.StoreUsed, js.SyncAlways = 90, false
	got := durable(natsmon.Server{Name: "n", JetStream: &js})
	if len(got) != 2 || got[0].Status != Fail || got[1].Status != Warn || got[1].Says != "n uses 90 % of its disk for streams" {
		t.Errorf("got %+v", got)
	}
}

func TestCopies(t *testing.T) {
	for _, test := range []struct {
		name    string
		cluster *jetstream.ClusterInfo
		current int
		words   string
	}{
		{"alone", nil, 1, ""},
		{"no leader", &jetstream.ClusterInfo{}, 0, ""},
		{"all", &jetstream.ClusterInfo{Leader: "a", Replicas: []*jetstream.PeerInfo{{Name: "b", Current: true}, {Name: "c", Current: true}}}, 3, ""},
		{
			"one down, one behind",
			&jetstream.ClusterInfo{Leader: "a", Replicas: []*jetstream.PeerInfo{{Name: "b", Offline: true, Current: true}, {Name: "c", Lag: 7, Active: 12 * time.Second}}},
			1, ": b is offline, c is 7 operations behind, last heard 12s ago",
		},
	} {
		c := copiesOf(&jetstream.StreamInfo{Cluster: test.cluster})
		if c.current != test.current || c.words() != test.words {
			t.Errorf("%s: got %d%s", test.name, c.current, c.words())
		}
	}
}

func TestOpenReviews(t *testing.T) {
	reviews := map[string]uint64{
		"payments.v1.review.collect.m1001.A1.amount_mismatch-ea06e5c8": 1,
		"payments.v1.review.collect.m1001.A2.amount_mismatch-ea06e5c8": 1,
	}
	resolved := map[string]uint64{"payments.v1.resolved.collect.m1001.A1.amount_mismatch-ea06e5c8": 1}
	if got := len(stream.Unresolved(reviews, resolved)); got != 1 {
		t.Errorf("got %d, want A2's", got)
	}
}

func TestRedisFindings(t *testing.T) {
	const size = 100 << 20
	for _, test := range []struct {
		name string
		node node
		want Status // "": nothing
		mend string
	}{
		{"as it should be", node{policy: "noeviction", memoryBudget: size, usedMemory: size / 2}, "", ""},
		{"would evict", node{policy: "volatile-ttl"}, Warn, "redis-cli -h redis -p 6379 CONFIG SET maxmemory-policy noeviction"},
		{"evicts", node{policy: "volatile-lru", memoryBudget: size}, Fail, "redis-cli -h redis -p 6379 CONFIG SET maxmemory-policy noeviction"},
		{"almost full", node{policy: "noeviction", memoryBudget: size, usedMemory: size * 95 / 100}, Warn, "CONFIG SET maxmemory BYTES"},
		{"replica", node{policy: "noeviction", role: "slave"}, Fail, "name the master in REDIS_URL"},
		{"old", node{policy: "noeviction", version: "6.2.1"}, Warn, "update it to 7 or newer"},
	} {
		test.node.addr = "redis:6379"
		if test.node.version == "" {
			test.node.version = "7.0.15"
		}
		got := test.node.findings()
		if test.want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].Status != test.want || !strings.Contains(got[0].Mend, test.mend) {
			t.Errorf("%s: got %+v", test.name, got)
		}
	}
}

func TestTransport(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	v := &visit{o: Options{Now: func() time.Time { return now }}}
	ends := func(after time.Duration) *tls.ConnectionState {
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{NotAfter: now.Add(after)}}}
	}
	var base config.WebURL
	if err := base.UnmarshalText([]byte("https://pay.example.com")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		state *tls.ConnectionState
		want  string // "": nothing
	}{
		{"in time", ends(14 * 24 * time.Hour), ""},
		{"soon", ends(13 * 24 * time.Hour), "its certificate ends on 2026-05-14, in 13 days"},
		{"plain", nil, "is plain http"},
	} {
		got := v.transport(base, test.state)
		if test.want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].Status != Warn || !strings.Contains(got[0].Says, test.want) {
			t.Errorf("%s: got %+v", test.name, got)
		}
	}
}

// TestSayEmpty holds to the line of an empty callback, which says that it is our
// receiver that answers.
func TestSayEmpty(t *testing.T) {
	if got := sayEmpty(); got != "malformed: body is not a JSON object\n" {
		t.Errorf("got %q", got)
	}
	header := http.Header{"X-Content-Type-Options": []string{"nosniff"}}
	if !(answer{status: 400, header: header, body: sayEmpty()}).ours(400, sayEmpty()) {
		t.Error("not taken for ours")
	}
	if (answer{status: 400, header: http.Header{}, body: sayEmpty()}).ours(400, sayEmpty()) {
		t.Error("without our header: taken for ours")
	}
}

func TestBusy(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		busy   bool
	}{
		{503, "not stored; try again later\n", true},
		{429, "too many requests; try again later\n", true},
		{503, "<html>", false},
		{200, "try again later\n", false},
	} {
		if got := busy("", answer{status: test.status, body: test.body}); (got != nil) != test.busy {
			t.Errorf("%d %q: %v", test.status, test.body, got)
		}
	}
}

func TestGatewayFindingKeepsSecrets(t *testing.T) {
	ring, err := sign.NewKeyring("", sign.Key{ID: "k", Secret: "s3cr3t"})
	if err != nil {
		t.Fatal(err)
	}
	f := gatewayFinding(&config.Merchant{ID: "m1", Account: "8801", Gateway: "https://g", Keyring: ring}, "merchants.yaml", errors.New("broken"))
	if f.Status != Fail || f.Says != "merchant m1: broken" || strings.Contains(f.Mend+f.Says, "s3cr3t") {
		t.Errorf("got %+v", f)
	}
}

package keda

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/settlehook/settlehook/internal/config"
)

// merchants have the given rates, in queries per second.
func merchants(t *testing.T, rates ...float64) []*config.Merchant {
	t.Helper()
	text := "merchants:\n"
	for i, rate := range rates {
		text += fmt.Sprintf("  - {id: m%d, currency: INR, region: none, gateway: \"https://gateway.example\", rate: %g, keys: [{id: k, secret: s%d}]}\n", i+1, rate, i)
	}
	all, err := config.ParseMerchants("m.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return all.All()
}

func fleet(t *testing.T, rates ...float64) Fleet {
	return Fleet{Merchants: merchants(t, rates...), Monitor: "nats:8222", Account: "$G", Latency: 2 * time.Second, InFlight: 64, MaxWorkers: 100}
}

func TestMost(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rates   []float64
		latency time.Duration
		want    int
	}{
		{"two, for one may be lost", []float64{0.01}, 2 * time.Second, 2},
		{"a rate that two workers can use", []float64{64}, 2 * time.Second, 2},
		{"a little more, and a third helps", []float64{64.1}, 2 * time.Second, 3},
		{"a slower gateway has more queries under way", []float64{64}, 8 * time.Second, 8},
		{"each merchant has a share of every worker", []float64{64, 64}, 2 * time.Second, 2},
		{"all together they cost processor time", []float64{200, 200, 200}, 100 * time.Millisecond, 3},
		{"and a little more", []float64{200, 200, 200, 1}, 100 * time.Millisecond, 4},
	} {
		f := fleet(t, tt.rates...)
		f.Latency = tt.latency
		if got, err := f.Most(); got != tt.want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", tt.name, got, err, tt.want)
		}
	}
}

// A rollout may run twice as many, and the sweepers twice.
func TestMostNeedsMaxWorkers(t *testing.T) {
	f := fleet(t, 1)
	for maxWorkers, want := range map[int]bool{8: true, 7: false, 4: false} {
		f.MaxWorkers = maxWorkers
		_, err := f.Most()
		var few *TooFewError
		if errors.As(err, &few) == want {
			t.Errorf("MAX_WORKERS=%d: %v", maxWorkers, err)
		}
		if few != nil && (few.Needed != 8 || few.Workers != 2) {
			t.Errorf("MAX_WORKERS=%d: %+v", maxWorkers, few)
		}
		if err := f.Write(&bytes.Buffer{}); (err == nil) != want {
			t.Errorf("MAX_WORKERS=%d: written, %v", maxWorkers, err)
		}
	}
}

func TestWrite(t *testing.T) {
	f := fleet(t, 100, 2.5)
	var first, second bytes.Buffer
	if err := errors.Join(f.Write(&first), f.Write(&second)); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Error("written twice, it differs")
	}
	var got map[string]any
	if err := yaml.Unmarshal(first.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	trigger := func(merchant string) map[string]any {
		return map[string]any{"type": "nats-jetstream", "metadata": map[string]any{
			"natsServerMonitoringEndpoint": "nats:8222", "account": "$G", "stream": "CALLBACKS",
			"consumer": "reconciler-" + merchant, "lagThreshold": "64", "activationLagThreshold": "0",
		}}
	}
	want := map[string]any{
		"scaleTargetRef": map[string]any{"name": "settlehook-worker"}, "minReplicaCount": 0, "maxReplicaCount": 4,
		"pollingInterval": 5, "cooldownPeriod": 300,
		"fallback": map[string]any{"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"},
		"triggers": []any{trigger("m1"), trigger("m2")},
	}
	if diff := cmp.Diff(want, got["spec"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got["apiVersion"] != "keda.sh/v1alpha1" || got["kind"] != "ScaledObject" {
		t.Errorf("it is a %v %v", got["apiVersion"], got["kind"])
	}
}

// The order is the file's ids, not the file's.
func TestWriteDoesNotHangOnTheOrderOfMerchants(t *testing.T) {
	f := fleet(t, 1, 2, 3)
	var forward, backward bytes.Buffer
	if err := f.Write(&forward); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(f.Merchants)
	if err := f.Write(&backward); err != nil {
		t.Fatal(err)
	}
	if forward.String() != backward.String() {
		t.Error("the order of the merchants shows")
	}
}

// Credentials files are users of accounts with names.
func TestAccount(t *testing.T) {
	f := fleet(t, 10)
	f.Account = "SETTLEMENT"
	var text strings.Builder
	if err := f.Write(&text); err != nil || !strings.Contains(text.String(), "account: SETTLEMENT\n") {
		t.Errorf("%v in:\n%s", err, &text)
	}
}

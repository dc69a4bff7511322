package k8s_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/keda"
)

// exampleMerchants are merchants.example.yaml, and the key files it names.
func exampleMerchants(t *testing.T) (*config.Merchants, []string) {
	t.Helper()
	const name = "merchants.example.yaml"
	var keyFiles []string
	merchants, err := config.ParseMerchants(name, []byte(readFile(t, name)), func(path string) ([]byte, error) {
		keyFiles = append(keyFiles, path)
		return []byte(path), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return merchants, keyFiles
}

// What is checked in is what 'settlehook keda' writes of the example merchants
// with the installation's settings.
func TestScaledObjectsAreWritten(t *testing.T) {
	merchants, _ := exampleMerchants(t)
	worker := workerConfig(t, built(t, "base"), "worker")
	for folder, monitor := range map[string]string{
		"components/keda": "nats.settlehook.svc.cluster.local:8222",
		"overlays/prod":   "nats.nats.svc.cluster.local:8222",
	} {
		var want bytes.Buffer
		err := keda.Fleet{
			Merchants: merchants.All(), Monitor: monitor, Account: "$G", Latency: 2 * time.Second,
			InFlight: worker.Reconcile.InFlight, MaxWorkers: worker.Reconcile.MaxWorkers,
		}.Write(&want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), readFile(t, filepath.Join(folder, "scaledobject.yaml"))); diff != "" {
			t.Errorf("%s: write it again with 'settlehook keda --merchants deploy/k8s/merchants.example.yaml --monitor %s' (-want +got):\n%s", folder, monitor, diff)
		}
	}
}

// The overlay's triggers replace the component's, and do not add to them.
func TestOverlayReplacesTheTriggers(t *testing.T) {
	text := string(kustomize(t, "overlays/prod"))
	merchants, _ := exampleMerchants(t)
	if n := strings.Count(text, "type: nats-jetstream"); n != merchants.Len() {
		t.Errorf("%d triggers for %d merchants", n, merchants.Len())
	}
	if strings.Contains(text, "nats.settlehook.svc") {
		t.Error("a trigger asks the component's NATS")
	}
	object := built(t, "overlays/prod").get(t, "ScaledObject", "settlehook-worker").Spec
	if object.MinReplicaCount == nil || *object.MinReplicaCount != 0 {
		t.Errorf("fewest workers: %v", object.MinReplicaCount)
	}
}

// Every key file must be a key of the same Secret, beside the merchants file.
func TestReadmeCreatesEveryKeyFile(t *testing.T) {
	merchants, keyFiles := exampleMerchants(t)
	if merchants.Len() != 2 || len(keyFiles) != 2 {
		t.Fatalf("%d merchants, key files %v", merchants.Len(), keyFiles)
	}
	for _, file := range keyFiles {
		if !strings.Contains(readFile(t, "README.md"), "--from-file="+file) {
			t.Errorf("README.md does not put %s into the Secret", file)
		}
	}
}

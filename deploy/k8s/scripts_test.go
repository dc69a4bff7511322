package k8s_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.yaml.in/yaml/v4"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/testserver"
)

// secret is one that overlays/dev/secrets.sh writes.
type secret struct {
	Metadata   struct{ Name string }
	StringData map[string]string `yaml:"stringData"`
}

func devSecrets(t *testing.T) map[string]map[string]string {
	t.Helper()
	found := make(map[string]map[string]string)
	for _, text := range strings.Split(run(t, nil, "overlays/dev/secrets.sh"), "\n---\n") {
		var s secret
		if err := yaml.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		found[s.Metadata.Name] = s.StringData
	}
	return found
}

// Every key of a Secret that a pod takes is there; another run has other values.
func TestDevSecretsAreThoseThatPodsTake(t *testing.T) {
	secrets, others := devSecrets(t), devSecrets(t)
	need := func(pod, name, key string) {
		if key != "" && secrets[name][key] == "" || secrets[name] == nil {
			t.Errorf("%s takes %s of Secret %s, which secrets.sh does not write", pod, key, name)
		}
	}
	for name, w := range built(t, "overlays/dev").workloads() {
		for _, v := range w.Spec.Template.Spec.Volumes {
			if v.Secret.SecretName == "" {
				continue
			}
			need(name, v.Secret.SecretName, "")
			for _, item := range v.Secret.Items {
				need(name, v.Secret.SecretName, item.Key)
			}
		}
		for _, v := range w.Spec.Template.Spec.Containers[0].Env {
			if ref := v.ValueFrom["secretKeyRef"]; ref != nil {
				need(name, ref["name"], ref["key"])
			}
		}
	}
	for name, values := range secrets {
		for key, value := range values {
			if key != "merchants.yaml" && value == others[name][key] {
				t.Errorf("%s of %s is the same each time", key, name)
			}
		}
	}
	merchants := secrets["settlehook-merchants"]
	_, err := config.ParseMerchants("merchants.yaml", []byte(merchants["merchants.yaml"]), func(path string) ([]byte, error) {
		return []byte(merchants[path]), nil
	})
	if err != nil {
		t.Error(err)
	}
}

// The Redis of the component takes our user and no other, never evicts, and lets
// the doctor look.
func TestRedisTakesItsConfiguration(t *testing.T) {
	folder := t.TempDir()
	secrets := devSecrets(t)["settlehook-redis"]
	writeFile(t, filepath.Join(folder, "users.acl"), secrets["users.acl"])
	conf := built(t, "overlays/dev").get(t, "ConfigMap", "redis-config").Data["redis.conf"]
	writeFile(t, filepath.Join(folder, "redis.conf"), strings.NewReplacer("/etc/redis-users", folder, "dir /data", "dir "+folder).Replace(conf))
	addr := testserver.FreeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(testserver.Binary(t, "redis-server"), filepath.Join(folder, "redis.conf"), "--bind", host, "--port", port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()

	client := redis.NewClient(&redis.Options{Addr: addr, Username: "settlehook", Password: secrets["password"]})
	defer func() { _ = client.Close() }()
	ctx := t.Context()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for client.Ping(ctx).Err() != nil {
		select {
		case <-ctx.Done():
			t.Fatal("redis-server does not answer")
		case <-tick.C:
		}
	}
	for name, want := range map[string]string{"maxmemory-policy": "noeviction", "appendonly": "yes"} {
		if got, err := client.ConfigGet(ctx, name).Result(); err != nil || got[name] != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if err := client.Eval(ctx, "return redis.call('SET', KEYS[1], 'x', 'NX', 'PX', 1000)", []string{"settlehook:claim"}).Err(); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"another's key": client.Set(ctx, "other", "x", 0).Err(),
		"FLUSHALL":      client.FlushAll(ctx).Err(),
		"nobody":        redis.NewClient(&redis.Options{Addr: addr}).Set(ctx, "settlehook:x", "x", 0).Err(),
	} {
		if err == nil {
			t.Errorf("%s was allowed", what)
		}
	}
}

// pin.sh writes every image that runs by the digest that the registry gives.
func TestPin(t *testing.T) {
	folder := t.TempDir()
	for _, part := range []string{"k8s", "nats"} {
		if err := os.CopyFS(filepath.Join(folder, part), os.DirFS(filepath.Join("..", part))); err != nil {
			t.Fatal(err)
		}
	}
	stubs := filepath.Join(folder, "bin")
	const answer = `#!/bin/sh
for ref; do :; done
case $ref in
  docker://*@*) exit 1 ;;
  docker://*broken*) echo nothing ;;
  docker://*) echo sha256:$(printf %s "$ref" | sha256sum | cut -d' ' -f1) ;;
esac
`
	kubectl := "#!/bin/sh\nexec " + testserver.Binary(t, "kustomize") + " build \"$2\"\n"
	for name, text := range map[string]string{"skopeo": answer, "kubectl": kubectl} {
		writeFile(t, filepath.Join(stubs, name), text)
		if err := os.Chmod(filepath.Join(stubs, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := []string{"PATH=" + stubs + ":" + os.Getenv("PATH")}
	pin := filepath.Join(folder, "k8s", "pin.sh")
	for overlay, want := range map[string]int{"dev": 4, "prod": 1} {
		overlay = filepath.Join(folder, "k8s", "overlays", overlay)
		for _, tag := range []string{"0.1.0", "0.2.0"} { // pinned or not before
			run(t, path, pin, overlay, "registry.example:5000/settlehook:"+tag)
			var images []string
			for name, w := range decode(t, kustomize(t, overlay)).workloads() {
				image := w.Spec.Template.Spec.Containers[0].Image
				images = append(images, image)
				if base, digest, _ := strings.Cut(image, "@sha256:"); len(digest) != 64 || strings.Contains(base[strings.LastIndex(base, "/"):], ":") {
					t.Errorf("%s runs %s", name, image)
				}
			}
			slices.Sort(images)
			if distinct := slices.Compact(images); len(distinct) != want {
				t.Errorf("images %v, want %d", distinct, want)
			}
		}
		before := readFile(t, filepath.Join(overlay, "images", "kustomization.yaml"))
		cmd := exec.Command(pin, overlay, "registry.example/broken:1")
		cmd.Env = append(os.Environ(), path...)
		if cmd.Run() == nil || before != readFile(t, filepath.Join(overlay, "images", "kustomization.yaml")) {
			t.Error("an answer that is no digest was taken")
		}
	}
}

// Production runs nothing by a tag, and nothing at all before it is pinned.
func TestProductionRunsNothingUnpinned(t *testing.T) {
	for name, w := range built(t, "overlays/prod").workloads() {
		if image := w.Spec.Template.Spec.Containers[0].Image; image != "registry.invalid/run-pin.sh-first/settlehook@sha256:"+strings.Repeat("0", 64) {
			t.Errorf("%s runs %s", name, image)
		}
	}
}

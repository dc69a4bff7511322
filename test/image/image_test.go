//go:build k8s

package image

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/test/image/builder"
)

// What is in the image, and nothing else.
var programs = []string{"usr/local/bin/receiver", "usr/local/bin/settlehook", "usr/local/bin/worker"}

const bill, authorities = "usr/share/sbom/settlehook.cdx.json", "etc/ssl/certs/ca-certificates.crt"

// TestImage builds the image twice, from copies of the tree in different places,
// the second time without anything of a former build, and expects the same
// digest; then it runs one of them.
func TestImage(t *testing.T) {
	warm := builder.New(t, filepath.Join(testserver.Root(), ".cache", "image-build"))
	here, there := builder.CopyTree(t), builder.CopyTree(t) // both now: somebody may be working on the tree
	first := warm.Build(here)
	container := warm.Buildah("from", first.ID)
	root := warm.Buildah("mount", container)

	t.Run("contents", func(t *testing.T) { contents(t, root) })
	t.Run("configuration", func(t *testing.T) { configuration(t, warm.Buildah("inspect", "--type", "image", first.ID)) })
	t.Run("report", func(t *testing.T) { report(t, root, first) })
	t.Run("by buildah", func(t *testing.T) {
		if said := warm.Buildah("run", container, "--", "settlehook", "--version"); said != builder.Version {
			t.Errorf("settlehook --version says %q, want %q", said, builder.Version)
		}
	})
	t.Run("as in a pod", func(t *testing.T) { inPod(t, root) })
	t.Run("same digest", func(t *testing.T) {
		cold := builder.New(t, t.TempDir())
		if second := cold.Build(there); second.Digest != first.Digest {
			t.Errorf("the same sources made %s and %s", first.Digest, second.Digest)
		}
	})
}

func contents(t *testing.T, root string) {
	var files []string
	if err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, strings.TrimPrefix(path, root+"/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(append([]string{authorities, bill}, programs...)))
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(files))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	var document struct {
		Components []struct {
			Name   string
			Hashes []struct{ Content string }
		}
	}
	if err := json.Unmarshal([]byte(builder.ReadFile(t, filepath.Join(root, bill))), &document); err != nil {
		t.Fatal(err)
	}
	billed := map[string]string{}
	for _, c := range document.Components {
		if len(c.Hashes) == 1 {
			billed[c.Name] = c.Hashes[0].Content
		}
	}
	for _, name := range programs {
		path := filepath.Join(root, name)
		sum := sha256.Sum256([]byte(builder.ReadFile(t, path)))
		if got := billed[filepath.Base(name)]; got != hex.EncodeToString(sum[:]) {
			t.Errorf("%s is billed with another content: %q", name, got)
		}
		static(t, path)
	}
}

// static expects a program that needs no loader, and that does not tell where it
// was built.
func static(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s needs a loader", path)
		}
	}
	for _, place := range []string{testserver.Root(), os.TempDir() + "/Test", "/src/internal"} {
		if strings.Contains(builder.ReadFile(t, path), place) {
			t.Errorf("%s tells of %s", path, place)
		}
	}
}

func configuration(t *testing.T, inspected string) {
	var image struct {
		OCIv1 struct {
			Created string
			Config  struct {
				User            string
				Env             []string
				ExposedPorts    map[string]struct{}
				Entrypoint, Cmd []string
				Labels          map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(inspected), &image); err != nil {
		t.Fatal(err)
	}
	config := image.OCIv1.Config
	if config.User != "65532:65532" || len(config.Entrypoint) > 0 || len(config.Cmd) > 0 || !slices.Equal(config.Env, []string{"PATH=/usr/local/bin"}) {
		t.Errorf("user, program or environment: %+v", config)
	}
	if image.OCIv1.Created != "2023-11-14T22:13:20Z" {
		t.Errorf("created %s, not at the time of the commit", image.OCIv1.Created)
	}
	const prefix = "org.opencontainers.image."
	if config.Labels[prefix+"version"] != builder.Version || config.Labels[prefix+"revision"] != builder.Revision || config.Labels[prefix+"title"] != "settlehook" {
		t.Errorf("labels %v", config.Labels)
	}
	for name := range config.Labels {
		if !strings.HasPrefix(name, prefix) {
			t.Errorf("the label %s is not ours", name)
		}
	}
}

// report says how large everything is.
func report(t *testing.T, root string, image builder.Built) {
	for _, path := range []string{image.Archive, filepath.Join(root, programs[0]), filepath.Join(root, programs[1]), filepath.Join(root, programs[2])} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-20s %5.1f MiB", filepath.Base(path), float64(info.Size())/(1<<20))
	}
	t.Log(image.Digest)
	for _, line := range []string{
		"digest  " + image.Digest,
		"kustomize edit set image settlehook=settlehook@" + image.Digest,
	} {
		if !strings.Contains(image.Said, line) {
			t.Errorf("the build does not say %q:\n%s", line, image.Said)
		}
	}
}

// healthCheck is the one of the Dockerfile.
func healthCheck(t *testing.T) (command []string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^HEALTHCHECK .*CMD (\[.*\])$`).FindStringSubmatch(builder.ReadFile(t, filepath.Join(testserver.Root(), "Dockerfile")))
	if found == nil {
		t.Fatal("the Dockerfile has no health check")
	}
	if err := json.Unmarshal([]byte(found[1]), &command); err != nil {
		t.Fatal(err)
	}
	return command
}

const merchants = `merchants:
  - {id: m1001, currency: INR, region: none, gateway: "http://127.0.0.1:1", rate: 10, keys: [{id: "k", secret: "of-the-test"}]}
`

// inPod sets up, receives a callback and starts a worker, with nothing but the
// image, a Secret and a real NATS.
func inPod(t *testing.T, root string) {
	secrets := t.TempDir()
	builder.WriteFile(t, filepath.Join(secrets, "merchants.yaml"), merchants)
	// A container runtime makes what is mounted on.
	if err := os.MkdirAll(filepath.Join(root, "etc/settlehook/merchants"), 0o755); err != nil {
		t.Fatal(err)
	}
	nats, http, admin := testserver.NATSProcess(t), testserver.FreeAddr(t), testserver.FreeAddr(t)
	p := &pod{t: t, root: root, secrets: secrets, env: []string{
		"INSTALLATION=image", "NATS_URL=nats://" + nats.Addr, "REDIS_URL=redis://127.0.0.1:1/0", "STREAM_REPLICAS=1",
		"MERCHANTS_FILE=/etc/settlehook/merchants/merchants.yaml", "HTTP_ADDR=" + http, "ADMIN_ADDR=" + admin, "HTTP_LINGER=0s",
	}}
	health := healthCheck(t)
	unhealthy := func(when string) {
		if said, code := p.run(health...); code != 1 || !strings.Contains(said, "connection refused") {
			t.Errorf("%s the health check says %q with exit code %d", when, said, code)
		}
	}

	if said, code := p.run("settlehook", "setup"); code != 0 || !strings.Contains(said, "CALLBACKS") {
		t.Fatalf("settlehook setup ended with %d:\n%s", code, said)
	}
	unhealthy("before the start")
	receiver := p.start(health, "receiver")
	receiver.unprivileged()
	receiver.readOnly()
	if said, code := p.run("settlehook", "send", "--to", "http://"+http, "--merchant", "m1001", "--order", "A1", "--amount", "10.00"); code != 0 || said != "200 success" {
		t.Errorf("settlehook send says %q with exit code %d", said, code)
	}
	receiver.stop()
	unhealthy("after the stop")

	worker := p.start(health, "worker")
	worker.unprivileged()
	worker.readOnly()
	worker.stop()
}

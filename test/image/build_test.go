//go:build k8s

package image

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/testserver"
)

const version, revision = "0.0.0-test", "0123456789abcdef0123456789abcdef01234567"

// builder is buildah with a store of its own, and in it the image with Go: the
// Go of this machine, so that nothing is pulled.
type builder struct {
	t   *testing.T
	dir string
	env []string
}

// newBuilder keeps the caches of its builds in a folder.
func newBuilder(t *testing.T, cache string) *builder {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("building and running an image without a container engine needs root: sudo -E make test-k8s")
	}
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Fatal("buildah is not installed; run: sudo apt-get install buildah")
	}
	b := &builder{t: t, dir: t.TempDir()}
	conf := filepath.Join(b.dir, "storage.conf")
	write(t, conf, fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", filepath.Join(b.dir, "store"), filepath.Join(b.dir, "run")))
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	b.env = append(os.Environ(), "CONTAINERS_STORAGE_CONF="+conf, "BUILDAH_ISOLATION=chroot", "TMPDIR="+cache)
	b.addBase()
	return b
}

// addBase makes golang:1.26: a shell and certificate authorities. Go itself is
// mounted, which spares a copy of it for each step.
func (b *builder) addBase() {
	b.t.Helper()
	root := filepath.Join(b.dir, "base")
	shell, err := exec.LookPath("sh")
	if err != nil {
		b.t.Fatal(err)
	}
	files := map[string]string{shell: "/bin/sh", "/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt"}
	for _, library := range regexp.MustCompile(`/\S+`).FindAllString(output(b.t, exec.Command("ldd", shell)), -1) {
		if path := strings.TrimSuffix(library, ":"); path != shell && strings.Contains(path, ".so") {
			files[path] = path
		}
	}
	for from, to := range files {
		content, err := os.ReadFile(from)
		if err != nil {
			b.t.Fatalf("the image with Go needs %s: %v", from, err)
		}
		write(b.t, filepath.Join(root, to), string(content))
		if err := os.Chmod(filepath.Join(root, to), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	write(b.t, filepath.Join(root, "tmp", ".keep"), "")
	write(b.t, filepath.Join(b.dir, "base.Dockerfile"), "FROM scratch\nCOPY . /\nENV PATH=/usr/local/go/bin:/bin GOPATH=/go\n")
	b.buildah("build", "--quiet", "--file", filepath.Join(b.dir, "base.Dockerfile"), "--tag", "golang:1.26", root)
}

func (b *builder) buildah(args ...string) string {
	b.t.Helper()
	cmd := exec.Command("buildah", args...)
	cmd.Env = b.env
	return output(b.t, cmd)
}

// built is an image.
type built struct{ id, digest, archive, said string }

// build runs the build script of a copy of the tree, as `make image` does.
func (b *builder) build(tree string) built {
	b.t.Helper()
	out := b.t.TempDir()
	goEnv := strings.Split(output(b.t, exec.Command("go", "env", "GOROOT", "GOMODCACHE")), "\n")
	cmd := exec.Command(filepath.Join(tree, "deploy", "image", "build.sh"))
	cmd.Env = append(
		slices.Clone(b.env), "OUT="+out, "VERSION="+version, "REVISION="+revision, "SOURCE_DATE_EPOCH=1700000000",
		"GOPROXY=file:///modules", "GOSUMDB=off", // go.sum knows all of them
		"BUILD_FLAGS=--build-context golang:1.26=container-image://localhost/golang:1.26"+
			" --volume "+goEnv[0]+":/usr/local/go:ro --volume "+filepath.Join(goEnv[1], "cache", "download")+":/modules:ro",
	)
	said := output(b.t, cmd)
	return built{id: read(b.t, filepath.Join(out, "id")), digest: read(b.t, filepath.Join(out, "digest")), archive: filepath.Join(out, "settlehook.oci.tar"), said: said}
}

// copyTree copies what git would commit into a new folder, with the time of now.
func copyTree(t *testing.T) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), strings.Repeat("deep/", 1+len(t.TempDir())%5), "tree")
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = testserver.Root()
	for name := range strings.SplitSeq(strings.TrimSuffix(output(t, list), "\x00"), "\x00") {
		from := filepath.Join(testserver.Root(), name)
		info, err := os.Stat(from)
		if os.IsNotExist(err) {
			continue // removed, not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), readRaw(t, from))
		if err := os.Chmod(filepath.Join(to, name), info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// output is what a command says, without the last line break.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, &errs)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string { t.Helper(); return strings.TrimSpace(readRaw(t, path)) }

func readRaw(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

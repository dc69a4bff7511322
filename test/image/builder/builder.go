//go:build k8s

// Package builder builds images with buildah and the Go of this machine; nothing
// is pulled.
package builder

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

// What the built image says of itself.
const (
	Version  = "0.0.0-test"
	Revision = "0123456789abcdef0123456789abcdef01234567"
)

// Builder is buildah with a store of its own, and in it the image with Go: the
// Go of this machine, so that nothing is pulled.
type Builder struct {
	t   *testing.T
	dir string
	env []string
}

// New returns one that keeps the caches of its builds in a folder.
func New(t *testing.T, cache string) *Builder {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("building and running an image without a container engine needs root: sudo -E make test-k8s")
	}
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Fatal("buildah is not installed; run: sudo apt-get install buildah")
	}
	b := &Builder{t: t, dir: t.TempDir()}
	conf := filepath.Join(b.dir, "storage.conf")
	WriteFile(t, conf, fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", filepath.Join(b.dir, "store"), filepath.Join(b.dir, "run")))
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	b.env = append(os.Environ(), "CONTAINERS_STORAGE_CONF="+conf, "BUILDAH_ISOLATION=chroot", "TMPDIR="+cache)
	b.addBase()
	return b
}

// addBase makes golang:1.26: a shell and certificate authorities. Go itself is
// mounted, which spares a copy of it for each step.
func (b *Builder) addBase() {
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
		WriteFile(b.t, filepath.Join(root, to), string(content))
		if err := os.Chmod(filepath.Join(root, to), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	WriteFile(b.t, filepath.Join(root, "tmp", ".keep"), "")
	WriteFile(b.t, filepath.Join(b.dir, "base.Dockerfile"), "FROM scratch\nCOPY . /\nENV PATH=/usr/local/go/bin:/bin GOPATH=/go\n")
	b.Buildah("build", "--quiet", "--file", filepath.Join(b.dir, "base.Dockerfile"), "--tag", "golang:1.26", root)
}

// Buildah runs buildah, and returns what it prints.
func (b *Builder) Buildah(args ...string) string {
	b.t.Helper()
	cmd := exec.Command("buildah", args...)
	cmd.Env = b.env
	return output(b.t, cmd)
}

// Built is an image: its id in the store of the builder, the digest and path of its
// OCI archive, and what the build script said.
type Built struct{ ID, Digest, Archive, Said string }

// Build runs the build script of a copy of the tree, as `make image` does.
func (b *Builder) Build(tree string) Built {
	b.t.Helper()
	out := b.t.TempDir()
	// What go build alone has fetched lacks files that a proxy must have.
	download := exec.Command("go", "mod", "download")
	download.Dir = testserver.Root()
	output(b.t, download)
	goEnv := strings.Split(output(b.t, exec.Command("go", "env", "GOROOT", "GOMODCACHE")), "\n")
	cmd := exec.Command(filepath.Join(tree, "deploy", "image", "build.sh"))
	cmd.Env = append(
		slices.Clone(b.env), "OUT="+out, "VERSION="+Version, "REVISION="+Revision, "SOURCE_DATE_EPOCH=1700000000",
		"GOPROXY=file:///modules", "GOSUMDB=off", // go.sum knows all of them
		"BUILD_FLAGS=--build-context golang:1.26=container-image://localhost/golang:1.26"+
			" --volume "+goEnv[0]+":/usr/local/go:ro --volume "+filepath.Join(goEnv[1], "cache", "download")+":/modules:ro",
	)
	said := output(b.t, cmd)
	return Built{ID: read(b.t, filepath.Join(out, "id")), Digest: read(b.t, filepath.Join(out, "digest")), Archive: filepath.Join(out, "settlehook.oci.tar"), Said: said}
}

// CopyTree copies what git would commit into a new folder, with the time of now.
func CopyTree(t *testing.T) string {
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
		WriteFile(t, filepath.Join(to, name), ReadFile(t, from))
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

// WriteFile writes a file, and the folders above it.
func WriteFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string { t.Helper(); return strings.TrimSpace(ReadFile(t, path)) }

// ReadFile reads a file that must be there.
func ReadFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

//go:build k8s

package k8s

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/test/image/builder"
)

// imagesVariable names the folder of the images, for the process that runs them.
const imagesVariable = "SETTLEHOOK_TEST_IMAGES"

// pauseImage is what holds a pod's network.
const pauseImage = "localhost/pause:1"

// ourImage is the image's name in the dev overlay, as a container engine calls it.
const ourImage = "docker.io/library/settlehook:dev"

// ourArchive is its file in the folder of the images.
const ourArchive = "settlehook.tar"

// buildImages builds every image that the overlay runs into a folder: ours from
// the Dockerfile, the others as stand-ins under the names that are asked for, from
// the same programs as they hold.
func buildImages(t *testing.T, manifests string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	b := builder.New(t, filepath.Join(testserver.Root(), ".cache", "image-build"))
	ours := b.Build(builder.CopyTree(t))
	run(t, "cp", ours.Archive, filepath.Join(dir, ourArchive))
	names := regexp.MustCompile(`(?m)^\s+image: (\S+)$`).FindAllStringSubmatch(manifests, -1)
	built := map[string]bool{"settlehook:dev": true}
	for _, found := range append(names, []string{"", pauseImage}) {
		name := found[1]
		if built[name] {
			continue
		}
		built[name] = true
		s, known := standIns[regexp.MustCompile(`[^/:]+(:|@)`).FindString(name)]
		if !known {
			t.Fatalf("nothing stands in for the image %s", name)
		}
		s.build(t, b, name, filepath.Join(dir, fmt.Sprintf("%d.tar", len(built))))
	}
	return dir
}

// standIn is an image made of programs of this machine.
type standIn struct {
	programs func(t *testing.T) map[string]string // path in the image, and here
	links    []string                             // of busybox, in /bin
	config   string                               // of a Dockerfile
}

// standIns by what stands before the tag.
var standIns = map[string]standIn{
	"pause:": {
		programs: func(t *testing.T) map[string]string { return map[string]string{"/bin/busybox": busybox(t)} },
		config:   `ENTRYPOINT ["/bin/busybox", "sleep", "infinity"]`,
	},
	"nats:": {
		programs: func(t *testing.T) map[string]string {
			return map[string]string{"/nats-server": staticNATS(t)}
		},
		config: `ENTRYPOINT ["/nats-server"]`,
	},
	"redis:": {
		programs: func(t *testing.T) map[string]string { return withLibraries(t, "redis-server", "redis-cli") },
		config:   "ENV PATH=/usr/local/bin:/bin\nWORKDIR /data",
	},
	"nats-box:": {
		programs: func(t *testing.T) map[string]string {
			return map[string]string{"/usr/local/bin/nats": tool(t, "nats"), "/bin/busybox": busybox(t)}
		},
		links:  []string{"sh", "sleep", "ls", "tar", "date"},
		config: "ENV PATH=/usr/local/bin:/bin\nUSER 1000:1000",
	},
}

func (s standIn) build(t *testing.T, b *builder.Builder, name, archive string) {
	t.Helper()
	root := t.TempDir()
	for to, from := range s.programs(t) {
		run(t, "install", "-D", "-m", "0755", from, filepath.Join(root, to))
	}
	for _, link := range s.links {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", link)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "Dockerfile")
	builder.WriteFile(t, file, "FROM scratch\nCOPY . /\n"+s.config+"\n")
	b.Buildah("build", "--quiet", "--format", "oci", "--file", file, "--tag", name, root)
	b.Buildah("push", "--quiet", name, "oci-archive:"+archive+":"+name)
}

func busybox(t *testing.T) string {
	t.Helper()
	const path = "/bin/busybox"
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not installed; run 'make container-runtime', then test again", path)
	}
	return path
}

// staticNATS builds the nats-server of go.mod without a C library.
func staticNATS(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats-server")
	cmd := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2")
	cmd.Dir, cmd.Env = testserver.Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build nats-server: %v\n%s", err, out)
	}
	return path
}

// withLibraries are programs with what they are linked to.
func withLibraries(t *testing.T, names ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("%s is not installed; run 'make tools', then test again", name)
		}
		files["/usr/local/bin/"+name] = path
		for _, library := range regexp.MustCompile(`/\S+\.so\S*`).FindAllString(run(t, "ldd", path), -1) {
			files[library] = strings.TrimSuffix(library, ":")
		}
	}
	return files
}

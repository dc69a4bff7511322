//go:build k8s

package k8s

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/settlehook/settlehook/internal/testserver"
)

// manifests is the folder of overlays and components.
func manifests() string { return filepath.Join(testserver.Root(), "deploy", "k8s") }

// combination is an overlay with components that are added to it.
type combination struct {
	overlay    string
	components []string // added, and the overlay's own
	added      []string
}

func (c combination) String() string {
	return strings.Join(append([]string{c.overlay}, c.added...), "+")
}

// kustomization is what is read of a kustomization.yaml.
type kustomization struct {
	Resources  []string `yaml:"resources"`
	Components []string `yaml:"components"`
}

// combinations are all overlays with all sets of components. A component that an
// overlay has by itself is in each of its combinations.
func combinations(t testing.TB) (all []combination) {
	t.Helper()
	components := folders(t, "components")
	for _, overlay := range folders(t, "overlays") {
		own := componentsOf(t, filepath.Join(manifests(), "overlays", overlay))
		var optional []string
		for _, component := range components {
			if !slices.Contains(own, component) {
				optional = append(optional, component)
			}
		}
		for chosen := range 1 << len(optional) {
			c := combination{overlay: overlay, components: slices.Clone(own)}
			for i, component := range optional {
				if chosen&(1<<i) != 0 {
					c.added, c.components = append(c.added, component), append(c.components, component)
				}
			}
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no overlays", manifests())
	}
	return all
}

// full is an overlay with every component.
func full(t testing.TB, overlay string) combination {
	t.Helper()
	var most combination
	for _, c := range combinations(t) {
		if c.overlay == overlay && len(c.components) >= len(most.components) {
			most = c
		}
	}
	return most
}

// bareAndFull are every overlay as it is, and with every component.
func bareAndFull(t testing.TB) (some []combination) {
	t.Helper()
	for _, overlay := range folders(t, "overlays") {
		bare, most := combination{overlay: overlay}, full(t, overlay)
		some = append(some, bare)
		if most.String() != bare.String() {
			some = append(some, most)
		}
	}
	return some
}

// folders are those of overlays or components that have a kustomization.
func folders(t testing.TB, kind string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(manifests(), kind, "*", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		names = append(names, filepath.Base(filepath.Dir(file)))
	}
	return names
}

// componentsOf are the components that a folder includes, also by way of what it
// builds upon.
func componentsOf(t testing.TB, dir string) (names []string) {
	t.Helper()
	k := kustomizationIn(t, dir)
	for _, path := range k.Components {
		names = append(names, filepath.Base(path))
	}
	for _, path := range slices.Concat(k.Resources, k.Components) {
		if info, err := os.Stat(filepath.Join(dir, path)); err == nil && info.IsDir() {
			names = append(names, componentsOf(t, filepath.Join(dir, path))...)
		}
	}
	return names
}

func kustomizationIn(t testing.TB, dir string) (k kustomization) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &k); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	return k
}

// render builds a combination.
func render(t testing.TB, c combination) string {
	t.Helper()
	return renderFrom(t, copyOfDeploy(t), c)
}

// renderFrom builds a combination in a copy of deploy: as an installation does,
// which copies an overlay and adds to its list of components.
func renderFrom(t testing.TB, deploy string, c combination) string {
	t.Helper()
	dir := filepath.Join(deploy, "k8s", "overlays", c.overlay)
	file := filepath.Join(dir, "kustomization.yaml")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer writeFile(t, file, before)
	var k map[string]any
	if err := yaml.Unmarshal(before, &k); err != nil {
		t.Fatal(err)
	}
	k["components"] = withAdded(kustomizationIn(t, dir).Components, c.added)
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, text)
	var errs bytes.Buffer
	build := kubectl(t, "kustomize", dir)
	build.Stderr = &errs
	out, err := build.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("kubectl kustomize of %s: %v\n%s", c, err, errs.String())
	}
	return string(out)
}

// shared is where an overlay finds the components that all can have.
const shared = "../../components"

// withAdded puts components behind those that are shared, and before those of
// the overlay's own, such as its images, which hold for all.
func withAdded(own, added []string) []string {
	at := slices.IndexFunc(own, func(path string) bool { return !strings.HasPrefix(path, shared) })
	if at < 0 {
		at = len(own)
	}
	all := slices.Clone(own)
	for i, component := range added {
		all = slices.Insert(all, at+i, shared+"/"+component)
	}
	return all
}

// copyOfDeploy copies the folder of manifests, for changes.
func copyOfDeploy(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deploy")
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(manifests()))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// objects are what rendered manifests hold.
func objects(t testing.TB, rendered string) (all []object) {
	t.Helper()
	for _, document := range documents(rendered) {
		var fields map[string]any
		if err := yaml.Unmarshal([]byte(document), &fields); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		var o object
		if err := json.Unmarshal(text, &o); err != nil {
			t.Fatalf("%v:\n%s", err, document)
		}
		all = append(all, o)
	}
	return all
}

func documents(rendered string) []string { return strings.Split(rendered, "\n---\n") }

// of are the objects of a kind.
func of(all []object, kind string) (some []object) {
	for _, o := range all {
		if o.Kind == kind {
			some = append(some, o)
		}
	}
	return some
}

// namespacesOf are those that objects lie in, each once.
func namespacesOf(all []object) (names []string) {
	for _, o := range all {
		if name := o.Metadata.Namespace; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// restrict makes namespaces in which only pods of the restricted standard may
// run, and warnings are given for what would make others.
func (c *cluster) restrict(names []string) {
	c.t.Helper()
	for _, name := range names {
		c.apply(fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata:
  name: %s
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
    pod-security.kubernetes.io/audit: restricted
`, name))
	}
}

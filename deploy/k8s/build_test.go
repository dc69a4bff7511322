// Package k8s_test holds the manifests, as kustomize builds them, true to the
// programs: what they set is read, what they probe is served, what they mount and
// name is there, and what they promise about privileges, rollouts and drains is
// kept. It needs no cluster; test/k8s runs them against one.
package k8s_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/settlehook/settlehook/internal/testserver"
)

// components can be switched on, each by itself.
var components = []string{"ingress", "keda", "monitoring", "nats", "network-policies", "redis", "sandbox", "toolbox"}

// kustomizations are what is built here: the folders of this one, and the base
// with components.
func kustomizations() map[string][]string {
	all := map[string][]string{
		"base": nil, "overlays/dev": nil, "overlays/prod": nil,
		"all components": components, "one NATS server": {"nats", "nats-single"},
	}
	for _, c := range components {
		all["base and "+c] = []string{c}
	}
	return all
}

// each runs a test for everything that can be built.
func each(t *testing.T, test func(t *testing.T, all objects)) {
	t.Helper()
	for name, with := range kustomizations() {
		t.Run(name, func(t *testing.T) { test(t, built(t, name, with...)) })
	}
}

var (
	builds  = make(map[string]objects)
	buildMu sync.Mutex
)

// built builds a folder of this one, or the base with components, once.
func built(t *testing.T, name string, with ...string) objects {
	t.Helper()
	buildMu.Lock()
	defer buildMu.Unlock()
	if all, ok := builds[name]; ok {
		return all
	}
	folder := name
	if len(with) > 0 {
		folder = combined(t, with)
	}
	builds[name] = decode(t, kustomize(t, folder))
	return builds[name]
}

func kustomize(t *testing.T, folder string) []byte {
	t.Helper()
	cmd := exec.Command(testserver.Binary(t, "kustomize"), "build", folder)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("kustomize build %s: %v\n%s", folder, err, stderr.String())
	}
	return out
}

// combined writes a kustomization of the base with components.
func combined(t *testing.T, with []string) string {
	t.Helper()
	folder := t.TempDir()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	up, err := filepath.Rel(folder, here) // kustomize takes no absolute path
	if err != nil {
		t.Fatal(err)
	}
	text := "resources: [" + filepath.Join(up, "base") + "]\ncomponents:\n"
	for _, c := range with {
		text += "  - " + filepath.Join(up, "components", c) + "\n"
	}
	writeFile(t, filepath.Join(folder, "kustomization.yaml"), text)
	return folder
}

// objects are what one build gives.
type objects []manifest

func decode(t *testing.T, text []byte) objects {
	t.Helper()
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var all objects
	for {
		var one manifest
		err := loader.Load(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
}

func (all objects) ofKind(kinds ...string) objects {
	return slices.DeleteFunc(slices.Clone(all), func(m manifest) bool { return !slices.Contains(kinds, m.Kind) })
}

// find returns the object of a kind and name, hashes of generated names aside.
func (all objects) find(kind, name string) (manifest, bool) {
	for _, m := range all.ofKind(kind) {
		if m.Metadata.Name == name || kind == "ConfigMap" && strings.HasPrefix(m.Metadata.Name, name+"-") && !strings.Contains(m.Metadata.Name[len(name)+1:], "-") {
			return m, true
		}
	}
	return manifest{}, false
}

func (all objects) get(t *testing.T, kind, name string) manifest {
	t.Helper()
	m, ok := all.find(kind, name)
	if !ok {
		t.Fatalf("there is no %s %s", kind, name)
	}
	return m
}

// workloads are the objects that make pods, by the name of their container.
func (all objects) workloads() map[string]manifest {
	found := make(map[string]manifest)
	for _, m := range all.ofKind("Deployment", "StatefulSet", "Job", "CronJob") {
		if m.Kind == "CronJob" {
			m.Spec.Template = m.Spec.JobTemplate.Spec.Template
		}
		found[m.Spec.Template.Spec.Containers[0].Name] = m
	}
	return found
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a program and returns its standard output.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w\n%s", name, err, stderr.String()))
	}
	return string(out)
}

// TestEveryComponentIsTested keeps this list in step with the folder.
func TestEveryComponentIsTested(t *testing.T) {
	entries, err := os.ReadDir("components")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); entry.IsDir() && name != "nats-single" && !slices.Contains(components, name) {
			t.Errorf("components/%s is not in the list", name)
		}
	}
}

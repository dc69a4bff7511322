// Package monitoring_test holds alerts, dashboards and runbooks true to each
// other and to the programs: promtool runs every alert, firing and quiet, and a
// real Prometheus scrapes the real programs for every metric that is named.
package monitoring_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v4"
)

const (
	component = "../k8s/components/monitoring"
	runbooks  = "../../docs/runbooks"
)

// rule is an alert or a recorded series.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type group struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

// groups is a rule file as Prometheus reads it, and the spec of a PrometheusRule.
type groups struct {
	Groups []group `yaml:"groups"`
}

// ruleFiles are the rules by the name of their file.
func ruleFiles(t *testing.T) map[string]groups {
	t.Helper()
	files := make(map[string]groups)
	for _, path := range glob(t, filepath.Join(component, "rules", "*.yaml")) {
		var object struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string `yaml:"kind"`
			Metadata   any    `yaml:"metadata"`
			Spec       groups `yaml:"spec"`
		}
		decodeYAML(t, path, &object)
		if object.Kind != "PrometheusRule" || object.APIVersion != "monitoring.coreos.com/v1" {
			t.Errorf("%s is a %s %s", path, object.APIVersion, object.Kind)
		}
		files[filepath.Base(path)] = object.Spec
	}
	return files
}

// rules are those of all files.
func rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, file := range ruleFiles(t) {
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var found []rule
	for _, r := range rules(t) {
		if r.Alert != "" {
			found = append(found, r)
		}
	}
	return found
}

// writeRules writes the rules as Prometheus reads them.
func writeRules(t *testing.T, dir string, withAnnotations bool) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, file := range ruleFiles(t) {
		for _, g := range file.Groups {
			for i := range g.Rules {
				if !withAnnotations {
					g.Rules[i].Annotations = nil
				}
			}
		}
		b, err := yaml.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), b)
	}
}

// decodeYAML is strict: a field that is misspelt would be left out silently.
func decodeYAML(t *testing.T, path string, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(read(t, path)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func decodeJSON(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(read(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

//go:build k8s

package k8s

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// define teaches the API server the kinds of these objects that it does not know
// by itself. Their definitions come with KEDA and with Prometheus Operator.
func (c *cluster) define(all []object) {
	c.t.Helper()
	var files []string
	for _, o := range all {
		group, _, _ := strings.Cut(o.APIVersion, "/")
		for _, dir := range c.definitions() {
			file := filepath.Join(dir, group+"_"+strings.ToLower(o.Kind)+"s.yaml")
			if _, err := os.Stat(file); err == nil && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	c.defineFiles(files...)
}

// defineKEDA teaches it all of KEDA, which its operator wants.
func (c *cluster) defineKEDA() { c.t.Helper(); c.defineFiles(c.definitions()[0]) }

func (c *cluster) definitions() []string {
	c.t.Helper()
	return []string{
		filepath.Join(moduleDir(c.t, "keda", "github.com/kedacore/keda/v2"), "config", "crd", "bases"),
		filepath.Join(moduleDir(c.t, "prometheusoperator", "github.com/prometheus-operator/prometheus-operator"), "example", "prometheus-operator-crd"),
	}
}

func (c *cluster) defineFiles(files ...string) {
	c.t.Helper()
	if len(files) == 0 {
		return
	}
	args := []string{"apply", "--server-side"}
	for _, file := range files {
		args = append(args, "-f", file)
	}
	c.kubectl(args...)
	c.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout", patience.String())
}

//go:build k8s

package k8s

import "path/filepath"

// defineKEDA and definePrometheus teach the API server the objects of KEDA and of
// Prometheus Operator.
func (c *cluster) defineKEDA() {
	c.t.Helper()
	c.define(filepath.Join(moduleDir(c.t, "keda", "github.com/kedacore/keda/v2"), "config", "crd", "bases"))
}

func (c *cluster) definePrometheus() {
	c.t.Helper()
	c.define(filepath.Join(moduleDir(c.t, "prometheusoperator", "github.com/prometheus-operator/prometheus-operator"),
		"example", "prometheus-operator-crd"))
}

func (c *cluster) define(dir string) {
	c.t.Helper()
	c.kubectl("apply", "--server-side", "-f", dir)
	c.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout", patience.String())
}

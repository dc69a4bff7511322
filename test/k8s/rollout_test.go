//go:build k8s

package k8s

import "testing"

// TestRollout: what is applied comes to run, in every overlay: pods are admitted
// under the restricted standard and scheduled, Deployments are complete, Jobs
// end.
func TestRollout(t *testing.T) {
	for _, overlay := range folders(t, "overlays") {
		t.Run(overlay, func(t *testing.T) {
			c := newCluster(t)
			c.install(render(t, full(t, overlay)))
		})
	}
}

// install applies manifests to namespaces under the restricted standard, and
// waits until all workloads are there.
func (c *cluster) install(rendered string) []object {
	c.t.Helper()
	all := objects(c.t, rendered)
	c.define(all)
	c.restrict(namespacesOf(all))
	if w := c.apply(rendered).warnings(); len(w) > 0 {
		c.t.Errorf("the API server warns: %q", w)
	}
	for _, o := range all {
		in := []string{"--namespace", o.Metadata.Namespace, "--timeout", patience.String()}
		switch o.Kind {
		case "Deployment", "StatefulSet", "DaemonSet":
			c.kubectl(append([]string{"rollout", "status", o.String()}, in...)...)
		case "Job":
			c.kubectl(append([]string{"wait", "--for=condition=Complete", o.String()}, in...)...)
		}
	}
	return all
}

//go:build k8s

package k8s

import "testing"

// TestOverlay runs each overlay, as it is and with every component, in a cluster,
// and does to it what happens to it there.
func TestOverlay(t *testing.T) {
	for _, combination := range bareAndFull(t) {
		t.Run(combination.String(), func(t *testing.T) {
			c := newCluster(t)
			all := c.install(render(t, combination))
			c.accountsMayDoNothing(all)
			c.drain(all)
			c.upgrade(combination)
		})
	}
}

// install applies manifests to namespaces under the restricted standard, and
// waits until all workloads are there: pods are admitted and scheduled,
// Deployments are complete, Jobs end.
func (c *cluster) install(rendered string) []object {
	c.t.Helper()
	all := objects(c.t, rendered)
	c.define(all)
	c.restrict(namespacesOf(all))
	if w := c.apply(rendered).warnings(); len(w) > 0 {
		c.t.Errorf("the API server warns: %q", w)
	}
	c.rolledOut(all)
	return all
}

func (c *cluster) rolledOut(all []object) {
	c.t.Helper()
	for _, scaler := range of(all, "HorizontalPodAutoscaler") {
		target := c.deploymentOf(scaler)
		await(c.t, scaler.String()+" has its least replicas", func() bool {
			return target().Status.Replicas >= scaler.Spec.MinReplicas
		}, func() string { return c.kubectl("get", "hpa,pods", "--all-namespaces").out })
	}
	for _, o := range all {
		in := []string{"--namespace", o.Metadata.Namespace, "--timeout", patience.String()}
		switch o.Kind {
		case "Deployment", "StatefulSet":
			c.kubectl(append([]string{"rollout", "status", o.String()}, in...)...)
		case "Job":
			c.kubectl(append([]string{"wait", "--for=condition=Complete", o.String()}, in...)...)
		}
	}
}

// deploymentOf reads the Deployment that an autoscaler scales.
func (c *cluster) deploymentOf(scaler object) func() object {
	return func() object {
		return c.get("/apis/apps/v1/namespaces/%s/deployments/%s", scaler.Metadata.Namespace, scaler.Spec.ScaleTargetRef.Name)
	}
}

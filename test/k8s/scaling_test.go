//go:build k8s

package k8s

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scaled is the Deployment that KEDA scales, with the ScaledObject of the same
// name.
const scaled = "settlehook-worker"

// TestScaling: with no worker running, callbacks of two merchants wait; KEDA,
// which reads their lag from NATS by the triggers of `settlehook keda`, brings
// the workers from none to more than one; they decide every callback, each once;
// and KEDA takes them away again.
func TestScaling(t *testing.T) {
	i, c := newInstallation(t), newCluster(t)
	c.startKEDA()
	namespace := c.deploy(i.settlehook("keda", "--monitor", i.monitor))
	if err := c.scaling(namespace); err != nil {
		t.Fatal(err)
	}
	w := &workers{c: c, i: i, namespace: namespace, running: map[string]*process{}}
	w.await("nothing waits, no worker", func() bool { return w.follow() == 0 && w.replicas() == 0 })

	i.push()
	began := time.Now()
	t.Logf("%d callbacks wait", i.waiting())
	w.await("all is decided", func() bool { w.follow(); return i.waiting() == 0 })
	t.Logf("decided after %s by up to %d workers at once", time.Since(began).Round(time.Second), w.most)
	w.await("no worker again", func() bool { return w.follow() == 0 && w.replicas() == 0 })
	t.Logf("no worker after %s", time.Since(began).Round(time.Second))

	limit := c.get("/apis/keda.sh/v1alpha1/namespaces/%s/scaledobjects/%s", namespace, scaled).Spec.MaxReplicaCount
	if w.most < 2 || w.most > limit {
		t.Errorf("up to %d workers ran, want more than one and at most %d", w.most, limit)
	}
	i.audit()
}

// TestWrongTriggerIsSeen: a misspelt key of a trigger passes the API server. That
// the ScaledObject becomes Ready is what shows it, and TestScaling begins with
// that.
func TestWrongTriggerIsSeen(t *testing.T) {
	c := newCluster(t)
	c.startKEDA()
	i := newInstallation(t)
	wrong := strings.ReplaceAll(i.settlehook("keda", "--monitor", i.monitor), "consumer:", "consumr:")
	namespace := c.deploy(wrong)
	err := c.scaling(namespace)
	if err == nil {
		t.Fatal("a trigger without a consumer is taken for right")
	}
	if !strings.Contains(err.Error(), "consumer") {
		t.Errorf("what is wrong is not said: %v", err)
	}
	t.Log(err)
}

// deploy applies the overlay of a KEDA installation, with this ScaledObject, and
// shortens KEDA's times: what it does after minutes shall not take a test
// minutes.
func (c *cluster) deploy(scaledObject string) (namespace string) {
	c.t.Helper()
	rendered := render(c.t, withComponent(c.t, "keda"))
	all := objects(c.t, rendered)
	c.define(all)
	c.restrict(namespacesOf(all))
	c.apply(rendered)
	for _, o := range of(all, "ScaledObject") {
		namespace = o.Metadata.Namespace
	}
	c.kubectl("delete", "scaledobject", scaled, "--namespace", namespace)
	c.kubectlWith(scaledObject, "apply", "--server-side", "--namespace", namespace, "-f", "-")
	c.kubectl("patch", "scaledobject", scaled, "--namespace", namespace, "--type=merge", "-p",
		`{"spec": {"pollingInterval": 1, "cooldownPeriod": 5}}`)
	return namespace
}

// withComponent is the first combination that has a component.
func withComponent(t testing.TB, component string) combination {
	t.Helper()
	for _, c := range combinations(t) {
		for _, name := range c.components {
			if name == component {
				return c
			}
		}
	}
	t.Fatalf("no overlay takes %s", filepath.Join(manifests(), "components", component))
	return combination{}
}

// unready is how long KEDA may say that a ScaledObject is not ready: it says so
// at first when the autoscaler is not there yet.
const unready = 30 * time.Second

// scaling waits until KEDA says that it can read all triggers.
func (c *cluster) scaling(namespace string) error {
	c.t.Helper()
	var o object
	if within(unready, func() bool {
		o = c.get("/apis/keda.sh/v1alpha1/namespaces/%s/scaledobjects/%s", namespace, scaled)
		return o.is("Ready")
	}) {
		return nil
	}
	ready := o.condition("Ready")
	return fmt.Errorf("%s is not ready after %s: %s: %s", o, unready, ready.Reason, ready.Message)
}

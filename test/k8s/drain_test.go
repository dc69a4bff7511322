//go:build k8s

package k8s

import (
	"strings"
)

// refused is how kubectl says that an eviction would break a budget.
const refused = "Cannot evict pod as it would violate the pod's disruption budget"

// drain: with nowhere to go for replacements, draining every node ends with all
// budgets kept, each by a refusal; once there is room the drain goes on.
func (c *cluster) drain(all []object) {
	c.t.Helper()
	budgets := of(all, "PodDisruptionBudget")
	before := map[string][]object{}
	for _, budget := range budgets {
		await(c.t, budget.String()+" knows its pods", func() bool {
			s := c.budget(budget).Status
			return s.ExpectedPods == len(c.protected(budget)) && s.CurrentHealthy == s.ExpectedPods
		}, func() string { return c.kubectl("get", "pdb,pods", "--all-namespaces").out })
		before[budget.String()] = c.protected(budget)
	}
	for i := range nodes {
		c.kubectl("cordon", node(i))
	}
	var said strings.Builder
	for i := range nodes {
		a, _ := c.try("", append(drainOf(i), "--timeout=4s")...)
		said.WriteString(a.out + a.err)
	}
	for _, budget := range budgets {
		c.kept(budget, before[budget.String()], said.String())
	}
	for i := 1; i < nodes; i++ {
		c.kubectl("uncordon", node(i))
	}
	c.rolledOut(all)
	c.kubectl(append(drainOf(0), "--timeout="+patience.String())...)
	c.rolledOut(all)
	c.kubectl("uncordon", node(0))
}

func drainOf(i int) []string {
	return []string{"drain", node(i), "--ignore-daemonsets", "--delete-emptydir-data"}
}

// kept: as many pods are ready as the budget wants, and if there was a pod more
// to evict, that was refused.
func (c *cluster) kept(budget object, before []object, said string) {
	c.t.Helper()
	ready, refusals := 0, 0
	for _, pod := range c.protected(budget) {
		if pod.is("Ready") && pod.Metadata.DeletionTimestamp == nil {
			ready++
		}
	}
	for _, pod := range before {
		for line := range strings.Lines(said) {
			if strings.Contains(line, refused) && strings.Contains(line, pod.Metadata.Name+`"`) {
				refusals++
			}
		}
	}
	want := c.budget(budget).Status.DesiredHealthy
	c.t.Logf("%s: %d of %d pods are ready, at least %d wanted; %d evictions refused", budget, ready, len(before), want, refusals)
	if len(before) > 1 && (want < 1 || refusals == 0) {
		c.t.Errorf("%s protects nothing: %d pods, %d wanted, %d evictions refused\n%s", budget, len(before), want, refusals, said)
	}
	if ready < want {
		c.t.Errorf("%s: %d pods are ready after the drain, want %d", budget, ready, want)
	}
}

func (c *cluster) budget(o object) object {
	c.t.Helper()
	return c.get("/apis/policy/v1/namespaces/%s/poddisruptionbudgets/%s", o.Metadata.Namespace, o.Metadata.Name)
}

func (c *cluster) protected(budget object) []object {
	c.t.Helper()
	return c.pods(budget.Metadata.Namespace, budget.Spec.Selector.MatchLabels)
}

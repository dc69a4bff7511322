//go:build k8s

package k8s

import (
	"slices"
	"strings"
	"testing"
)

// TestCombinations: every overlay with every set of components builds, and the
// API server would take all of it, by its own definitions and those of KEDA and
// Prometheus Operator, without a warning: no unknown field, no default that is
// gone soon, no pod beneath the restricted standard.
func TestCombinations(t *testing.T) {
	c := newCluster(t)
	for _, overlay := range folders(t, "overlays") {
		all := objects(t, render(t, full(t, overlay)))
		c.define(all)
		c.restrict(namespacesOf(all))
	}
	for _, combination := range combinations(t) {
		t.Run(combination.String(), func(t *testing.T) {
			rendered := render(t, combination)
			all := objects(t, rendered)
			for _, o := range all {
				if o.Metadata.Namespace == "" && !clusterWide(o) {
					t.Errorf("%s has no namespace", o)
				}
			}
			a, err := c.try(rendered, "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
			if err != nil {
				t.Fatal(err)
			}
			if a.err != "" {
				t.Errorf("the API server warns:\n%s", a.err)
			}
			if taken := strings.Count(a.out, " (server dry run)\n"); taken != len(all) {
				t.Errorf("%d of %d objects are taken:\n%s", taken, len(all), a.out)
			}
		})
	}
}

// clusterWide reports whether an object lies in no namespace.
func clusterWide(o object) bool {
	return slices.Contains([]string{"Namespace", "PriorityClass", "ClusterRole", "ClusterRoleBinding"}, o.Kind)
}

// TestRestrictedIsEnforced: the check of the restricted standard can fail.
func TestRestrictedIsEnforced(t *testing.T) {
	c := newCluster(t)
	overlay := folders(t, "overlays")[0]
	rendered := render(t, full(t, overlay))
	all := objects(t, rendered)
	c.define(all)
	c.restrict(namespacesOf(all))
	loose := strings.ReplaceAll(rendered, "runAsNonRoot: true", "runAsNonRoot: false")
	a, err := c.try(loose, "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	if w := a.warnings(); len(w) == 0 || !strings.Contains(w[0], "PodSecurity") {
		t.Errorf("pods that may run as root are taken without a warning: %q", a.err)
	}
	misspelt := strings.ReplaceAll(rendered, "enableServiceLinks:", "enableServiceLink:")
	if _, err := c.try(misspelt, "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"); err == nil {
		t.Error("a field that there is not is taken")
	}
}

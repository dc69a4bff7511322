//go:build k8s

package k8s

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestServiceAccountsMayDoNothing: our service accounts may do exactly what an
// account may that nobody gave anything.
func TestServiceAccountsMayDoNothing(t *testing.T) {
	c := newCluster(t)
	for _, overlay := range folders(t, "overlays") {
		rendered := render(t, full(t, overlay))
		all := objects(t, rendered)
		c.define(all)
		c.restrict(namespacesOf(all))
		c.apply(rendered)
		accounts := of(all, "ServiceAccount")
		if len(accounts) == 0 {
			t.Errorf("%s has no service accounts", overlay)
		}
		for _, account := range accounts {
			namespace := account.Metadata.Namespace
			if diff := cmp.Diff(c.rights(namespace, "nobody"), c.rights(namespace, account.Metadata.Name)); diff != "" {
				t.Errorf("%s: %s may do more than nothing (-nothing +got):\n%s", overlay, account, diff)
			}
			if a, err := c.try("", "auth", "can-i", "*", "*", "--namespace", namespace, as(namespace, account.Metadata.Name)); err == nil || a.out != "no\n" {
				t.Errorf("%s: %s may do everything: %s", overlay, account, a.out)
			}
		}
	}
}

// rights are the lines of what an account may do in its namespace.
func (c *cluster) rights(namespace, account string) []string {
	c.t.Helper()
	out := c.kubectl("auth", "can-i", "--list", "--namespace", namespace, as(namespace, account),
		"--as-group=system:serviceaccounts", "--as-group=system:serviceaccounts:"+namespace, "--as-group=system:authenticated").out
	return strings.Split(strings.TrimSpace(out), "\n")
}

func as(namespace, account string) string {
	return "--as=system:serviceaccount:" + namespace + ":" + account
}

//go:build k8s

package k8s

import (
	"strings"

	"github.com/google/go-cmp/cmp"
)

// accountsMayDoNothing: our service accounts may do exactly what an account may
// that nobody gave anything.
func (c *cluster) accountsMayDoNothing(all []object) {
	c.t.Helper()
	accounts := of(all, "ServiceAccount")
	if len(accounts) == 0 {
		c.t.Error("there are no service accounts")
	}
	for _, account := range accounts {
		namespace := account.Metadata.Namespace
		if diff := cmp.Diff(c.rights(namespace, "nobody"), c.rights(namespace, account.Metadata.Name)); diff != "" {
			c.t.Errorf("%s may do more than nothing (-nothing +got):\n%s", account, diff)
		}
	}
	for _, o := range all {
		if strings.HasPrefix(o.APIVersion, "rbac.authorization.k8s.io/") {
			c.t.Errorf("%s: nothing here has to be allowed to anybody", o)
		}
	}
}

// rights are the lines of what an account may do in its namespace.
func (c *cluster) rights(namespace, account string) []string {
	c.t.Helper()
	out := c.kubectl("auth", "can-i", "--list", "--namespace", namespace,
		"--as=system:serviceaccount:"+namespace+":"+account, "--as-group=system:serviceaccounts",
		"--as-group=system:serviceaccounts:"+namespace, "--as-group=system:authenticated").out
	return strings.Split(strings.TrimSpace(out), "\n")
}

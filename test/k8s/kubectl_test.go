//go:build k8s

package k8s

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// answer is what kubectl printed.
type answer struct{ out, err string }

// warnings are the lines by which the API server warns of something it lets
// pass.
func (a answer) warnings() (lines []string) {
	for line := range strings.Lines(a.err) {
		if strings.HasPrefix(line, "Warning:") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// try runs kubectl as an administrator, with stdin.
func (c *cluster) try(stdin string, args ...string) (answer, error) {
	cmd := kubectl(c.t, args...)
	cmd.Env = []string{"KUBECONFIG=" + c.kubeconfig, "HOME=" + c.ca.dir}
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		return answer{out.String(), errs.String()}, fmt.Errorf("kubectl %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return answer{out.String(), errs.String()}, nil
}

// kubectl runs kubectl, which has to succeed.
func (c *cluster) kubectl(args ...string) answer {
	c.t.Helper()
	return c.kubectlWith("", args...)
}

func (c *cluster) kubectlWith(stdin string, args ...string) answer {
	c.t.Helper()
	a, err := c.try(stdin, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// apply applies manifests as a person does.
func (c *cluster) apply(manifests string) answer {
	c.t.Helper()
	return c.kubectlWith(manifests, "apply", "--server-side", "-f", "-")
}

func kubectl(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return exec.Command(tool(t, "kubectl"), args...)
}

func labelSelector(labels map[string]string) string {
	var terms []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		terms = append(terms, name+"="+labels[name])
	}
	return strings.Join(terms, ",")
}

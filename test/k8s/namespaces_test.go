//go:build k8s

package k8s

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// isolated says, in its environment, that this process has namespaces of its own.
const isolated = "SETTLEHOOK_TEST_ISOLATED"

// isolate runs a test once more, in a process with namespaces of its own for the
// network, mounts and processes: whatever a node does to a machine is gone with
// it. In that process it returns true.
func isolate(t *testing.T) bool {
	t.Helper()
	if os.Getenv(isolated) != "" {
		prepareMounts(t)
		return true
	}
	if os.Getuid() != 0 {
		t.Fatal("a node's namespaces and containers need root: sudo -E make test-k8s")
	}
	for _, program := range []string{"containerd", "runc", "iptables", "ip", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed; run 'make container-runtime', then test again", program)
		}
	}
	cmd := exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$", "-test.timeout", "15m")
	cmd.Env = append(os.Environ(), isolated+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	removeControlGroups()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("in its own namespaces: %v", err)
	}
	return false
}

// prepareMounts hides what other container runtimes of this machine have, and what
// its network is called.
func prepareMounts(t *testing.T) {
	t.Helper()
	run(t, "ip", "link", "set", "lo", "up")
	for _, dir := range []string{"/run", "/var/log", "/var/lib/cni", "/var/lib/containerd"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, "mount", "-t", "tmpfs", "tmpfs", dir)
	}
	for path, text := range map[string]string{
		"/etc/hosts": "127.0.0.1 localhost\n", "/etc/resolv.conf": "nameserver " + nodeIP + "\n",
	} {
		own := filepath.Join(t.TempDir(), filepath.Base(path))
		writeFile(t, own, []byte(text))
		if err := os.Chmod(own, 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, "mount", "--bind", own, path)
	}
}

// controlGroup is where the node's containers are counted.
const controlGroup = "settlehook-test"

// removeControlGroups removes what no namespace takes along: groups without
// processes. Those that are not ours stay.
func removeControlGroups() {
	for _, pattern := range []string{"/sys/fs/cgroup/" + controlGroup, "/sys/fs/cgroup/*/" + controlGroup} {
		roots, _ := filepath.Glob(pattern)
		for _, root := range roots {
			// From the leaves: a group with groups in it can't be removed.
			_ = exec.Command("find", root, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+").Run()
		}
	}
}

// run runs a command, which has to succeed.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatal(fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out))
	}
	return string(out)
}

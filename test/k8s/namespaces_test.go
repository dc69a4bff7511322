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

	"github.com/google/go-cmp/cmp"
)

// isolated says, in its environment, that this process has namespaces of its own,
// and names the control group of its containers, which has none.
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
	for _, program := range []string{"containerd", "runc", "iptables", "ip", bridgePlugin} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed; run 'make container-runtime', then test again", program)
		}
	}
	for _, program := range []string{"curl", "openssl"} { // the README's
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%[1]s is not installed; run: sudo apt-get install %[1]s", program)
		}
	}
	controlGroup := fmt.Sprintf("settlehook-test-%d", os.Getpid())
	defer machine(t, controlGroup)()
	cmd := exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$", "-test.timeout", "15m")
	cmd.Env = append(os.Environ(), isolated+"="+controlGroup)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("in its own namespaces: %v", err)
	}
	return false
}

// hidden are the folders in which a container runtime, its network plugins and a
// kubelet keep what they know of this machine, whatever folders they are given. The
// kubelet, for one, removes the sockets that it finds among its own.
var hidden = []string{"/run", "/var/log", "/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet"}

// kernelSettings are those of the whole machine that a kubelet changes; the
// network's are of a namespace.
var kernelSettings = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// prepareMounts hides what other container runtimes of this machine have, what its
// network is called, and the settings of its kernel.
func prepareMounts(t *testing.T) {
	t.Helper()
	run(t, "ip", "link", "set", "lo", "up")
	for _, dir := range hidden {
		run(t, "mount", "-t", "tmpfs", "tmpfs", dir)
	}
	own := t.TempDir()
	replace := func(path string, text []byte) {
		file := filepath.Join(own, filepath.Base(path))
		writeFile(t, file, text)
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, "mount", "--bind", file, path)
	}
	replace("/etc/hosts", []byte("127.0.0.1 localhost\n"))
	replace("/etc/resolv.conf", []byte("nameserver "+nodeIP+"\n"))
	for setting, value := range readSettings(t) {
		replace(setting, []byte(value))
	}
}

// readSettings are the kernel's settings, by path.
func readSettings(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, setting := range kernelSettings {
		path := filepath.Join("/proc/sys", setting)
		value, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		values[path] = string(value)
	}
	return values
}

// machine makes the folders to hide that this machine does not have. What it
// returns removes them and the control group, and expects the machine to be what it
// was.
func machine(t *testing.T, controlGroup string) (asItWas func()) {
	t.Helper()
	before := readSettings(t)
	var made []string
	for _, dir := range hidden {
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		made = append(made, dir)
	}
	return func() {
		t.Helper()
		for _, dir := range made {
			if err := os.Remove(dir); err != nil {
				t.Errorf("the node left something on this machine: %v", err)
			}
		}
		if diff := cmp.Diff(before, readSettings(t)); diff != "" {
			t.Errorf("the node changed the kernel of this machine (-before +after):\n%s", diff)
		}
		removeControlGroup(t, controlGroup)
	}
}

// removeControlGroup removes what no namespace takes along, from every hierarchy
// that this machine has: groups without processes.
func removeControlGroup(t *testing.T, name string) {
	t.Helper()
	for _, pattern := range []string{"/sys/fs/cgroup/" + name, "/sys/fs/cgroup/*/" + name} {
		roots, _ := filepath.Glob(pattern)
		for _, root := range roots {
			if _, err := os.Stat(root); err != nil {
				continue // one hierarchy may have two names
			}
			// From the leaves: a group with groups in it can't be removed.
			if out, err := exec.Command("find", root, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+").CombinedOutput(); err != nil {
				t.Errorf("the node's control group stays: %v\n%s", err, out)
			}
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

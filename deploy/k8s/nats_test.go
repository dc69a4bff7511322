package k8s_test

import (
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/testserver"
)

// The servers in the cluster run what deploy/nats says, which the soak and the
// permissions' tests run too.
func TestNATSRunsTheConfigurationOfDeployNATS(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		config, ok := all.find("ConfigMap", "nats-config")
		if !ok {
			return
		}
		want := make(map[string]string)
		files, err := filepath.Glob(filepath.Join("..", "nats", "*.conf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			want[filepath.Base(file)] = readFile(t, file)
		}
		if diff := cmp.Diff(want, config.Data); diff != "" {
			t.Errorf("-deploy/nats +ConfigMap:\n%s", diff)
		}
	})
}

// serverEnv is the environment of the server in a pod of this name, with
// passwords that stand for the Secret's.
func serverEnv(t *testing.T, nats manifest, pod string) map[string]string {
	t.Helper()
	env := make(map[string]string)
	for _, v := range nats.Spec.Template.Spec.Containers[0].Env {
		switch {
		case v.ValueFrom["fieldRef"]["fieldPath"] == "metadata.name":
			env[v.Name] = pod
		case v.ValueFrom["secretKeyRef"] != nil:
			if ref := v.ValueFrom["secretKeyRef"]; ref["name"] != "settlehook-nats" {
				t.Errorf("%s comes from %v", v.Name, ref)
			}
			env[v.Name] = "12e3" // a number, were it not for the quotes
		default:
			env[v.Name] = os.Expand(strings.ReplaceAll(strings.ReplaceAll(v.Value, "$(", "${"), ")", "}"), func(name string) string { return env[name] })
		}
	}
	return env
}

// What deploy/nats leaves to the environment is in it, and the server starts.
func TestNATSFindsItsVariables(t *testing.T) {
	for name, with := range map[string][]string{"three": {"nats"}, "one": {"nats", "nats-single"}} {
		nats := built(t, "NATS: "+name, with...).workloads()["nats"]
		c := nats.Spec.Template.Spec.Containers[0]
		env := serverEnv(t, nats, "nats-0")
		var variables []string
		for _, file := range []string{"nats-server.conf", "server.conf", "permissions.conf"} {
			for _, line := range strings.Split(readFile(t, filepath.Join("..", "nats", file)), "\n") {
				text, _, _ := strings.Cut(line, "#")
				for _, m := range regexp.MustCompile(`\$(NATS_\w+)`).FindAllStringSubmatch(text, -1) {
					variables = append(variables, m[1])
				}
			}
		}
		if len(variables) < 10 {
			t.Fatalf("found only %v", variables)
		}
		for _, v := range variables {
			if env[v] == "" {
				t.Errorf("%s: %s is not set", name, v)
			}
		}
		// The same in a process: only addresses and folders are this machine's.
		addr, monitor := testserver.FreeAddr(t), testserver.FreeAddr(t)
		_, port, _ := net.SplitHostPort(monitor)
		env["NATS_LISTEN"], env["NATS_STORE_DIR"], env["NATS_CLUSTER_LISTEN"] = addr, t.TempDir(), testserver.FreeAddr(t)
		folder, err := filepath.Abs(filepath.Join("..", "nats"))
		if err != nil {
			t.Fatal(err)
		}
		var args []string
		for _, arg := range c.Args {
			args = append(args, strings.NewReplacer("/etc/nats", folder, "8222", port).Replace(arg))
		}
		startNATS(t, args, env, addr)
	}
}

// startNATS returns once a server listens.
func startNATS(t *testing.T, args []string, env map[string]string, addr string) {
	t.Helper()
	cmd := exec.Command(testserver.Binary(t, "nats-server"), args...)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	defer func() { _ = cmd.Process.Kill(); <-ended }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("nats-server %v:\n%s", args, out.String())
		case <-tick.C:
		}
	}
}

// What KEDA's look for a consumer's leader needs: the headless Service's name in
// front of which it puts the server's, and the port it asks.
func TestNATSCanBeAskedByName(t *testing.T) {
	all := built(t, "overlays/dev")
	nats, service := all.workloads()["nats"], all.get(t, "Service", "nats")
	env := serverEnv(t, nats, "nats-1")
	if nats.Spec.ServiceName != "nats" || env["NATS_SERVER_NAME"] != "nats-1" || service.Spec.ClusterIP != "None" || !service.Spec.PublishNotReadyAddresses {
		t.Errorf("service %q, server %q, %+v", nats.Spec.ServiceName, env["NATS_SERVER_NAME"], service.Spec)
	}
	if openPorts(nats)["monitor"] != ":8222" || !slices.Contains(nats.Spec.Template.Spec.Containers[0].Args, "--http_port=8222") {
		t.Error("the monitoring port is not 8222")
	}
	for i := range *nats.Spec.Replicas {
		if route := "nats://nats-" + string(rune('0'+i)) + ".nats:6222"; !strings.Contains(env["NATS_ROUTES"], route) {
			t.Errorf("no route %s in %s", route, env["NATS_ROUTES"])
		}
	}
}

// The image is of the server that the tests run against.
func TestNATSIsTheTestedVersion(t *testing.T) {
	tested := regexp.MustCompile(`github.com/nats-io/nats-server/v2 v(\S+)`).FindStringSubmatch(readFile(t, filepath.Join("..", "..", "go.mod")))
	image := built(t, "overlays/dev").workloads()["nats"].Spec.Template.Spec.Containers[0].Image
	if tested == nil || image != "docker.io/library/nats:"+tested[1] {
		t.Errorf("image %s, tested %v", image, tested)
	}
}

//go:build k8s

package k8s

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/test/image/builder"
)

// The addresses of the node, which is alone in its network, and of its pods.
const (
	nodeIP   = "10.99.0.1"
	podRange = "10.244.0.0/24"
	realNode = "node-0"
)

// bridgePlugin gives a pod its network.
const bridgePlugin = "/usr/lib/cni/bridge"

// newRealCluster starts a cluster with one node that runs containers. Its images
// are those that are given; nothing is pulled.
func newRealCluster(t testing.TB, images string) *cluster {
	t.Helper()
	run(t, "ip", "link", "add", "node0", "type", "bridge")
	run(t, "ip", "address", "add", nodeIP+"/24", "dev", "node0")
	run(t, "ip", "link", "set", "node0", "up")
	run(t, "ip", "route", "add", "default", "dev", "node0")
	run(t, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	c := newControlPlane(t, net.JoinHostPort(nodeIP, "6443"))
	c.kubectl("create", "clusterrolebinding", "kube-proxy", "--clusterrole", "system:node-proxier", "--user", "system:kube-proxy")
	c.startDNS()
	c.startKubelet(c.startContainerd(images))
	c.startProxy() // it ends when the node's address comes later
	c.makeVolumes()
	t.Cleanup(c.explainPods)
	return c
}

// explainPods shows what the pods of a failed test said last that are not ready.
func (c *cluster) explainPods() {
	if !c.t.Failed() {
		return
	}
	for _, pod := range c.pods("settlehook", nil) {
		if pod.is("Ready") || pod.Status.Phase == "Succeeded" {
			continue
		}
		said, err := c.try("", "-n", "settlehook", "logs", pod.Metadata.Name, "--tail=20")
		c.t.Logf("%s said last (%v):\n%s", pod.Metadata.Name, err, said.out)
	}
}

// startContainerd starts the container runtime, with those images.
func (c *cluster) startContainerd(images string) (socket string) {
	c.t.Helper()
	dir := c.t.TempDir()
	socket = filepath.Join("/run", "containerd.sock")
	writeFile(c.t, filepath.Join(dir, "containerd.toml"), fmt.Appendf(nil, `version = 2
root = %q
state = "/run/containerd-state"
[grpc]
  address = %q
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
`, filepath.Join(dir, "root"), socket, pauseImage, filepath.Dir(bridgePlugin), dir))
	writeFile(c.t, filepath.Join(dir, "10-pods.conflist"), fmt.Appendf(nil, `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}`, podRange))
	start(c.t, exec.Command("containerd", "--config", filepath.Join(dir, "containerd.toml"), "--log-level", "warn"), func() bool {
		return exec.Command("ctr", "--address", socket, "version").Run() == nil
	})
	archives, err := filepath.Glob(filepath.Join(images, "*.tar"))
	if err != nil || len(archives) == 0 {
		c.t.Fatalf("no images in %s: %v", images, err)
	}
	ctr := func(args ...string) {
		run(c.t, "ctr", append([]string{"--address", socket, "--namespace", "k8s.io", "images"}, args...)...)
	}
	for _, archive := range archives {
		if filepath.Base(archive) != ourArchive {
			ctr("import", archive)
			continue
		}
		name, _, _ := strings.Cut(ourImage, ":")
		ctr("import", "--base-name", name, archive)
		ctr("tag", name+":"+builder.Version, ourImage)
	}
	return socket
}

// startKubelet makes this machine a node.
func (c *cluster) startKubelet(containerd string) {
	c.t.Helper()
	dir, serving := c.t.TempDir(), c.ca.issue(c.t, realNode, "", realNode, nodeIP)
	writeFile(c.t, filepath.Join(dir, "config.yaml"), fmt.Appendf(nil, `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
cgroupsPerQOS: false # another kubelet's groups may be there
cgroupRoot: /%s
enforceNodeAllocatable: [none]
containerRuntimeEndpoint: unix://%s
clusterDNS: [%s]
clusterDomain: cluster.local
volumePluginDir: /run/kubelet-plugins
syncFrequency: 5s # a changed Secret, which a minute is usual for
configMapAndSecretChangeDetectionStrategy: Watch
imageGCHighThresholdPercent: 100 # what it throws away can't be pulled again
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%%, imagefs.available: 1%%}
authentication: {anonymous: {enabled: false}, x509: {clientCAFile: %q}}
authorization: {mode: AlwaysAllow} # of those that have a certificate
tlsCertFile: %q
tlsPrivateKeyFile: %q
`, os.Getenv(isolated), containerd, nodeIP, c.ca.file, serving.cert, serving.key))
	start(c.t, exec.Command(tool(c.t, "kubelet"), "--config", filepath.Join(dir, "config.yaml"),
		"--kubeconfig", c.configFor(c.ca.issue(c.t, "system:node:"+realNode, "system:nodes")),
		// Among the mounts that go with the namespace: it mounts more below.
		"--root-dir", "/run/kubelet-root", "--hostname-override", realNode, "--node-ip", nodeIP),
		answers(http.DefaultClient, "http://127.0.0.1:10248/healthz"))
	await(c.t, "the node is ready", func() bool {
		_, err := c.try("", "wait", "--for=condition=Ready", "node", realNode, "--timeout", "1s")
		return err == nil
	}, func() string { return c.kubectl("get", "nodes", "-o", "yaml").out })
}

// startProxy makes the addresses of Services lead to their pods.
func (c *cluster) startProxy() {
	c.t.Helper()
	start(c.t, exec.Command(tool(c.t, "kube-proxy"), "--kubeconfig", c.configFor(c.ca.issue(c.t, "system:kube-proxy", "")),
		"--proxy-mode", "iptables", "--cluster-cidr", podRange, "--hostname-override", realNode, "--conntrack-max-per-core", "0"),
		answers(http.DefaultClient, "http://127.0.0.1:10249/healthz"))
}

// startDNS makes the names of Services known.
func (c *cluster) startDNS() {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "Corefile")
	writeFile(c.t, file, fmt.Appendf(nil, `.:53 {
  bind %s
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig %s
  }
  cache 5
}
`, nodeIP, c.kubeconfig))
	start(c.t, exec.Command(tool(c.t, "coredns"), "-conf", file), answers(http.DefaultClient, "http://127.0.0.1:8181/ready"))
}

// makeVolumes makes the volumes that are claimed, as folders. A cluster has a
// provisioner for that.
func (c *cluster) makeVolumes() {
	c.t.Helper()
	var list strings.Builder
	list.WriteString(`apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`)
	for i := range volumes {
		dir := filepath.Join(c.t.TempDir(), "volume")
		if err := os.Mkdir(dir, 0o700); err != nil { // the kubelet gives it to the pod's group
			c.t.Fatal(err)
		}
		fmt.Fprintf(&list, `---
apiVersion: v1
kind: PersistentVolume
metadata: {name: volume-%d}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: standard
  local: {path: %q}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%s]}]}]}}
`, i, dir, realNode)
	}
	c.kubectlWith(list.String(), "create", "-f", "-")
}

//go:build k8s

package k8s

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"testing"

	"github.com/settlehook/settlehook/internal/testserver"
)

// cluster is a Kubernetes cluster with nodes that only look alive.
type cluster struct {
	t          testing.TB
	addr       string // of the API server
	ca         *authority
	kubeconfig string // of an administrator
	api        *http.Client
	tree       string // in which the guide's commands run; the repository, if empty
}

// nodes is how many nodes a cluster has, in two zones.
const nodes = 4

// newCluster starts a cluster, with nodes that kwok plays.
func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := newControlPlane(t, testserver.FreeAddr(t))
	c.startNodes(nodes)
	return c
}

// newControlPlane starts one without nodes. It ends with the test, in the reverse
// order: the API server hangs while it stops without etcd.
func newControlPlane(t testing.TB, addr string) *cluster {
	t.Helper()
	c := &cluster{t: t, addr: addr, ca: newAuthority(t)}
	admin := c.ca.issue(t, "admin", "system:masters")
	c.kubeconfig, c.api = c.configFor(admin), c.clientFor(admin)
	private, public := c.ca.signingKey(t)
	c.startAPIServer(c.startEtcd(), private, public)
	c.startControllers(private)
	c.startScheduler()
	t.Cleanup(c.explain)
	return c
}

// explain shows what a failed test leaves behind.
func (c *cluster) explain() {
	if !c.t.Failed() {
		return
	}
	for _, what := range []string{"pods", "scaledobjects,hpa,pdb", "events"} {
		a, err := c.try("", "get", what, "--all-namespaces", "-o", "wide")
		c.t.Logf("%s:\n%s%s%v", what, a.out, a.err, err)
	}
}

func (c *cluster) startEtcd() (url string) {
	c.t.Helper()
	client, peer := testserver.FreeAddr(c.t), "http://"+testserver.FreeAddr(c.t)
	url = "http://" + client
	start(c.t, exec.Command(tool(c.t, "etcd"), "--data-dir", c.t.TempDir(), "--unsafe-no-fsync", "--log-level", "warn",
		"--listen-client-urls", url, "--advertise-client-urls", url,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer),
		answers(http.DefaultClient, url+"/health"))
	return url
}

func (c *cluster) startAPIServer(etcd, private, public string) {
	c.t.Helper()
	host, port, _ := net.SplitHostPort(c.addr)
	server := c.ca.issue(c.t, "kube-apiserver", "", host)
	client := c.ca.issue(c.t, "kube-apiserver", "system:masters") // of a real node's kubelet
	front := c.ca.issue(c.t, "front-proxy", "")                   // speaks with KEDA's adapter for a user
	start(c.t, exec.Command(tool(c.t, "kube-apiserver"),
		"--etcd-servers", etcd, "--bind-address", host, "--secure-port", port,
		"--advertise-address", host, "--endpoint-reconciler-type", "none", // it refuses to announce loopback
		"--service-cluster-ip-range", "10.96.0.0/16",
		"--cert-dir", c.t.TempDir(), "--tls-cert-file", server.cert, "--tls-private-key-file", server.key, "--client-ca-file", c.ca.file,
		"--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction,PodSecurity",
		"--kubelet-client-certificate", client.cert, "--kubelet-client-key", client.key, "--kubelet-certificate-authority", c.ca.file,
		"--kubelet-preferred-address-types", "InternalIP",
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-signing-key-file", private, "--service-account-key-file", public,
		"--requestheader-client-ca-file", c.ca.file, "--requestheader-allowed-names", "front-proxy",
		"--requestheader-username-headers", "X-Remote-User", "--requestheader-group-headers", "X-Remote-Group",
		"--requestheader-extra-headers-prefix", "X-Remote-Extra-",
		"--proxy-client-cert-file", front.cert, "--proxy-client-key-file", front.key),
		answers(c.api, c.url("/readyz")))
}

// startControllers starts the controllers, with an autoscaler that does not
// make a test wait.
func (c *cluster) startControllers(private string) {
	c.t.Helper()
	args, url := c.serving("system:kube-controller-manager")
	start(c.t, exec.Command(tool(c.t, "kube-controller-manager"), append(args,
		"--service-account-private-key-file", private, "--root-ca-file", c.ca.file, "--use-service-account-credentials",
		"--horizontal-pod-autoscaler-sync-period", "2s", "--horizontal-pod-autoscaler-downscale-stabilization", "5s")...),
		answers(c.api, url+"/healthz"))
}

func (c *cluster) startScheduler() {
	c.t.Helper()
	args, url := c.serving("system:kube-scheduler")
	start(c.t, exec.Command(tool(c.t, "kube-scheduler"), args...), answers(c.api, url+"/healthz"))
}

// serving are the arguments of a program that is a client of the API server, and
// says at the URL how it is.
func (c *cluster) serving(name string) (args []string, url string) {
	c.t.Helper()
	id, addr := c.ca.issue(c.t, name, ""), testserver.FreeAddr(c.t)
	host, port, _ := net.SplitHostPort(addr)
	config := c.configFor(id)
	return []string{
		"--kubeconfig", config, "--authentication-kubeconfig", config, "--authorization-kubeconfig", config,
		"--bind-address", host, "--secure-port", port, "--cert-dir", c.t.TempDir(),
		"--tls-cert-file", id.cert, "--tls-private-key-file", id.key, "--leader-elect=false",
	}, "https://" + addr
}

// answers reports whether a URL answers 200.
func answers(client *http.Client, url string) func() bool {
	return func() bool {
		res, err := client.Get(url)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
}

func (c *cluster) url(path string, args ...any) string {
	return "https://" + c.addr + fmt.Sprintf(path, args...)
}

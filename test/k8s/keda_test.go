//go:build k8s

package k8s

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/settlehook/settlehook/internal/testserver"
)

// startKEDA starts KEDA's operator, and its adapter behind the API server, which
// the autoscaler asks for the lag.
func (c *cluster) startKEDA() {
	c.t.Helper()
	c.defineKEDA()
	c.kubectl("create", "namespace", "keda")
	service := "keda-metrics-apiserver.keda.svc"
	id := c.ca.issue(c.t, "keda-operator", "system:masters", service)
	certificates := filepath.Dir(id.cert)
	c.copyAuthority(certificates)
	environment := []string{"KUBECONFIG=" + c.configFor(id), "POD_NAMESPACE=keda", "KEDA_CLUSTER_OBJECT_NAMESPACE=keda", "WATCH_NAMESPACE=", "HOME=" + certificates}

	metrics, probe := testserver.FreeAddr(c.t), testserver.FreeAddr(c.t)
	operator := exec.Command(tool(c.t, "keda-operator"), "--cert-dir", certificates,
		"--metrics-bind-address", testserver.FreeAddr(c.t), "--health-probe-bind-address", probe, "--metrics-service-bind-address", metrics)
	operator.Env = environment
	start(c.t, operator, answers(http.DefaultClient, "http://"+probe+"/readyz"))

	_, port, _ := net.SplitHostPort(testserver.FreeAddr(c.t))
	_, own, _ := net.SplitHostPort(testserver.FreeAddr(c.t))
	config := c.configFor(id)
	adapter := exec.Command(tool(c.t, "keda-adapter"), "--bind-address", "127.0.0.1", "--secure-port", port, "--port", own,
		"--lister-kubeconfig", config, "--authentication-kubeconfig", config, "--authorization-kubeconfig", config,
		"--client-ca-file", c.ca.file, "--tls-cert-file", id.cert, "--tls-private-key-file", id.key, "--cert-dir", certificates,
		"--metrics-service-address", metrics)
	adapter.Env = environment
	start(c.t, adapter, answers(c.api, "https://127.0.0.1:"+port+"/readyz"))
	c.serveMetrics(port)
}

// serveMetrics sends the API server to the adapter: it follows a Service of type
// ExternalName without asking for endpoints.
func (c *cluster) serveMetrics(port string) {
	c.t.Helper()
	authority, err := os.ReadFile(c.ca.file)
	if err != nil {
		c.t.Fatal(err)
	}
	c.apply(fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: keda-metrics-apiserver, namespace: keda}
spec:
  type: ExternalName
  externalName: localhost
  ports: [{port: %s}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec:
  group: external.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: %s
  service: {name: keda-metrics-apiserver, namespace: keda, port: %[1]s}
`, port, base64.StdEncoding.EncodeToString(authority)))
	c.kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io", "--timeout", patience.String())
}

// copyAuthority puts the authority beside a certificate, where KEDA looks for
// it.
func (c *cluster) copyAuthority(dir string) {
	c.t.Helper()
	text, err := os.ReadFile(c.ca.file)
	if err != nil {
		c.t.Fatal(err)
	}
	writeFile(c.t, filepath.Join(dir, "ca.crt"), text)
}

//go:build k8s

package k8s

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/testserver"
)

// stages say what kwok makes of nodes and pods: nodes are ready, pods on them
// run and are ready at once, those of Jobs complete, and deleted ones go.
var stages = []string{"pod/fast", "node/fast", "node/heartbeat-with-lease"}

func (c *cluster) startNodes(n int) {
	c.t.Helper()
	addr := testserver.FreeAddr(c.t)
	start(c.t, exec.Command(tool(c.t, "kwok"), "--kubeconfig", c.kubeconfig, "--manage-all-nodes", "--server-address", addr,
		"--config", stagesFile(c.t), "--node-lease-duration-seconds", "40", "--v", "warn"),
		answers(http.DefaultClient, "http://"+addr+"/healthz"))
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, `---
apiVersion: v1
kind: Node
metadata:
  name: %s
  labels: {kubernetes.io/hostname: %[1]s, topology.kubernetes.io/zone: zone-%d, kubernetes.io/os: linux, kubernetes.io/arch: amd64}
status:
  capacity: &size {cpu: "4", memory: 8Gi, ephemeral-storage: 50Gi, pods: "110"}
  allocatable: *size
`, node(i), i%2)
	}
	for i := range volumes {
		fmt.Fprintf(&list, `---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: volume-%d
spec:
  capacity: {storage: 1Ti}
  accessModes: [ReadWriteOnce]
  hostPath: {path: /nowhere}
`, i)
	}
	c.kubectlWith(list.String(), "create", "-f", "-")
	c.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout", patience.String())
}

// volumes is how many there are to claim; nobody makes more.
const volumes = 8

func node(i int) string { return fmt.Sprintf("node-%d", i) }

// stagesFile joins the stages of kwok's module.
func stagesFile(t testing.TB) string {
	t.Helper()
	var all bytes.Buffer
	for _, stage := range stages {
		files, err := filepath.Glob(filepath.Join(moduleDir(t, "kwok", "sigs.k8s.io/kwok"), "kustomize", "stage", stage, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("kwok has no stages %s: %v", stage, err)
		}
		for _, file := range files {
			if filepath.Base(file) == "kustomization.yaml" {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString("---\n")
			all.Write(text)
		}
	}
	path := filepath.Join(t.TempDir(), "stages.yaml")
	writeFile(t, path, all.Bytes())
	return path
}

//go:build k8s

package k8s

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// object is what the tests read of an object of any kind.
type object struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       spec     `json:"spec"`
	Status     status   `json:"status"`
}

type metadata struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	Labels            map[string]string `json:"labels"`
	DeletionTimestamp *time.Time        `json:"deletionTimestamp"`
}

type spec struct {
	// Of a Deployment.
	Replicas *int `json:"replicas"`
	// Of a PodDisruptionBudget or a Deployment.
	Selector *selector `json:"selector"`
	// Of a pod.
	NodeName string `json:"nodeName"`
	// Of a HorizontalPodAutoscaler.
	MinReplicas int `json:"minReplicas"`
	// Of a ScaledObject.
	MaxReplicaCount int                   `json:"maxReplicaCount"`
	ScaleTargetRef  struct{ Name string } `json:"scaleTargetRef"`
}

type selector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

type status struct {
	Phase          string      `json:"phase"`
	Conditions     []condition `json:"conditions"`
	Replicas       int         `json:"replicas"`
	ReadyReplicas  int         `json:"readyReplicas"`
	ExpectedPods   int         `json:"expectedPods"`
	DesiredHealthy int         `json:"desiredHealthy"`
	CurrentHealthy int         `json:"currentHealthy"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// is reports whether a condition of the object is true.
func (o object) is(kind string) bool { return o.condition(kind).Status == "True" }

func (o object) condition(kind string) condition {
	for _, c := range o.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return condition{}
}

func (o object) String() string { return o.Kind + "/" + o.Metadata.Name }

// get reads one object. kubectl would do, at the price of a process for each
// look.
func (c *cluster) get(path string, args ...any) object {
	c.t.Helper()
	var o object
	if err := c.read(c.url(path, args...), &o); err != nil {
		c.t.Fatal(err)
	}
	return o
}

// pods are those of a namespace that have these labels.
func (c *cluster) pods(namespace string, labels map[string]string) []object {
	c.t.Helper()
	var list struct{ Items []object }
	query := url.Values{"labelSelector": {labelSelector(labels)}}
	if err := c.read(c.url("/api/v1/namespaces/%s/pods?", namespace)+query.Encode(), &list); err != nil {
		c.t.Fatal(err)
	}
	return list.Items
}

func (c *cluster) read(address string, into any) error {
	res, err := c.api.Get(address)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(into)
}

func (c *cluster) clientFor(id identity) *http.Client {
	c.t.Helper()
	pair, err := tls.LoadX509KeyPair(id.cert, id.key)
	if err != nil {
		c.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.ca.cert)
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots}},
		Timeout:   30 * time.Second,
	}
}

// configFor is the file that makes a program that client of the API server.
func (c *cluster) configFor(id identity) string {
	c.t.Helper()
	path := filepath.Join(filepath.Dir(id.cert), "kubeconfig")
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{"server": "https://" + c.addr, "certificate-authority": c.ca.file}}},
		"users":    []any{map[string]any{"name": "test", "user": map[string]any{"client-certificate": id.cert, "client-key": id.key}}},
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{"cluster": "test", "user": "test"}}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

//go:build k8s

package k8s

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// backlog is how many callbacks wait of a merchant: at its rate of 20 queries a
// second they last longer than the autoscaler's period of 15 s, so that one worker
// is not through with them before a second is asked for.
const backlog = 700

// TestScalingOnANode follows "Scale" of the README on a node that runs containers:
// KEDA reads the lag of two merchants from three nats-servers, each consumer's at
// the server that leads it, and scales pods that run.
func TestScalingOnANode(t *testing.T) {
	if os.Getenv(isolated) == "" {
		t.Setenv(imagesVariable, buildImages(t, render(t, combination{overlay: "dev"})))
	}
	if !isolate(t) {
		return
	}
	c := newRealCluster(t, os.Getenv(imagesVariable))
	c.startKEDA()
	guide := readGuide(t)
	c.quietly(guide)
	c.follow(filepath.Join(programs, "settlehook") + ` keda --merchants deploy/k8s/overlays/dev/merchants.yaml --monitor nats.settlehook.svc.cluster.local:8222 |
  kubectl -n settlehook apply -f -`)
	c.kubectl("-n", "settlehook", "patch", "scaledobject", scaled, "--type=merge", "-p", `{"spec": {"pollingInterval": 1, "cooldownPeriod": 5}}`)
	if err := c.scaling("settlehook"); err != nil {
		t.Fatal(err)
	}
	// Not both at the server that happens to be asked first.
	merchants := []string{"m1001", "m1002"}
	for i, merchant := range merchants {
		c.lead(merchant, fmt.Sprintf("nats-%d", i+1))
	}
	c.awaitWorkers(0)

	c.follow(guide.command("Scale", "paused-replicas=0"))
	for _, merchant := range merchants {
		c.order(guide, merchant, backlog)
	}
	for _, merchant := range merchants {
		c.awaitWaiting(merchant, backlog)
	}
	c.awaitWorkers(0)

	began := time.Now()
	c.follow(guide.command("Scale", "paused-replicas-"))
	c.awaitWorkers(2)
	t.Logf("two workers after %s", time.Since(began).Round(time.Second))
	for _, merchant := range merchants {
		c.awaitWaiting(merchant, 0)
	}
	t.Logf("all is decided after %s", time.Since(began).Round(time.Second))
	c.awaitWorkers(0)
	t.Logf("no worker after %s", time.Since(began).Round(time.Second))
}

// awaitWaiting waits until so many callbacks of a merchant wait or are in work.
func (c *cluster) awaitWaiting(merchant string, want int) {
	c.t.Helper()
	await(c.t, fmt.Sprintf("%d callbacks of %s wait", want, merchant), func() bool {
		info := c.consumer(merchant)
		return info.Pending+info.InWork == want
	}, func() string { return fmt.Sprintf("%+v", c.consumer(merchant)) })
}

// awaitWorkers waits until so many workers are there, and ready: one that is being
// stopped may still decide what it has in hand.
func (c *cluster) awaitWorkers(want int) {
	c.t.Helper()
	await(c.t, fmt.Sprintf("%d workers", want), func() bool {
		workers := c.pods("settlehook", map[string]string{"app.kubernetes.io/component": "worker"})
		return len(workers) == want && !slices.ContainsFunc(workers, func(pod object) bool { return !pod.is("Ready") })
	}, func() string {
		return c.kubectl("-n", "settlehook", "get", "scaledobject,hpa,deployment,pods").out +
			c.kubectl("-n", "settlehook", "get", "scaledobject", "-o", "yaml").out
	})
}

// lead has a server lead a merchant's consumer.
func (c *cluster) lead(merchant, server string) {
	c.t.Helper()
	await(c.t, merchant+" is led by "+server, func() bool {
		if c.consumer(merchant).Cluster.Leader == server {
			return true
		}
		_ = c.shell(operate("consumer cluster step-down CALLBACKS reconciler-" + merchant + " --preferred " + server)).Run()
		return false
	}, func() string { return fmt.Sprintf("%+v", c.consumer(merchant)) })
}

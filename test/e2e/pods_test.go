package e2e

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How Kubernetes takes a pod away, a tenth of the usual times. It tells two at
// once: whoever routes to the pod, who hears of it some time later, and the
// kubelet, who runs preStop and then signals.
const (
	probePeriod    = 200 * time.Millisecond // readinessProbe.periodSeconds 2
	probeFailures  = 2                      // readinessProbe.failureThreshold
	endpointsDelay = 400 * time.Millisecond // until every node has heard
	preStopSleep   = 500 * time.Millisecond // lifecycle.preStop.sleep 5
)

// pods are the receivers of a Deployment, behind a balancer.
type pods struct {
	w         *world
	env       map[string]string
	balancer  *balancer
	terminate func(*pods, *pod)

	mu      sync.Mutex
	routed  []*pod
	leaving sync.WaitGroup // pods that were told to go
	probing sync.WaitGroup
}

type pod struct {
	*program
	stopProbing context.CancelFunc
	terminating bool // routed to or not
}

// add starts a pod and returns once it is ready and routed to.
func (p *pods) add() *pod {
	p.w.t.Helper()
	n := &pod{program: startProgram(p.w.t, "receiver", p.env)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.w.t.Context()))
	n.stopProbing = cancel
	p.w.t.Cleanup(cancel)
	p.probing.Go(func() { p.probe(ctx, n) })
	p.change(func(all []*pod) []*pod { return append(all, n) })
	return n
}

func (p *pods) remove(gone *pod) {
	p.change(func(all []*pod) []*pod {
		var left []*pod
		for _, n := range all {
			if n != gone {
				left = append(left, n)
			}
		}
		return left
	})
}

func (p *pods) change(how func([]*pod) []*pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.routed = how(p.routed)
	addrs := make([]string, len(p.routed))
	for i, n := range p.routed {
		addrs[i] = n.http
	}
	p.balancer.route(addrs)
}

// probe takes a pod off the balancer's list that says it is not ready.
func (p *pods) probe(ctx context.Context, n *pod) {
	tick := time.NewTicker(probePeriod)
	defer tick.Stop()
	client := http.Client{Timeout: 10 * probePeriod} // periodSeconds 2, timeoutSeconds 2, but on a busy machine
	for failed := 0; failed < probeFailures; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		res, err := client.Get("http://" + n.admin + "/readyz")
		if err == nil {
			_ = res.Body.Close()
		}
		if err != nil || res.StatusCode != http.StatusOK {
			failed++
		} else {
			failed = 0
		}
	}
	p.remove(n)
}

// roll replaces every pod as a Deployment with maxSurge 1 and maxUnavailable 0
// does: one more is ready before one is told to go, which nobody waits for.
func (p *pods) roll() {
	p.w.t.Helper()
	p.mu.Lock()
	var old []*pod
	for _, n := range p.routed {
		if !n.terminating {
			old = append(old, n)
		}
	}
	p.mu.Unlock()
	for _, n := range old {
		p.add()
		n.terminating = true
		p.leaving.Go(func() { p.terminate(p, n) })
	}
}

// byPreStop is the way of deploy/k8s: the signal comes once everybody has
// heard.
func byPreStop(p *pods, n *pod) {
	after(endpointsDelay)
	p.remove(n)
	after(preStopSleep - endpointsDelay)
	p.end(n)
}

// byReadiness is the way of a balancer outside of Kubernetes: nobody tells it,
// it asks.
func byReadiness(p *pods, n *pod) { p.end(n) }

// atOnce is the way without a preStop: the pod is gone before everybody has
// heard.
func atOnce(p *pods, n *pod) {
	p.end(n)
	after(endpointsDelay)
	p.remove(n)
}

// end stops a pod and expects it to end well.
func (p *pods) end(n *pod) {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.w.t.Error(err)
	}
	<-n.gone
	n.stopProbing()
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		p.w.t.Errorf("a receiver ended with %d:\n%s", code, n.tail())
	}
}

// after returns when a time has passed.
func after(d time.Duration) { <-time.NewTimer(d).C }

// newPods starts so many.
func newPods(t *testing.T, w *world, b *balancer, linger time.Duration, terminate func(*pods, *pod), n int) *pods {
	t.Helper()
	p := &pods{w: w, env: map[string]string{"HTTP_LINGER": linger.String()}, balancer: b, terminate: terminate}
	for name, value := range w.env {
		if _, ours := p.env[name]; !ours {
			p.env[name] = value
		}
	}
	t.Cleanup(func() { p.leaving.Wait(); p.probing.Wait() })
	for range n {
		p.add()
	}
	return p
}

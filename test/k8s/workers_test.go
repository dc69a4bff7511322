//go:build k8s

package k8s

import (
	"fmt"
	"time"
)

// workers are the real workers that stand for the pods of a Deployment: one
// process for each pod that is ready.
type workers struct {
	c         *cluster
	i         *installation
	namespace string
	running   map[string]*process // by pod
	most      int                 // that ran at once
}

// await follows the pods until something holds.
func (w *workers) await(what string, holds func() bool) {
	w.c.t.Helper()
	await(w.c.t, what, holds, func() string {
		return fmt.Sprintf("%d callbacks wait, %d replicas, %d workers run\n%s", w.i.waiting(), w.replicas(), len(w.running),
			w.c.kubectl("get", "scaledobject,hpa,deployment,pods", "--namespace", w.namespace).out)
	})
}

// follow starts and stops workers as pods come and go, and returns how many run.
func (w *workers) follow() int {
	w.c.t.Helper()
	ready := map[string]bool{}
	for _, pod := range w.c.pods(w.namespace, w.deployment().Spec.Selector.MatchLabels) {
		if pod.is("Ready") && pod.Metadata.DeletionTimestamp == nil {
			ready[pod.Metadata.Name] = true
		}
	}
	for pod, worker := range w.running {
		if ready[pod] {
			continue
		}
		delete(w.running, pod)
		if code := worker.stop(time.Minute); code != 0 {
			w.c.t.Errorf("the worker of %s ended with code %d:\n%s", pod, code, worker.tail())
		}
	}
	for pod := range ready {
		if w.running[pod] == nil {
			w.running[pod] = w.i.program("worker", "WORKER_ROLES=callbacks")
		}
	}
	w.most = max(w.most, len(w.running))
	return len(w.running)
}

func (w *workers) replicas() int { return w.deployment().Status.Replicas }

func (w *workers) deployment() object {
	return w.c.get("/apis/apps/v1/namespaces/%s/deployments/%s", w.namespace, scaled)
}

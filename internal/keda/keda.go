// Package keda writes what KEDA scales the workers by: a ScaledObject with one
// trigger for each merchant's durable.
package keda

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// Name is that of the ScaledObject, and of the Deployment that it scales.
const Name = "settlehook-worker"

// Fleet is what the workers' number follows from.
type Fleet struct {
	Merchants []*config.Merchant
	// Monitor is host:port of the NATS servers' monitoring port. In a cluster the
	// host is a headless Service's: KEDA puts the name of the consumer's leader in
	// front of it.
	Monitor string
	// Account is the NATS account of the streams; "$G" is that of connections
	// that name none.
	Account string
	// Latency is how long a gateway takes to answer an order query when it is slow,
	// but not down.
	Latency time.Duration
	// InFlight is WORKER_IN_FLIGHT: callbacks of one merchant that one worker has
	// in work at once.
	InFlight int
	// MaxWorkers is MAX_WORKERS: worker processes there will ever be.
	MaxWorkers int
}

const (
	// fewest workers at a load: one may be lost with its node.
	fewest = 2
	// sweepers is the size of the fixed Deployment that shares the query rate.
	sweepers = 2
	// perWorker is how many callbacks a second one worker is given to decide:
	// deploy/k8s/README.md, "Sizes", has what was measured.
	perWorker = 200
)

// TooFewError says that MAX_WORKERS does not allow as many workers as the
// merchants' rates ask for.
type TooFewError struct{ Workers, MaxWorkers, Needed int }

func (e *TooFewError) Error() string {
	return fmt.Sprintf("the merchants' rates ask for up to %d workers, and MAX_WORKERS=%d is too few for them: during a rollout as many old ones, "+
		"and twice %d sweepers, run beside them; set MAX_WORKERS to %d or more, in the installation too", e.Workers, e.MaxWorkers, sweepers, e.Needed)
}

// Most is the number of workers that still help, and more would not: the order
// queries' rate is one for all of them. It fails with [TooFewError].
func (f Fleet) Most() (int, error) {
	most, sum := float64(fewest), 0.0
	for _, m := range f.Merchants {
		rate := m.RatePerSecond()
		sum += rate
		// Little's law: this many queries are under way at once.
		most = max(most, math.Ceil(rate*f.Latency.Seconds()/float64(f.InFlight)))
	}
	workers := int(max(most, math.Ceil(sum/perWorker)))
	// Pods that end are not counted by a rollout.
	if needed := 2 * (workers + sweepers); needed > f.MaxWorkers {
		return 0, &TooFewError{Workers: workers, MaxWorkers: f.MaxWorkers, Needed: needed}
	}
	return workers, nil
}

// Write writes the ScaledObject. The same fleet gives the same text.
func (f Fleet) Write(w io.Writer) error {
	most, err := f.Most()
	if err != nil {
		return err
	}
	object := f.object(most)
	for _, m := range f.Merchants {
		object.Spec.Triggers = append(object.Spec.Triggers, f.trigger(m.ID))
	}
	slices.SortFunc(object.Spec.Triggers, func(a, b trigger) int { return strings.Compare(a.Metadata.Consumer, b.Metadata.Consumer) })
	if _, err := io.WriteString(w, "# Written by 'settlehook keda'. Write it again when a merchant or a rate changes,\n"+
		"# after 'settlehook setup': a trigger whose consumer is missing can't be read.\n"); err != nil {
		return err
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(object); err != nil {
		return fmt.Errorf("write the ScaledObject: %w", err)
	}
	return encoder.Close()
}

// How KEDA looks, in seconds. A callback that finds no worker waits for a look,
// a pod's start and a query: well within the minute that is promised.
const (
	polling  = 5
	cooldown = 300
	// tries are looks in vain in a row before the fallback.
	tries = 3
)

func (f Fleet) object(most int) scaledObject {
	o := scaledObject{APIVersion: "keda.sh/v1alpha1", Kind: "ScaledObject"}
	o.Metadata.Name = Name
	o.Metadata.Labels = map[string]string{"app.kubernetes.io/name": "settlehook", "app.kubernetes.io/component": "worker"}
	// After the setup Job, in Argo CD.
	o.Metadata.Annotations = map[string]string{"argocd.argoproj.io/sync-wave": "2"}
	o.Spec.ScaleTargetRef.Name = Name
	o.Spec.PollingInterval, o.Spec.CooldownPeriod = polling, cooldown
	o.Spec.MaxReplicaCount = most
	// Blind is no reason to have no workers, nor to take any away.
	o.Spec.Fallback = fallback{FailureThreshold: tries, Replicas: min(fewest, most), Behavior: "currentReplicasIfHigher"}
	return o
}

func (f Fleet) trigger(merchant string) trigger {
	return trigger{Type: "nats-jetstream", Metadata: jetstream{
		Monitor: f.Monitor,
		Account: f.Account,
		Stream:  stream.Callbacks, Consumer: stream.ReconcilerName(merchant),
		// A worker more for each time as many wait as one has in work.
		Lag:        strconv.Itoa(f.InFlight),
		Activation: "0",
	}}
}

package doctor

import (
	"context"
	"fmt"
)

// The names that the programs give their connections.
const (
	connectionWorker   = "settlehook worker"
	connectionReceiver = "settlehook receiver"
)

// workers counts the programs that are connected: MAX_WORKERS divides the query
// rate where Redis can't.
func workers(ctx context.Context, v *visit) ([]Finding, error) {
	if len(v.o.Settings.Monitoring.URLs) == 0 {
		return []Finding{skipped(noMonitor, "NATS_MONITOR_URLS is not set: who is connected can't be seen")}, nil
	}
	names, err := v.monitor().Connections(ctx)
	if err != nil {
		return []Finding{skipped("see "+checkDurability, "not every NATS server told who is connected: %v", err)}, nil
	}
	running, most := names[connectionWorker], v.o.Settings.Reconcile.MaxWorkers
	if running > most {
		return []Finding{warn(fmt.Sprintf("set MAX_WORKERS to twice what runs (%d) in the workers' environment, or run fewer", 2*running),
			"%d workers are connected, more than MAX_WORKERS (%d): without Redis they would ask gateways more than they allow", running, most)}, nil
	}
	receivers := names[connectionReceiver]
	return []Finding{ok("connected: %d %s (at most %d), %d %s", running, plural(running, "worker", "workers"), most,
		receivers, plural(receivers, "receiver", "receivers"))}, nil
}

package config

import "strconv"

// The checks here look at settings of more than one group.

// checkReceiving refuses times with which an answer could be lost although the
// callback is stored: the gateway would push it again, at best.
func checkReceiving(fs *faults, cfg *Receiver) {
	sameAddress(fs, "ADMIN_ADDR", cfg.Admin.Addr, "HTTP_ADDR", cfg.HTTP.Addr)
	if longest := cfg.HTTP.ReadTimeout + cfg.NATS.PublishTimeout; cfg.HTTP.WriteTimeout <= longest {
		fs.add(named("HTTP_WRITE_TIMEOUT", formatDuration(cfg.HTTP.WriteTimeout)),
			"must exceed HTTP_READ_TIMEOUT (%s) + NATS_PUBLISH_TIMEOUT (%s), or the answer to a stored callback could be cut off; raise it",
			formatDuration(cfg.HTTP.ReadTimeout), formatDuration(cfg.NATS.PublishTimeout))
	}
	if longest := cfg.HTTP.Linger + cfg.HTTP.ReadTimeout + cfg.NATS.PublishTimeout; cfg.General.ShutdownTimeout <= longest {
		fs.add(named("SHUTDOWN_TIMEOUT", formatDuration(cfg.General.ShutdownTimeout)),
			"must exceed HTTP_LINGER (%s) + HTTP_READ_TIMEOUT (%s) + NATS_PUBLISH_TIMEOUT (%s), or a stop could cut off a request in flight; raise it",
			formatDuration(cfg.HTTP.Linger), formatDuration(cfg.HTTP.ReadTimeout), formatDuration(cfg.NATS.PublishTimeout))
	}
}

// checkReconciling refuses times of one delivery that do not nest (see
// [Reconcile]), and a callback that would age out before it is parked.
func checkReconciling(fs *faults, cfg *Worker) {
	r, publish := &cfg.Reconcile, cfg.NATS.PublishTimeout
	delivery := r.RateWaitMax + r.QueryTimeout + publish
	if delivery >= r.ClaimLease {
		fs.add(named("CLAIM_LEASE", formatDuration(r.ClaimLease)),
			"must exceed RATE_WAIT_MAX (%s) + QUERY_TIMEOUT (%s) + NATS_PUBLISH_TIMEOUT (%s), or a callback would be claimed twice while it is in work; raise it or shorten the others",
			formatDuration(r.RateWaitMax), formatDuration(r.QueryTimeout), formatDuration(publish))
	}
	if r.ClaimLease > cfg.Topology.AckWait {
		fs.add(named("CLAIM_LEASE", formatDuration(r.ClaimLease)),
			"must not exceed ACK_WAIT (%s), or a callback delivered again after a crash would find the claim still held; lower it or raise ACK_WAIT",
			formatDuration(cfg.Topology.AckWait))
	}
	if delivery >= cfg.General.ShutdownTimeout {
		fs.add(named("SHUTDOWN_TIMEOUT", formatDuration(cfg.General.ShutdownTimeout)),
			"must exceed RATE_WAIT_MAX (%s) + QUERY_TIMEOUT (%s) + NATS_PUBLISH_TIMEOUT (%s), or a stop could cut off a callback in work; raise it",
			formatDuration(r.RateWaitMax), formatDuration(r.QueryTimeout), formatDuration(publish))
	}
	if r.ParkAfter >= cfg.Topology.CallbacksMaxAge {
		fs.add(named("PARK_AFTER", formatDuration(r.ParkAfter)),
			"must be shorter than CALLBACKS_MAX_AGE (%s), or a callback could age out before it is parked; lower it",
			formatDuration(cfg.Topology.CallbacksMaxAge))
		return
	}
	if n := len(cfg.Sweep.Delays); n > 0 {
		if last := cfg.Sweep.Delays[n-1]; last+r.ParkAfter >= cfg.Topology.CallbacksMaxAge {
			fs.add(named("SWEEP_DELAYS", cfg.Sweep.Delays.String()),
				"the last delay and PARK_AFTER (%s) must be shorter than CALLBACKS_MAX_AGE (%s), or a callback could age out that the sweep has to decide with; shorten them",
				formatDuration(r.ParkAfter), formatDuration(cfg.Topology.CallbacksMaxAge))
		}
	}
}

func checkUp(fs *faults, cfg *Up) {
	receiver, worker := cfg.Receiver(), cfg.Worker()
	checkReceiving(fs, &receiver)
	checkReconciling(fs, &worker)
	if cfg.Topology.Replicas != 1 {
		fs.add(named("STREAM_REPLICAS", strconv.Itoa(cfg.Topology.Replicas)), "settlehook up runs one embedded server; remove it or set it to 1")
	}
}

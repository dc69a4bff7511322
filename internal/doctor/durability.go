package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/settlehook/settlehook/internal/natsmon"
)

// noMonitor is what to do where no monitoring port is named.
const noMonitor = "set NATS_MONITOR_URLS=http://nats:8222, the monitoring port of the servers' headless Service"

// diskHigh is when a server's disk for streams is about to be full.
const diskHigh = 0.9

// durability asks the servers what no client can see.
func durability(ctx context.Context, v *visit) ([]Finding, error) {
	if len(v.o.Settings.Monitoring.URLs) == 0 {
		return []Finding{skipped(noMonitor, "NATS_MONITOR_URLS is not set: whether writes are synced can't be seen")}, nil
	}
	servers, err := v.servers.get(ctx)
	var found []Finding
	if err != nil {
		say := warn
		if len(servers) == 0 {
			say = fail
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			found = append(found, say("see that the server runs and has a monitoring port (http_port: 8222), then NATS_MONITOR_URLS", "%s", line))
		}
	}
	var versions, names []string
	for _, s := range servers {
		names = append(names, s.Name)
		if !slices.Contains(versions, s.Version) {
			versions = append(versions, s.Version)
		}
		found = append(found, durable(s)...)
	}
	if len(versions) > 1 {
		found = append(found, warn("update the servers to one version, one after the other", "the NATS servers run different versions: %s", strings.Join(versions, ", ")))
	}
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("%s: every write is synced before it is acknowledged", strings.Join(names, ", "))}, nil
}

// durable looks at one server.
func durable(s natsmon.Server) []Finding {
	if s.JetStream == nil {
		return nil // it keeps no stream
	}
	var found []Finding
	if sync := s.JetStream.Sync(); sync > 0 {
		found = append(found, fail(
			"set 'sync_interval: always' in the jetstream block of "+s.Name+" (deploy/nats/nats-server.conf) and restart it",
			"%s syncs every %s: what it acknowledged meanwhile is lost when power fails", s.Name, sync))
	}
	if limit := s.JetStream.StoreLimit; limit > 0 && float64(s.JetStream.StoreUsed) >= diskHigh*float64(limit) {
		found = append(found, warn(fmt.Sprintf("give %s more disk, and raise max_file_store in its jetstream block", s.Name),
			"%s uses %.0f %% of its disk for streams", s.Name, 100*float64(s.JetStream.StoreUsed)/float64(limit)))
	}
	return found
}

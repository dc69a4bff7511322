//go:build soak

package soak

import (
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
)

// clusterPlan is an installation on a cluster of three NATS servers, with a
// Redis behind Sentinel or a Redis Cluster.
func clusterPlan(t *testing.T, sentinel bool) plan {
	t.Helper()
	p := plan{workers: 2, cluster: true}
	if sentinel {
		s := testserver.RedisSentinel(t)
		p.redisURL = "redis-sentinel://" + s.Addr + "/" + testserver.SentinelMaster + "/0"
		p.redis = []*testserver.Process{s.Master, s.Replica}
		return p
	}
	p.redis = testserver.RedisCluster(t)
	p.redisURL = "redis-cluster://" + p.redis[0].Addr + "," + p.redis[1].Addr
	return p
}

// TestCluster: three NATS servers under the permissions of deploy/nats, streams
// of three copies, and the leaders killed again and again: no callback that was
// answered success is missing, and no event is doubled.
func TestCluster(t *testing.T) {
	for name, sentinel := range map[string]bool{"redis sentinel": true, "redis cluster": false} {
		t.Run(name, func(t *testing.T) {
			p := clusterPlan(t, sentinel)
			// The load gateway's first state lasts a moment, so that the sweep need not
			// wait for the last push.
			p.env = []string{"SWEEP_DELAYS=10s,14s", "SWEEP_LOOK_BACK=8s"}
			load(t, name, size{duration: 15 * time.Second, acts: 8, kills: 4, rate: 50, seed: 4}, p, false).log(t)
		})
	}
}

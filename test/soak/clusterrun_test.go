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
// of three copies, a Redis behind Sentinel, and the streams' leaders killed again
// and again: no callback that was answered success is missing, no event is
// doubled, and every copy is whole when its server starts again. The seed kills
// the leader of CALLBACKS three times and that of PAYMENTS once.
func TestCluster(t *testing.T) {
	clusterRun(t, "redis sentinel", clusterPlan(t, true), size{duration: 12 * time.Second, acts: 7, kills: 4, rate: 50, seed: 76})
}

func clusterRun(t *testing.T, name string, p plan, s size) {
	t.Helper()
	// The load gateway's first state lasts a moment, so that the sweep need not
	// wait for the last push.
	p.env = []string{"SWEEP_DELAYS=10s,14s", "SWEEP_LOOK_BACK=8s"}
	load(t, name, s, p, false).log(t)
}

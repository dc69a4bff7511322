// Package k8s runs deploy/k8s against the real thing: etcd, the Kubernetes API
// server with its controllers and scheduler, KEDA, nats-server and our own
// programs, all as processes on loopback. Only the nodes are played (by kwok):
// no container runs, so where a pod would do work the test starts the program
// itself.
//
// Each test has a cluster of its own, which starts in seconds. The tests have
// the build tag k8s; `make test-k8s` builds what they run and runs them.
//
// Where to look:
//
//   - tools: the modules of what is run, one each, so that none of it comes into
//     the product's go.mod.
//   - controlplane, nodes, keda, crds: how the parts of a cluster start.
//   - process, certificates, kubectl, api: what they start and speak with.
//   - overlays: which manifests there are, found by looking.
//   - combinations, score, scaling, drain, rollout, setupjob, accounts: what is
//     tested.
package k8s

// Package k8s runs deploy/k8s against the real thing: etcd, the Kubernetes API
// server with its controllers and scheduler, KEDA, nats-server, the OpenTelemetry
// Collector and our own programs, all as processes on loopback. Where a test is
// about one installation it has a real node: kubelet, containerd and kube-proxy, in
// namespaces of their own (root). Else the nodes are played (by kwok): no container
// runs, and where a pod would do work the test starts the program itself.
//
// A test that needs a cluster has one of its own, which starts in seconds. The
// tests have the build tag k8s; `make test-k8s` builds what they run and runs them.
//
// Where to look:
//
//   - tools: the modules of what is run, one each, so that none of it comes into
//     the product's go.mod.
//   - controlplane, nodes, keda, crds: how the parts of a cluster start.
//   - process, certificates, kubectl, api: what they start and speak with.
//   - overlays: which manifests there are, found by looking.
//   - combinations, score: what every combination of them holds to.
//   - overlay with accounts, drain, upgrade: what happens to one in a cluster.
//   - scaling with installation, workers: KEDA on a real backlog.
//   - readme, scalingnode, restore with guide, operator: what the README has a
//     newcomer and an operator do, on a real node, which realnode, images and
//     namespaces make.
//   - trace with installation, collector: a callback's trace, as it comes out of
//     the OpenTelemetry Collector.
//
// No network policy is enforced, since no network plugin here does that, and without
// a metrics server the receiver's autoscaler keeps its least replicas: neither is
// tested.
package k8s

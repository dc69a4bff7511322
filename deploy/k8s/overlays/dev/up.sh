#!/bin/sh
# Deploys the dev overlay into the cluster of the current kubectl context: the
# Secrets, if there are none yet, then everything else. Running it again brings the
# cluster in step with the files.
set -eu
cd "$(dirname "$0")"
namespace=settlehook

echo "cluster: $(kubectl config current-context)"
instance=$(kubectl get namespace "$namespace" --ignore-not-found -o jsonpath='{.metadata.labels.app\.kubernetes\.io/instance}')
if [ "$instance" != dev ] && [ -n "$(kubectl get namespace "$namespace" --ignore-not-found -o name)" ]; then
  echo "the namespace $namespace is there and is no dev installation; use another cluster, or delete it first" >&2
  exit 1
fi
kubectl apply -f namespace.yaml
if [ -z "$(kubectl -n "$namespace" get secret settlehook-merchants --ignore-not-found -o name)" ]; then
  # Not apply: it would keep a copy of the values in an annotation.
  ./secrets.sh | kubectl -n "$namespace" create -f -
fi
kubectl apply -k .
kubectl -n "$namespace" rollout status --timeout=5m statefulset/nats statefulset/redis
kubectl -n "$namespace" wait --for=condition=complete --timeout=5m job -l app.kubernetes.io/component=setup
for deployment in settlehook-receiver settlehook-worker settlehook-sweeper sandbox toolbox; do
  kubectl -n "$namespace" rollout status --timeout=5m "deployment/$deployment"
done
echo
echo "settlehook is up, and the sandbox makes an order a second. Its settled events:"
echo "  kubectl -n $namespace exec deploy/toolbox -- nats --inbox-prefix _INBOX_operator sub 'payments.v1.settled.>' --stream PAYMENTS --last --count 1"

#!/bin/sh
# Writes the Secrets of the dev overlay to standard output, with fresh random
# values: kubectl -n settlehook create -f -. Nothing is kept on this machine.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
command -v openssl >/dev/null || { echo "openssl is not installed; install it and run this again" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

random() { openssl rand -hex 24; }

# indent writes a file as the lines of a YAML block.
indent() { sed 's/^/    /' "$1"; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=sandbox \
  -addext subjectAltName=DNS:sandbox,DNS:localhost,IP:127.0.0.1 \
  -keyout "$tmp/tls.key" -out "$tmp/tls.crt" 2>/dev/null
redis=$(random)

cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: settlehook-merchants
stringData:
  m1001.key: "$(random)"
  m1002.key: "$(random)"
  merchants.yaml: |
$(indent "$here/merchants.yaml")
---
apiVersion: v1
kind: Secret
metadata:
  name: settlehook-nats
stringData:
  receiver: "$(random)"
  worker: "$(random)"
  order-service: "$(random)"
  downstream: "$(random)"
  operator: "$(random)"
  finance: "$(random)"
  setup: "$(random)"
  recovery: "$(random)"
---
apiVersion: v1
kind: Secret
metadata:
  name: settlehook-redis
stringData:
  password: "$redis"
  users.acl: |
    user default off
    user settlehook on >$redis ~settlehook:* &* +@all -@admin -@dangerous +info +config|get
---
apiVersion: v1
kind: Secret
metadata:
  name: sandbox-tls
type: kubernetes.io/tls
stringData:
  tls.crt: |
$(indent "$tmp/tls.crt")
  tls.key: |
$(indent "$tmp/tls.key")
EOF

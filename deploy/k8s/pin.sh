#!/bin/sh
# Writes images/kustomization.yaml of an overlay: every image that it runs, by
# digest. A tag can be moved to something else; a digest can't.
#
#   ./pin.sh overlays/prod registry.example/settlehook:0.1.0
#
# Digests are asked of the registries with skopeo, as they are logged in to there
# (skopeo login). Of an image for several platforms it is the list's.
set -eu
if [ $# -ne 2 ]; then
  echo "usage: $0 OVERLAY IMAGE:TAG (of settlehook), such as: $0 overlays/prod registry.example/settlehook:0.1.0" >&2
  exit 2
fi
overlay=$1 ours=$2
here=$(cd "$(dirname "$0")" && pwd)
case $ours in
  *@*) echo "$ours: give a tag; its digest is looked up" >&2; exit 2 ;;
esac
case ${ours##*/} in
  *:*) ;;
  *) echo "$ours: give a tag, such as $ours:0.1.0" >&2; exit 2 ;;
esac
for tool in kubectl skopeo; do
  command -v "$tool" >/dev/null || { echo "$tool is not installed; install it and run this again" >&2; exit 1; }
done

# digest asks the registry, and takes nothing else for an answer.
digest() {
  found=$(skopeo inspect --no-tags --format '{{.Digest}}' "docker://$1")
  case $found in
    sha256:????????????????????????????????????????????????????????????????) echo "$found" ;;
    *) echo "$1: the registry gave no digest but '$found'" >&2; return 1 ;;
  esac
}

out=$overlay/images/kustomization.yaml
new=$(mktemp)
built=$(mktemp)
trap 'rm -f "$new" "$built"' EXIT
kubectl kustomize "$overlay" >"$built"
found=$(digest "$ours")
cat >"$new" <<EOF
# What runs, written by pin.sh.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component

images:
  - name: settlehook # $ours
    newName: ${ours%:*}
    digest: $found
EOF
for image in $(grep -rhoE 'image: [^ ]+:[^ ]+' "$here/components" | cut -d' ' -f2 | sort -u); do
  name=${image%:*}
  grep -qE "image: $name[:@]" "$built" || continue
  found=$(digest "$image")
  cat >>"$new" <<EOF
  - name: $name # ${image##*:}
    digest: $found
EOF
done
cat "$new" >"$out"
echo "$out"

#!/bin/sh
# Builds the image with buildah, so that the same commit gives the same digest
# whenever it is built with the same Go and the same buildah, and says its size
# and digest.
#
#   IMAGE       name, as the registry knows it  (settlehook)
#   TAG         its tag                         (VERSION)
#   VERSION     what the programs call themselves (git describe)
#   REVISION    the commit                      (git rev-parse)
#   SOURCE_DATE_EPOCH  time of everything in it, seconds since 1970 (of the commit)
#   GO_IMAGE    the image with Go               (golang:1.26)
#   GOPROXY, GOSUMDB   where the build takes modules from (Go's defaults)
#   BUILD_FLAGS further flags of buildah build, such as --platform linux/arm64
#   OUT         folder of the archive           (.cache/image)
set -eu
cd "$(dirname "$0")/../.."

command -v buildah >/dev/null || {
  echo "buildah is not installed; run: sudo apt-get install buildah" >&2
  exit 1
}

# What is not committed has no revision to name: it must not carry that of a commit.
: "${VERSION:=$(git describe --tags --always --dirty 2>/dev/null || echo dev)}"
: "${REVISION:=$(git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)}"
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
: "${IMAGE:=settlehook}" "${TAG:=$VERSION}" "${OUT:=.cache/image}"
name=$IMAGE:$TAG
mkdir -p "$OUT"

set --
for arg in GO_IMAGE GOPROXY GOSUMDB; do
  if [ -n "$(printenv $arg)" ]; then set -- "$@" --build-arg "$arg"; fi
done
# No history and no label of buildah's own: they would tell the builder's version.
# BUILD_FLAGS is a list of words.
# shellcheck disable=SC2086
buildah build --quiet --format oci --omit-history --identity-label=false --timestamp "$SOURCE_DATE_EPOCH" \
  --build-arg VERSION="$VERSION" --build-arg REVISION="$REVISION" --build-arg SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \
  "$@" ${BUILD_FLAGS:-} --tag "$name" . >"$OUT/id"

# The archive is what gets published: pushing it keeps this digest, while pushing
# from the builder's store might pack the layers anew.
rm -f "$OUT/settlehook.oci.tar"
buildah push --quiet --digestfile "$OUT/digest" "$(cat "$OUT/id")" "oci-archive:$OUT/settlehook.oci.tar:$TAG"
digest=$(cat "$OUT/digest")
size=$(wc -c <"$OUT/settlehook.oci.tar")

cat <<END
image   $name
digest  $digest
size    $((size / 1024 / 1024)) MiB packed ($size bytes)
archive $OUT/settlehook.oci.tar

publish it under this digest:
  skopeo copy --preserve-digests oci-archive:$OUT/settlehook.oci.tar docker://$name
and let a deployment use it, in its overlay:
  kustomize edit set image settlehook=$IMAGE@$digest
END

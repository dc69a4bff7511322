# One image with the three programs, none of them the default: whoever runs it
# says which (receiver, worker or settlehook), and a forgotten command fails
# instead of starting something.
#
# `make image` builds it so that the same commit gives the same digest; any other
# builder makes the same files:
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t settlehook:0.1.0 .
#   docker run --rm settlehook:0.1.0 settlehook --version
#
# The name moves on with Go's patch releases, which are wanted. A release names
# the very image, by digest.
ARG GO_IMAGE=golang:1.26

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
# Where modules come from; go.sum says what they are.
ARG GOPROXY=https://proxy.golang.org,direct
ARG GOSUMDB=sum.golang.org
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-mod=readonly -trimpath -buildvcs=false"
# Where the cache mounts are, whoever the builder runs as.
ENV GOMODCACHE=/go/pkg/mod GOCACHE=/root/.cache/go-build
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
# No path of the build machine, no build id, no time: the same sources and the
# same Go give the same bytes.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags grpcnotrace \
    -ldflags="-s -w -buildid= -X main.version=$VERSION" \
    -o /out/usr/local/bin/ ./cmd/receiver ./cmd/worker ./cmd/settlehook
# What is in them, from themselves.
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go run ./deploy/image/sbom -version "$VERSION" -created "$SOURCE_DATE_EPOCH" \
    -out /out/usr/share/sbom/settlehook.cdx.json /out/usr/local/bin/*

FROM scratch
# For the gateways' certificates; time zones are in the binaries.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# The programs, and their bill of materials.
COPY --from=build /out/ /
ENV PATH=/usr/local/bin
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080 9090
# For who runs it without Kubernetes, whose probes ask by themselves.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["settlehook", "health"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="settlehook" \
      org.opencontainers.image.description="Turns payment-gateway callbacks into settlement events" \
      org.opencontainers.image.source="https://github.com/settlehook/settlehook" \
      org.opencontainers.image.documentation="https://github.com/settlehook/settlehook/blob/main/README.md" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

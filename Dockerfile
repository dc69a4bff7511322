# One image with the three programs, none of them the default: whoever runs it
# says which (receiver, worker or settlehook), and a forgotten command fails
# instead of starting something.
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t settlehook:0.1.0 .
#   docker run --rm settlehook:0.1.0 settlehook --version

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
# No path of the build machine, no build id, no time: the same sources and the
# same Go give the same bytes.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags grpcnotrace -trimpath -buildvcs=false \
    -ldflags="-s -w -buildid= -X main.version=$VERSION" \
    -o /out/ ./cmd/receiver ./cmd/worker ./cmd/settlehook

FROM scratch
# For the gateways' certificates; time zones are in the binaries.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /usr/local/bin/
ENV PATH=/usr/local/bin
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080 9090
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="settlehook" \
      org.opencontainers.image.description="Turns payment-gateway callbacks into settlement events" \
      org.opencontainers.image.source="https://github.com/settlehook/settlehook" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

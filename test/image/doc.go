// Package image builds the image from the Dockerfile and runs it as a cluster
// does: as 65532, on a read-only root. Its tests have the build tag k8s, need
// root and buildah, and are run by `make test-k8s`; nothing is downloaded.
package image

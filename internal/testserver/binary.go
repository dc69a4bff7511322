package testserver

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Root is the top of the source tree.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Binary finds a server's program: in .cache/bin, where 'make tools' puts it, or
// on the PATH.
func Binary(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(filepath.Join(Root(), ".cache", "bin", name)); err == nil {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed; run 'make tools' once (for redis-server as root, or install it yourself), then test again", name)
	}
	return path
}

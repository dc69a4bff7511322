//go:build k8s

package k8s

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
)

// programs is the folder of our programs, built once.
var programs string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "settlehook-k8s-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/receiver", "./cmd/worker", "./cmd/settlehook")
	build.Dir = testserver.Root()
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	programs = dir
	return m.Run()
}

// tool is a program that `make test-k8s` builds.
func tool(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(testserver.Root(), ".cache", "k8s", "bin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not built; run 'make k8s-tools' once (the first time takes half an hour), then test again", name)
	}
	return path
}

// moduleDir is where the source of a module of ./tools lies: its files are the
// definitions of objects.
func moduleDir(t testing.TB, tools, module string) string {
	t.Helper()
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	list.Dir = filepath.Join("tools", tools)
	dir, err := list.Output()
	if err != nil || len(dir) < 2 {
		t.Fatalf("%s is not there: %v; run 'make k8s-tools' once, then test again", module, err)
	}
	return string(dir[:len(dir)-1])
}

// patience bounds every wait on a busy machine; no test is meant to need it.
const patience = 2 * time.Minute

// await waits until something holds; state says how far it came.
func await(t testing.TB, what string, holds func() bool, state func() string) {
	t.Helper()
	if !within(patience, holds) {
		t.Fatalf("not within %s: %s\n%s", patience, what, state())
	}
}

// within reports whether something comes to hold in that time.
func within(limit time.Duration, holds func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			return false
		case <-tick.C:
		}
	}
	return true
}

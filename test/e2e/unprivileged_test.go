package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/pkg/events"
)

// nobody is the image's user. Only root can become another one; where the tests
// run as somebody else, that is who the programs run as, and no root either.
func nobody() *syscall.Credential {
	if os.Getuid() != 0 {
		return &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid()), NoSetGroups: true}
	}
	return &syscall.Credential{Uid: 65532, Gid: 65532}
}

// unwritable is an empty folder that nobody but root can write to.
func unwritable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	return dir
}

// TestProgramsRunUnprivileged: receiver and worker need no privilege, and write
// no file: in a folder without write permission, with no home and nowhere for
// temporary files, an order goes all the way.
func TestProgramsRunUnprivileged(t *testing.T) {
	w := newWorld(t, 0)
	for path := filepath.Dir(w.env["MERCHANTS_FILE"]); path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil { // the folders of the test are its own
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]os.FileMode{binaries: 0o755, w.env["MERCHANTS_FILE"]: 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	w.env["HOME"], w.env["TMPDIR"] = "/nonexistent", "/nonexistent"
	w.receiver = startProgramAs(t, "receiver", w.env, nobody())
	w.workers = append(w.workers, startProgramAs(t, "worker", w.env, nobody()))

	record := w.quietOrders(alice, sandbox.Change{Action: sandbox.Settle, Silent: true}, "A1")[0]
	if status, answer := w.post("collect", alice, "application/json", pushOf(record).body(alice)); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	w.await("settled", func() bool {
		chain := w.ledger().of(alice, "A1")
		return len(chain) == 1 && chain[0].Outcome() == events.OutcomeSettled
	})
}

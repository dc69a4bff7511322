package architecture_test

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestModules reads every module of the tree: those of make test-k8s are built on
// few machines, and one that go can't read would be found there only.
func TestModules(t *testing.T) {
	read := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.Name() != "go.mod" && d.Name() != "tools.mod":
			return nil
		}
		read++
		if out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 3 {
		t.Errorf("only %d modules were found", read)
	}
}

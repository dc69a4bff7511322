package testserver

import (
	"os"
	"path/filepath"
	"testing"
)

// Axe is the script of axe-core, which finds what of a page not everybody can use.
func Axe(t testing.TB) string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(Root(), ".cache", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("axe-core is not installed; run 'make tools' once, then test again: %v", err)
	}
	return string(script)
}

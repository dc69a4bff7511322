package architecture_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root   = "../.." // of the source tree
	module = "github.com/settlehook/settlehook/"
)

// node is a package with what it imports.
type node struct {
	ImportPath string
	Standard   bool // of the standard library
	Imports    []string
}

// graph is every package that the programs are built of, tests apart.
type graph map[string]node

// load asks the go command.
func load(t *testing.T) graph {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports", "./...")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	g := graph{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var n node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		g[n.ImportPath] = n
	}
}

// ours are the project's own packages under a folder, "" for all, by their path
// in the source tree.
func (g graph) ours(folder string) []string {
	var paths []string
	for path := range g {
		if p, ok := strings.CutPrefix(path, module); ok && under(p, folder) {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

// under reports whether a package is a folder's, or the folder itself.
func under(path, folder string) bool {
	return folder == "" || path == folder || strings.HasPrefix(path, folder+"/")
}

// short is a package of ours by its path in the source tree, another as it is.
func short(path string) string { return strings.TrimPrefix(path, module) }

// find returns the first way along imports from one of our packages to a
// package that is banned, as a chain to read; "" if there is none. The standard
// library's own imports are not followed.
func (g graph) find(from string, banned func(path string) bool) string {
	type step struct{ path, way string }
	seen := map[string]bool{}
	for queue := []step{{module + from, from}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, path := range g[at.path].Imports {
			way := at.way + " → " + short(path)
			if banned(path) {
				return way
			}
			if !seen[path] && !g[path].Standard {
				seen[path] = true
				queue = append(queue, step{path, way})
			}
		}
	}
	return ""
}

// calls lists where a source file calls a function or method of these names,
// as "file:line: name".
func calls(fset *token.FileSet, file *ast.File, matches func(*ast.SelectorExpr) bool) []string {
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && matches(s) {
			at := fset.Position(s.Pos())
			found = append(found, fmt.Sprintf("%s:%d: %s", at.Filename, at.Line, s.Sel.Name))
		}
		return true
	})
	return found
}

// sources parses every source file that is no test under a folder, and calls
// visit with its path in the source tree.
func sources(t *testing.T, folder string, visit func(path string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		visit(filepath.ToSlash(rel), fset, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

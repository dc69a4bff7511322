// Package docs_test holds the documentation true to the code.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/pkg/events"
)

const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// files lists the files of the source tree whose name ends so.
func files(t *testing.T, suffix string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"data", "bin", "testdata", "node_modules"}, d.Name())):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, suffix):
			relative, err := filepath.Rel(root, path)
			paths = append(paths, relative)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func text(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(literal.Value)
	return s, err == nil
}

// constants lists the values of the string constants whose name begins so.
func constants(t *testing.T, path, prefix string) []string {
	t.Helper()
	var values []string
	ast.Inspect(parse(t, path), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			if i < len(spec.Values) && strings.HasPrefix(name.Name, prefix) {
				if value, ok := text(spec.Values[i]); ok {
					values = append(values, value)
				}
			}
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants that begin with %s", path, prefix)
	}
	return values
}

func TestReasonsAreDocumented(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ code, prefix, doc string }{
		{"internal/reconcile/reason.go", "Reason", "docs/decisions.md"},
		{"internal/receiver/refusal.go", "reason", "docs/operations.md"},
		{"pkg/sign/errors.go", "Reason", "docs/operations.md"},
	} {
		doc := read(t, test.doc)
		for _, reason := range constants(t, test.code, test.prefix) {
			if !strings.Contains(doc, "`"+reason+"`") {
				t.Errorf("reason %q of %s is not in %s", reason, test.code, test.doc)
			}
		}
	}
}

// Every reason that the table of decisions names must exist.
func TestDecisionTableNamesRealReasons(t *testing.T) {
	t.Parallel()
	known := constants(t, "internal/reconcile/reason.go", "Reason")
	rows := regexp.MustCompile("(?m)^\\|.*\\| `([a-z_]+)` \\|$").FindAllStringSubmatch(read(t, "docs/decisions.md"), -1)
	if len(rows) < 30 {
		t.Fatalf("the table has %d rows with reasons: has its form changed?", len(rows))
	}
	for _, row := range rows {
		if !slices.Contains(known, row[1]) {
			t.Errorf("the table names %q, which is no reason", row[1])
		}
	}
}

const metricPrefix = "settlehook_"

// metrics lists the names of the metrics that the code declares: Name in the
// options of package prometheus, and the first argument of the local helpers
// that build them.
func metrics(t *testing.T) []string {
	t.Helper()
	var names []string
	add := func(e ast.Expr) {
		if name, ok := text(e); ok {
			names = append(names, metricPrefix+strings.TrimPrefix(name, metricPrefix))
		}
	}
	for _, path := range files(t, ".go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		ast.Inspect(parse(t, path), func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if isOptions(n.Type) {
					for _, field := range n.Elts {
						if pair, ok := field.(*ast.KeyValueExpr); ok && isNamed(pair.Key, "Name") {
							add(pair.Value)
						}
					}
				}
			case *ast.CallExpr:
				if len(n.Args) > 1 && (isNamed(n.Fun, "counter") || isNamed(n.Fun, "histogram") || isNamed(n.Fun, "gauge")) {
					add(n.Args[0])
				}
			}
			return true
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isOptions(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && isNamed(s.X, "prometheus") && strings.HasSuffix(s.Sel.Name, "Opts")
}

func isNamed(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(settlehook_[a-z_]+)` \\|").FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(documented)
	declared := metrics(t)
	for _, name := range declared {
		if !slices.Contains(documented, name) {
			t.Errorf("metric %s is not in docs/operations.md", name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(declared, name) {
			t.Errorf("docs/operations.md lists %s, which no code declares", name)
		}
	}
}

// Every event shown is one that pkg/events accepts.
func TestExampleEventsAreValid(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(read(t, "docs/events.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("docs/events.md shows no event")
	}
	for _, block := range blocks {
		_, err := events.Decode([]byte(block[1]))
		if strings.Contains(block[1], `"type": "settlehook.order.`) {
			_, err = events.DecodeOrder([]byte(block[1]))
		}
		if strings.Contains(block[1], `"type": "settlehook.balance.`) {
			_, err = events.DecodeBalance([]byte(block[1]))
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
	}
}

// A setting that a page names must be one of the configuration, or a variable of
// the NATS servers' or of the Makefile's.
func TestSettingsExist(t *testing.T) {
	t.Parallel()
	configuration := read(t, "docs/configuration.md")
	others := regexp.MustCompile(`\b[A-Z]+(?:_[A-Z]+)+\b`).FindAllString(read(t, "deploy/nats/permissions.conf")+read(t, "Makefile"), -1)
	setting := regexp.MustCompile("`([A-Z]+(?:_[A-Z]+)+)[=`]")
	for _, path := range files(t, ".md") {
		for _, m := range setting.FindAllStringSubmatch(read(t, path), -1) {
			if !strings.Contains(configuration, "`"+m[1]+"`") && !slices.Contains(others, m[1]) {
				t.Errorf("%s names %s, which is not in docs/configuration.md", path, m[1])
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code    = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

func TestLinksResolve(t *testing.T) {
	t.Parallel()
	for _, path := range files(t, ".md") {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, path), ""), -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if fragment != "" && !slices.Contains(anchors(read(t, to)), fragment) {
				t.Errorf("%s links to %s, but %s has no such heading", path, m[1], to)
			}
		}
	}
}

// anchors are the headings of a page as they are linked to.
func anchors(page string) []string {
	var list []string
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		kept := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			default:
				return -1
			}
		}, strings.ToLower(m[1]))
		list = append(list, kept)
	}
	return list
}

// TestMischiefIsDocumented: whoever meets a mischief finds out what it was.
func TestMischiefIsDocumented(t *testing.T) {
	page := read(t, "docs/sandbox.md")
	for _, m := range sandbox.Mischiefs() {
		row := "\n| `" + string(m) + "` | " + strconv.FormatFloat(sandbox.Hostile()[m], 'f', -1, 64)
		if !strings.Contains(page, row+" |") && !strings.Contains(page, row+"0 |") {
			t.Errorf("docs/sandbox.md has no row %q", row)
		}
	}
}

// Command protections shows that the tests would notice if one of the system's
// protections were gone. In a copy of the module it takes away one after the
// other, by a small exact edit of the source, and expects the tests that are
// named for it to fail; before that it expects them to pass.
//
// Where two protections overlap, either alone would keep the promise: such an
// entry takes both away.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	only := flag.String("only", "", "a regular expression: the protections to take away")
	verbose := flag.Bool("v", false, "show what the tests print")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err == nil {
		err = run(os.Stdout, match, *verbose)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "protections:", err)
		os.Exit(1)
	}
}

// copyFolder is below the build's own folder, so that a second run finds what the
// first has built.
const copyFolder = ".cache/protections"

func run(out io.Writer, only *regexp.Regexp, verbose bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	c := &sources{from: root, folder: filepath.Join(root, copyFolder), out: io.Discard}
	if verbose {
		c.out = out
	}
	if err := c.fill(); err != nil {
		return fmt.Errorf("copy the module: %w", err)
	}
	chosen := slices.DeleteFunc(slices.Clone(protections), func(p protection) bool { return !only.MatchString(p.name) })
	if err := c.green(out, chosen); err != nil {
		return err
	}
	var missed []string
	for _, p := range chosen {
		begun := time.Now()
		silent, err := c.red(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		for _, t := range p.tests {
			verdict := "red"
			if slices.Contains(silent, t) {
				verdict = "GREEN: not noticed"
				missed = append(missed, p.name+" by "+t.name)
			}
			fmt.Fprintf(out, "%-46s %-38s %s\n", p.name, t.name, verdict)
		}
		fmt.Fprintf(out, "%-46s %s\n", "", time.Since(begun).Round(time.Second))
	}
	if len(missed) > 0 {
		return fmt.Errorf("not noticed: %s", strings.Join(missed, ", "))
	}
	return nil
}

func moduleRoot() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(mod))), nil
}

// sources is the copy of the module.
type sources struct {
	from, folder string
	out          io.Writer
}

// fill makes the copy anew. What begins with a dot is left out; the servers that
// tests start are lent.
func (c *sources) fill() error {
	if err := os.RemoveAll(c.folder); err != nil {
		return err
	}
	err := filepath.WalkDir(c.from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(c.from, path)
		if err != nil {
			return err
		}
		switch {
		case name != "." && strings.HasPrefix(d.Name(), "."), name == "data", d.Name() == "node_modules":
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(c.folder, name), 0o750)
		case !d.Type().IsRegular():
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(c.folder, name), body, 0o600)
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(c.folder, ".cache"), 0o750); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(c.from, ".cache", "bin"), filepath.Join(c.folder, ".cache", "bin"))
}

// green expects every named test to pass as long as nothing is taken away.
func (c *sources) green(out io.Writer, chosen []protection) error {
	seen := map[string]bool{}
	for _, p := range chosen {
		for _, t := range p.tests {
			if seen[t.pkg+t.name] {
				continue
			}
			seen[t.pkg+t.name] = true
			if printed, err := c.test(t); err != nil {
				return fmt.Errorf("%s fails although nothing is taken away:\n%s", t.name, printed)
			}
		}
	}
	fmt.Fprintf(out, "%d tests pass as long as nothing is taken away\n", len(seen))
	return nil
}

// red takes a protection away, and returns the tests that don't notice.
func (c *sources) red(p protection) (silent []test, err error) {
	restore := map[string][]byte{}
	defer func() {
		for path, body := range restore {
			err = errors.Join(err, os.WriteFile(path, body, 0o600))
		}
	}()
	for _, e := range p.edits {
		path := filepath.Join(c.folder, e.file)
		body, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if _, kept := restore[path]; !kept {
			restore[path] = body
		}
		edited, err := e.apply(string(body))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
			return nil, err
		}
	}
	for _, t := range p.tests {
		printed, err := c.test(t)
		switch {
		case err == nil:
			silent = append(silent, t)
		case !strings.Contains(printed, "--- FAIL: "+t.root()):
			return nil, fmt.Errorf("%s did not run:\n%s", t.name, printed)
		}
	}
	return silent, nil
}

// test runs one test in the copy.
func (c *sources) test(t test) (printed string, err error) {
	names := strings.Split(t.name, "/")
	for i, name := range names {
		names[i] = "^" + regexp.QuoteMeta(name) + "$"
	}
	args := append([]string{"test", "-count=1", "-timeout=10m", "-run", strings.Join(names, "/"), "./" + t.pkg}, t.args()...)
	cmd := exec.Command("go", args...)
	cmd.Dir = c.folder
	body, err := cmd.CombinedOutput()
	_, _ = c.out.Write(body)
	if err == nil && strings.Contains(string(body), "no tests to run") {
		err = fmt.Errorf("there is no test %s in %s", t.name, t.pkg)
	}
	return string(body), err
}

//go:build soak

package soak

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// write puts the report into the table of a Markdown file, in the place of the
// last one of its name. An empty path writes nothing.
func (r *report) write(path string) error {
	if path == "" {
		return nil
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := []byte("<!-- reports -->\n"), []byte("<!-- /reports -->")
	head, rest, found := bytes.Cut(old, begin)
	body, tail, ended := bytes.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no %s … %s", path, bytes.TrimSpace(begin), end)
	}
	// The table lies on its side: a column for each run.
	runs := map[string][]string{}
	for i, line := range strings.Split(strings.TrimSpace(string(body)), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if i == 1 || len(cells) < 2 {
			continue // the rule below the header
		}
		for n, cell := range cells[1:] {
			name := fmt.Sprint(n)
			runs[name] = append(runs[name], strings.TrimSpace(cell))
		}
	}
	var all [][]string
	for _, n := range slices.Sorted(maps.Keys(runs)) {
		if len(runs[n]) == len(columns) && runs[n][0] != r.name {
			all = append(all, runs[n])
		}
	}
	all = append(all, r.cells())
	slices.SortStableFunc(all, func(a, b []string) int { return strings.Compare(b[0], a[0]) })
	var table strings.Builder
	for i, name := range columns {
		table.WriteString("| " + name)
		for _, cells := range all {
			table.WriteString(" | " + cells[i])
		}
		table.WriteString(" |\n")
		if i == 0 {
			table.WriteString("|" + strings.Repeat("---|", len(all)+1) + "\n")
		}
	}
	// A new slice: the parts share the old file's memory.
	return os.WriteFile(path, slices.Concat(head, begin, []byte(table.String()), end, tail), 0o644)
}

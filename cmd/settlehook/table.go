package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/settlehook/settlehook/internal/plain"
)

// table writes rows under a head, a page at a time, however many they are. What
// outsiders wrote cannot reach the terminal in it.
type table struct {
	out     io.Writer
	widths  []int
	rows    [][]string
	written bool // the head is
}

// tablePage is how many rows share the widths of their columns.
const tablePage = 100

func newTable(out io.Writer, head ...string) *table {
	t := &table{out: out, widths: make([]int, len(head))}
	t.keep(head)
	return t
}

func (t *table) keep(cells []string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		if c == "" {
			c = "-"
		}
		row[i] = plain.Line(c)
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(row[i]))
	}
	t.rows = append(t.rows, row)
}

// row adds a row, with a cell for each column.
func (t *table) row(cells ...string) error {
	t.keep(cells)
	if len(t.rows) <= tablePage {
		return nil
	}
	return t.flush()
}

// flush writes what is there. A head alone is not worth a line.
func (t *table) flush() error {
	if !t.written && len(t.rows) == 1 {
		return nil
	}
	var b strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			fmt.Fprintf(&line, "%-*s", t.widths[i], cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	t.rows, t.written = t.rows[:0], true
	_, err := io.WriteString(t.out, b.String())
	return err
}

package statement

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// FileError is a fault in a file of finance: where it is, and what is wrong.
type FileError struct {
	Name string // of the file
	Line int    // from 1; 0: the whole
	Err  error
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("%s, line %d: %v", e.Name, e.Line, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// tableReader reads a CSV with a head, line by line, by the names of its columns.
type tableReader struct {
	name  string
	csv   *csv.Reader
	index map[string]int
	row   []string
	line  int
}

// openTable reads the head. Every wanted column must be there, once.
func openTable(name string, r io.Reader, delimiter rune, wanted []string) (*tableReader, error) {
	t := &tableReader{name: name, csv: csv.NewReader(noBOM(r)), index: map[string]int{}}
	t.csv.Comma, t.csv.ReuseRecord = delimiter, true
	head, err := t.csv.Read()
	if err != nil {
		return nil, &FileError{name, 1, fmt.Errorf("it has no head: %w", err)}
	}
	for i, column := range head {
		column = strings.TrimSpace(column)
		if _, twice := t.index[column]; twice && slices.Contains(wanted, column) {
			return nil, &FileError{name, 1, fmt.Errorf("there are two columns %q", column)}
		}
		t.index[column] = i
	}
	for _, column := range wanted {
		if _, there := t.index[column]; !there {
			return nil, &FileError{name, 1, fmt.Errorf("there is no column %q; it has %q", column, strings.Join(head, ", "))}
		}
	}
	return t, nil
}

// next reads a line; io.EOF is the end.
func (t *tableReader) next() (err error) {
	t.row, err = t.csv.Read()
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	t.line, _ = t.csv.FieldPos(0)
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return &FileError{t.name, syntax.Line, syntax.Err}
	}
	return err
}

// cell is a column of the line, without white space around it; "" where there is
// no such column.
func (t *tableReader) cell(column string) string {
	i, there := t.index[column]
	if column == "" || !there {
		return ""
	}
	return strings.TrimSpace(t.row[i])
}

func (t *tableReader) fault(format string, args ...any) error {
	return &FileError{t.name, t.line, fmt.Errorf(format, args...)}
}

// noBOM skips the mark that Excel writes before UTF-8.
func noBOM(r io.Reader) io.Reader {
	head := make([]byte, 3)
	n, err := io.ReadFull(r, head)
	if err != nil || !bytes.Equal(head, []byte("\xEF\xBB\xBF")) {
		return io.MultiReader(bytes.NewReader(head[:n]), r)
	}
	return r
}

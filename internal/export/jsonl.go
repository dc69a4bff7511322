package export

import (
	"bufio"
	"io"

	"github.com/settlehook/settlehook/internal/finance"
)

// jsonlWriter writes an object on each line.
type jsonlWriter struct {
	out     *bufio.Writer
	columns []finance.Column
	line    []byte
}

func newJSONL(out io.Writer, columns []finance.Column) *jsonlWriter {
	return &jsonlWriter{out: bufio.NewWriterSize(out, 1<<16), columns: columns}
}

// Line implements Writer.
func (w *jsonlWriter) Line(l finance.Line) error {
	w.line = finance.JSONLine(w.line[:0], w.columns, l)
	_, err := w.out.Write(w.line)
	return err
}

// Close implements Writer.
func (w *jsonlWriter) Close([]finance.Total) error { return w.out.Flush() }

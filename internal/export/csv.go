package export

import (
	"encoding/csv"
	"io"

	"github.com/settlehook/settlehook/internal/finance"
)

// csvWriter writes RFC 4180 with a head, in UTF-8, lines ended by LF.
type csvWriter struct {
	out     *csv.Writer
	columns []finance.Column
	row     []string
}

func newCSV(out io.Writer, columns []finance.Column) (*csvWriter, error) {
	w := &csvWriter{out: csv.NewWriter(out), columns: columns}
	for _, c := range columns {
		w.row = append(w.row, c.Name)
	}
	return w, w.out.Write(w.row)
}

// Line implements Writer.
func (w *csvWriter) Line(l finance.Line) error {
	for i, c := range w.columns {
		w.row[i] = cellCSV(c.Kind, c.Cell(l))
	}
	return w.out.Write(w.row)
}

// Close implements Writer.
func (w *csvWriter) Close([]finance.Total) error {
	w.out.Flush()
	return w.out.Error()
}

func totalsCSV(to io.Writer, columns []finance.TotalColumn, totals []finance.Total) error {
	out := csv.NewWriter(to)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.Name
	}
	_ = out.Write(row) // Error tells
	for _, t := range totals {
		for i, c := range columns {
			row[i] = cellCSV(c.Kind, c.Cell(t))
		}
		_ = out.Write(row)
	}
	out.Flush()
	return out.Error()
}

func cellCSV(k finance.Kind, cell string) string {
	if k == finance.Text {
		return finance.InertCSV(cell)
	}
	return cell
}

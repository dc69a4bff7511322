// Package export writes the lines and control totals of internal/finance as CSV,
// JSON lines or an Excel workbook. The same lines make the same bytes.
package export

import (
	"fmt"
	"io"

	"github.com/settlehook/settlehook/internal/finance"
)

// Format is how an export is written.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	JSONL Format = "jsonl"
	XLSX  Format = "xlsx"
)

// Writer writes an export, one line after the other.
type Writer interface {
	// Line writes a line.
	Line(finance.Line) error
	// Close ends the export. A workbook holds the totals, too; the others leave
	// them to [WriteTotals].
	Close([]finance.Total) error
}

// NewWriter returns a writer to out in the columns of a layout.
func NewWriter(f Format, out io.Writer, l finance.Layout) (Writer, error) {
	columns := finance.Columns(l)
	if columns == nil {
		return nil, fmt.Errorf("the period was closed with layout %d, which this version does not know: use a newer one", l)
	}
	switch f {
	case CSV:
		return newCSV(out, columns)
	case JSONL:
		return newJSONL(out, columns), nil
	case XLSX:
		return newXLSX(out, columns, finance.TotalColumns(l), sheetRows)
	default:
		return nil, fmt.Errorf("unknown format %q", f)
	}
}

// WriteTotals writes control totals as CSV or JSON lines.
func WriteTotals(f Format, out io.Writer, l finance.Layout, totals []finance.Total) error {
	columns := finance.TotalColumns(l)
	if f == JSONL {
		var line []byte
		for _, t := range totals {
			line = finance.JSONTotal(line[:0], columns, t)
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
		return nil
	}
	return totalsCSV(out, columns, totals)
}

package export

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/settlehook/settlehook/internal/finance"
)

// sheetRows is how many rows a sheet holds, its head included (ECMA-376, and what
// Excel opens).
const sheetRows = excelize.TotalRows

// Sheets of a workbook. Lines that don't fit into one go on in "Events 2".
const (
	totalsSheet = "Totals"
	eventsSheet = "Events"
)

// exactDigits is how many significant digits a number of a workbook keeps: it is
// read as IEEE 754 double precision. A longer amount stays text, which is exact and
// is not added up by a formula.
const exactDigits = 15

// xlsxWriter writes a workbook: the control totals first, then the lines. Rows go
// to temporary files as they come, so that memory stays small.
type xlsxWriter struct {
	out     io.Writer
	book    *excelize.File
	columns []finance.Column
	totals  []finance.TotalColumn
	most    int // rows of a sheet

	sheet  *excelize.StreamWriter
	sheets int
	row    int
	cells  []any
	money  int // styles
	head   int
}

func newXLSX(out io.Writer, columns []finance.Column, totals []finance.TotalColumn, most int) (*xlsxWriter, error) {
	w := &xlsxWriter{out: out, book: excelize.NewFile(), columns: columns, totals: totals, most: most, cells: make([]any, len(columns))}
	if err := w.begin(); err != nil {
		_ = w.book.Close()
		return nil, fmt.Errorf("begin the workbook: %w", err)
	}
	return w, nil
}

func (w *xlsxWriter) begin() (err error) {
	// The moment of writing would make other bytes each time.
	const never = "2000-01-01T00:00:00Z"
	if err := w.book.SetDocProps(&excelize.DocProperties{Creator: "settlehook", Created: never, Modified: never}); err != nil {
		return err
	}
	if err := w.book.SetSheetName(w.book.GetSheetName(0), totalsSheet); err != nil {
		return err
	}
	format := "0.00##"
	if w.money, err = w.book.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
		return err
	}
	if w.head, err = w.book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return err
	}
	return w.next()
}

// next begins a further sheet of lines.
func (w *xlsxWriter) next() error {
	if err := w.flush(); err != nil {
		return err
	}
	w.sheets++
	name := eventsSheet
	if w.sheets > 1 {
		name += " " + strconv.Itoa(w.sheets)
	}
	if _, err := w.book.NewSheet(name); err != nil {
		return err
	}
	names := make([]string, len(w.columns))
	for i, c := range w.columns {
		names[i] = c.Name
	}
	return w.open(name, names)
}

// open begins to write a sheet, with its head.
func (w *xlsxWriter) open(name string, columns []string) (err error) {
	if w.sheet, err = w.book.NewStreamWriter(name); err != nil {
		return err
	}
	if err := w.sheet.SetColWidth(1, len(columns), 18); err != nil {
		return err
	}
	if err := w.sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	head := make([]any, len(columns))
	for i, c := range columns {
		head[i] = excelize.Cell{StyleID: w.head, Value: c}
	}
	w.row = 0
	return w.put(head)
}

func (w *xlsxWriter) put(cells []any) error {
	w.row++
	return w.sheet.SetRow("A"+strconv.Itoa(w.row), cells)
}

func (w *xlsxWriter) flush() error {
	if w.sheet == nil {
		return nil
	}
	return w.sheet.Flush()
}

// Line implements Writer.
func (w *xlsxWriter) Line(l finance.Line) error {
	if w.row == w.most {
		if err := w.next(); err != nil {
			return fmt.Errorf("begin a sheet: %w", err)
		}
	}
	for i, c := range w.columns {
		w.cells[i] = w.cell(c.Kind, c.Cell(l))
	}
	return w.put(w.cells)
}

// cell is a value of the workbook.
func (w *xlsxWriter) cell(k finance.Kind, text string) any {
	if text == "" {
		return nil
	}
	switch k {
	case finance.Money:
		if digits(text) > exactDigits {
			return text
		}
		value, _ := strconv.ParseFloat(text, 64) // of so few digits: the same decimal comes back
		return excelize.Cell{StyleID: w.money, Value: value}
	case finance.Number:
		if digits(text) > exactDigits {
			return text
		}
		value, _ := strconv.ParseInt(text, 10, 64)
		return value
	case finance.Bool:
		return text == "true"
	case finance.Text:
		return finance.Inert(text)
	default:
		return text
	}
}

// digits counts the significant digits.
func digits(number string) int {
	return len(strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(number, "-"), ".", ""), "0"))
}

// Close implements Writer.
func (w *xlsxWriter) Close(totals []finance.Total) (err error) {
	defer func() {
		if closeErr := w.book.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := w.writeTotals(totals); err != nil {
		return fmt.Errorf("write the totals: %w", err)
	}
	_, err = w.book.WriteTo(w.out)
	return err
}

func (w *xlsxWriter) writeTotals(totals []finance.Total) error {
	if err := w.flush(); err != nil {
		return err
	}
	names := make([]string, len(w.totals))
	for i, c := range w.totals {
		names[i] = c.Name
	}
	if err := w.open(totalsSheet, names); err != nil {
		return err
	}
	cells := make([]any, len(w.totals))
	for _, t := range totals {
		for i, c := range w.totals {
			cells[i] = w.cell(c.Kind, c.Cell(t))
		}
		if err := w.put(cells); err != nil {
			return err
		}
	}
	return w.flush()
}

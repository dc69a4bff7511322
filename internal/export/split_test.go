package export

import (
	"bytes"
	"slices"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// TestWorkbookSplits goes on in a further sheet where one is full.
func TestWorkbookSplits(t *testing.T) {
	var out bytes.Buffer
	w, err := newXLSX(&out, finance.Columns(1), finance.TotalColumns(1), 4)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		e := events.Event{Data: events.Settled{Payment: events.Payment{Amount: events.MustParseAmount("123456789012345.1234")}}}
		if err := w.Line(finance.Line{Sequence: uint64(i + 1), Event: e}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	if got := book.GetSheetList(); !slices.Equal(got, []string{"Totals", "Events", "Events 2", "Events 3"}) {
		t.Fatalf("the sheets are %v", got)
	}
	var sequences []string
	for _, sheet := range book.GetSheetList()[1:] {
		rows, err := book.GetRows(sheet)
		if err != nil || len(rows) > 4 || rows[0][0] != "sequence" {
			t.Fatalf("%s has %d rows, %v", sheet, len(rows), err)
		}
		for _, row := range rows[1:] {
			sequences = append(sequences, row[0])
			if row[13] != "123456789012345.1234" { // more digits than a number of a workbook keeps
				t.Errorf("the amount is %s", row[13])
			}
		}
	}
	if !slices.Equal(sequences, []string{"1", "2", "3", "4", "5", "6", "7"}) {
		t.Errorf("the lines are %v", sequences)
	}
}

package export_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/settlehook/settlehook/internal/export"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// hostile are order ids, remarks and references that a spreadsheet would run, or
// turn into something else.
var hostile = []struct{ remark, utr string }{
	{`=HYPERLINK("http://evil.example","x")`, "012345678901"},
	{"+1+1", "236130395249311744"},
	{"-2", "1E5"},
	{"@SUM(A1)", "3/4"},
	{"a,\"b\"\n=c", ""},
	{"'quoted", "UTIB0000012"},
	{"<script>alert(1)</script>", "2026-11-05"},
	{"", "x"},
}

func lines(t testing.TB) []finance.Line {
	t.Helper()
	var all []finance.Line
	for i, h := range hostile {
		e, err := events.New("prod", time.Date(2026, 11, 5, 12, 0, i, 0, time.UTC), events.Settled{Payment: events.Payment{
			Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect, Merchant: "m1", Account: "8801",
			OrderID: fmt.Sprintf("%018d", i), Amount: events.MustParseAmount("1000.10"), Fee: events.MustParseAmount("0.1"),
			Net: events.MustParseAmount("1000"), Currency: "INR", BookingDate: "2026-11-05", Remark: h.remark, UTR: h.utr,
		}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, finance.Line{Sequence: uint64(i + 1), StoredAt: e.Time, Event: e})
	}
	return all
}

// written is an export of lines.
func written(t testing.TB, f export.Format, lines []finance.Line) ([]byte, []finance.Total) {
	t.Helper()
	var out bytes.Buffer
	w, err := export.NewWriter(f, &out, 1)
	if err != nil {
		t.Fatal(err)
	}
	var totals finance.Totals
	for _, l := range lines {
		totals.Add(l)
		if err := w.Line(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(totals.List()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), totals.List()
}

func TestSameLinesSameBytes(t *testing.T) {
	all := lines(t)
	for _, f := range []export.Format{export.CSV, export.JSONL, export.XLSX} {
		first, _ := written(t, f, all)
		for range 5 {
			if again, _ := written(t, f, all); !bytes.Equal(first, again) {
				t.Errorf("%s: other bytes", f)
			}
		}
		if other, _ := written(t, f, all[1:]); bytes.Equal(first, other) {
			t.Errorf("%s: other lines make the same bytes", f)
		}
	}
}

// TestCSV reads the file back as a program would, and looks at every cell as a
// spreadsheet would.
func TestCSV(t *testing.T) {
	all := lines(t)
	body, totals := written(t, export.CSV, all)
	rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil || len(rows) != len(all)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for n, row := range rows[1:] {
		for i, c := range finance.Columns(1) {
			cell := row[i]
			want := c.Cell(all[n])
			if c.Kind != finance.Text {
				if cell != want {
					t.Errorf("row %d, %s: %q, want %q", n, c.Name, cell, want)
				}
				continue
			}
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("row %d, %s: a spreadsheet runs %q", n, c.Name, cell)
			}
			if back, _ := strings.CutPrefix(cell, "'"); back != want {
				t.Errorf("row %d, %s: %q comes back as %q", n, c.Name, want, back)
			}
		}
		if row[9] != fmt.Sprintf("'%018d", n) {
			t.Errorf("a spreadsheet rounds the order id %s", row[9])
		}
	}
	var sums bytes.Buffer
	if err := export.WriteTotals(export.CSV, &sums, 1, totals); err != nil {
		t.Fatal(err)
	}
	const want = `merchant,currency,livemode,flow,booking_date,outcome,direction,count,gross,fee,net,without_fee,without_net
m1,INR,false,collect,2026-11-05,settled,credit,8,8000.80,0.80,8000.00,0,0
`
	if diff := cmp.Diff(want, sums.String()); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
}

func TestJSONTotals(t *testing.T) {
	_, totals := written(t, export.JSONL, lines(t))
	var sums bytes.Buffer
	if err := export.WriteTotals(export.JSONL, &sums, 1, totals); err != nil {
		t.Fatal(err)
	}
	const want = `{"merchant":"m1","currency":"INR","livemode":false,"flow":"collect","booking_date":"2026-11-05","outcome":"settled",` +
		`"direction":"credit","count":8,"gross":"8000.80","fee":"0.80","net":"8000.00","without_fee":0,"without_net":0}` + "\n"
	if diff := cmp.Diff(want, sums.String()); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
}

// TestWorkbook reads the workbook back: text stays text, and numbers add up.
func TestWorkbook(t *testing.T) {
	all := lines(t)
	body, _ := written(t, export.XLSX, all)
	book, err := excelize.OpenReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if got := book.GetSheetList(); !cmp.Equal(got, []string{"Totals", "Events"}) {
		t.Errorf("the sheets are %v", got)
	}
	for n, l := range all {
		for i, c := range finance.Columns(1) {
			name, err := excelize.CoordinatesToCellName(i+1, n+2)
			if err != nil {
				t.Fatal(err)
			}
			want := c.Cell(l)
			kind, err := book.GetCellType("Events", name)
			if err != nil {
				t.Fatal(err)
			}
			value, err := book.GetCellValue("Events", name, excelize.Options{RawCellValue: true})
			if err != nil {
				t.Fatal(err)
			}
			if formula, err := book.GetCellFormula("Events", name); err != nil || formula != "" {
				t.Errorf("%s is a formula: %s, %v", name, formula, err)
			}
			switch {
			case want == "":
				if value != "" {
					t.Errorf("%s %s: %q where nothing is known", name, c.Name, value)
				}
			case c.Kind == finance.Text:
				if kind != excelize.CellTypeInlineString || value != finance.Inert(want) {
					t.Errorf("%s %s: %q of type %v, want the text %q", name, c.Name, value, kind, want)
				}
			case c.Kind == finance.Money:
				if kind != excelize.CellTypeUnset && kind != excelize.CellTypeNumber || strings.TrimRight(want, "0.") != strings.TrimRight(value, "0.") {
					t.Errorf("%s %s: %q of type %v, want the number %s", name, c.Name, value, kind, want)
				}
			}
		}
	}
	if err := book.SetCellFormula("Totals", "Z1", "=SUM(Events!N2:N9)"); err != nil {
		t.Fatal(err)
	}
	if sum, err := book.CalcCellValue("Totals", "Z1"); err != nil || sum != "8000.8" {
		t.Errorf("the amounts add up to %s, %v", sum, err)
	}
	if gross, err := book.GetCellValue("Totals", "I2", excelize.Options{RawCellValue: true}); err != nil || gross != "8000.8" {
		t.Errorf("the total is %s, %v", gross, err)
	}
}

func TestUnknownLayout(t *testing.T) {
	if _, err := export.NewWriter(export.CSV, io.Discard, 99); err == nil {
		t.Error("a layout that nobody knows is written")
	}
	if _, err := export.NewWriter("pdf", io.Discard, 1); err == nil {
		t.Error("a format that nobody knows is written")
	}
}

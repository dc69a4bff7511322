package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/export"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// exportCmd hands the ledger to finance.
type exportCmd struct {
	dates
	Merchant merchantName  `placeholder:"ID" help:"Of this merchant; of all by default."`
	Flow     flowName      `predictor:"flow" placeholder:"FLOW" help:"Of this flow: collect or pay."`
	Outcome  []string      `placeholder:"NAME" enum:"settled,failed,reversed,expired,review,resolved" help:"Of this outcome: settled, failed, reversed, expired, review or resolved; several by a comma. All by default."`
	Format   export.Format `default:"csv" enum:"csv,xlsx,jsonl" help:"csv, xlsx or jsonl (${default})."`
	Out      string        `placeholder:"FILE" help:"Write to this file, and the control totals to FILE.totals.<format>; a workbook holds both. Standard output by default."`
	Totals   string        `placeholder:"FILE" help:"Write the control totals to this file."`
	Until    uint64        `placeholder:"SEQUENCE" help:"Leave out what the ledger got after this sequence: with it, the same export can be made again later."`
	Force    bool          `help:"Replace files that are there."`
}

// Help stands below the usage.
func (exportCmd) Help() string {
	return `One line for each event, in the order of the ledger: amounts are exact decimals in major currency
units, times are UTC, booking_date is the day in the merchant's time zone. The columns are a contract
(docs/finance.md). The same ledger gives the same bytes, a closed period for ever.

    settlehook export --from 2026-11-01 --to 2026-11-30 --out november.csv
    settlehook export --period 2026-11 --merchant m1001 --format xlsx --out november.xlsx
    settlehook export --from 2026-11-22 --outcome settled,reversed --format jsonl | jq .net

What it wrote is summed up on standard error. Text that a spreadsheet would run or turn into a number
gets an apostrophe before it in csv; jsonl has everything as it is. NATS_URL and what belongs to it are
environment variables (docs/configuration.md).`
}

// dates are the flags of which booking dates are meant.
type dates struct {
	From   string `placeholder:"DATE" help:"From this booking date, YYYY-MM-DD."`
	To     string `placeholder:"DATE" help:"Up to and with this booking date; the day of --from by default."`
	Period string `placeholder:"NAME" help:"Instead: a closed period, such as 2026-11, 2026-11-05 or 2026-11-01_2026-11-15."`
}

// chosen reads the flags. A period of the same dates has another name, but the
// same days.
func (d dates) chosen() (p finance.Period, closed bool, err error) {
	switch {
	case d.Period != "" && (d.From != "" || d.To != ""):
		err = errors.New("give --period, or --from and --to, not both")
	case d.Period != "":
		p, err = finance.ParsePeriod(d.Period)
		closed = true
	case d.From == "":
		err = errors.New("say which days: --from 2026-11-01 --to 2026-11-30, or --period 2026-11")
	default:
		p, err = finance.Between(d.From, d.To)
	}
	if err != nil {
		return p, closed, usageError{err}
	}
	return p, closed, nil
}

// Run exports.
func (c *exportCmd) Run(streams streams) error {
	period, isClosed, err := c.chosen()
	if err != nil {
		return err
	}
	if err := c.check(streams, isClosed); err != nil {
		return err
	}
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	s := export.Selection{Merchant: string(c.Merchant), Flow: events.Flow(c.Flow), Dates: period, Last: c.Until}
	for _, o := range c.Outcome {
		s.Outcomes = append(s.Outcomes, events.Outcome(o))
	}
	layout := finance.CurrentLayout
	if isClosed {
		if s.Closings, err = d.closingsOf(ctx, string(c.Merchant), period); err != nil {
			return err
		}
		layout = s.Closings[0].Layout
	} else if s.Last == 0 {
		if s.Last, err = stream.LastEvent(ctx, d.JS); err != nil {
			return err
		}
	}
	totals, err := c.write(ctx, streams, d, s, layout)
	if err != nil {
		return err
	}
	return sumUp(streams.err, totals, s)
}

func (c *exportCmd) check(streams streams, isClosed bool) error {
	switch {
	case c.Format == export.XLSX && c.Out == "" && isTerminal(streams.out):
		return usageError{errors.New("a workbook is no text for a terminal: give it a file with --out november.xlsx")}
	case isClosed && c.Until != 0:
		return usageError{errors.New("--until: a closed period has its own sequence")}
	}
	return nil
}

// write writes the export and its totals to the end before either file gets its
// name.
func (c *exportCmd) write(ctx context.Context, streams streams, d *desk, s export.Selection, layout finance.Layout) (*finance.Totals, error) {
	out := streams.out
	var files []*outFile
	create := func(path string) (*outFile, error) {
		f, err := createFile(path, c.Force)
		if err == nil {
			files = append(files, f)
		}
		return f, err
	}
	defer func() {
		for _, f := range files {
			f.discard()
		}
	}()
	if c.Out != "" {
		f, err := create(c.Out)
		if err != nil {
			return nil, err
		}
		out = f
	}
	var totalsOut io.Writer
	if path := c.totalsPath(); path != "" {
		f, err := create(path)
		if err != nil {
			return nil, err
		}
		totalsOut = f
	}
	totals, err := c.lines(ctx, streams, d, s, layout, out)
	if err != nil {
		return nil, err
	}
	if totalsOut != nil {
		if err := export.WriteTotals(c.Format, totalsOut, layout, totals.List()); err != nil {
			return nil, fmt.Errorf("write the totals: %w", err)
		}
	}
	for _, f := range files {
		if err := f.commit(); err != nil {
			return nil, err
		}
	}
	return totals, nil
}

// totalsPath is where the totals go: beside the lines by default, of a workbook
// nowhere but into it.
func (c *exportCmd) totalsPath() string {
	if c.Totals != "" || c.Out == "" || c.Out == os.DevNull || c.Format == export.XLSX {
		return c.Totals
	}
	ext := filepath.Ext(c.Out)
	return strings.TrimSuffix(c.Out, ext) + ".totals" + ext
}

func (c *exportCmd) lines(ctx context.Context, streams streams, d *desk, s export.Selection, layout finance.Layout, out io.Writer) (*finance.Totals, error) {
	w, err := export.NewWriter(c.Format, out, layout)
	if err != nil {
		return nil, err
	}
	f, totals := follower{io: streams}, &finance.Totals{}
	defer f.end()
	err = export.Read(ctx, d.JS, s, export.Progress{Total: f.total, Seen: f.seen}, func(l finance.Line) error {
		totals.Add(l)
		return w.Line(l)
	})
	if closeErr := w.Close(totals.List()); err == nil {
		err = closeErr
	}
	return totals, err
}

// sumUp says what was exported, for a person to compare.
func sumUp(out io.Writer, totals *finance.Totals, s export.Selection) error {
	sums := newTable(out, "MERCHANT", "CURRENCY", "MODE", "EVENTS", "CREDITS", "DEBITS", "BALANCE", "WITHOUT NET")
	for _, e := range totals.Effects() {
		mode := "live"
		if !e.LiveMode {
			mode = "sandbox"
		}
		err := sums.row(e.Merchant, e.Currency, mode, fmt.Sprint(e.Events), e.Credits.In(e.Currency), e.Debits.In(e.Currency),
			e.Balance().In(e.Currency), fmt.Sprint(e.WithoutNet))
		if err != nil {
			return err
		}
	}
	if err := sums.flush(); err != nil {
		return err
	}
	made := fmt.Sprintf("the ledger as it was at sequence %d; --until %d gives the same again", s.Last, s.Last)
	switch {
	case s.Last == 0 && len(s.Closings) == 0:
		made = "the ledger is empty" // --until 0 would mean its end
	case len(s.Closings) > 0:
		made = s.Dates.Name + " is closed: it was held to what was closed"
	}
	_, err := fmt.Fprintf(out, "%d events; %s\n", totals.Count(), made)
	return err
}

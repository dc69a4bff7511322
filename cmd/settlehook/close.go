package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/export"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/stream"
)

// closeCmd closes a booking period.
type closeCmd struct {
	Period   string       `placeholder:"NAME" help:"The period: 2026-11, 2026-11-05 or 2026-11-01_2026-11-15 (both days are in it)."`
	Merchant merchantName `placeholder:"ID" help:"Of this merchant; of all in the merchants file by default."`
	List     bool         `help:"List what is closed, and close nothing."`
	Yes      bool         `short:"y" help:"Do it. Without it, what would be closed is shown, and nothing is done."`
	printing
}

// Help stands below the usage.
func (closeCmd) Help() string {
	return `A closed period is exported as the same bytes for ever. What the ledger gets for it later belongs to
the next period that is closed. Periods of a merchant are closed one after the other, without a gap, each
once it is over in the merchant's time zone. There is no way back.

    settlehook close --period 2026-11            # shows what would be closed
    settlehook close --period 2026-11 --yes
    settlehook close --list -o json

NATS_URL, MERCHANTS_FILE and what belongs to them are environment variables (docs/configuration.md).`
}

// Run closes, or shows what would be closed.
func (c *closeCmd) Run(io streams) error {
	if c.List != (c.Period == "") {
		return usageError{errors.New("say which period: --period 2026-11, or --list to see what is closed")}
	}
	ctx, d, err := openDesk(config.OperatorNeeds{Merchants: !c.List})
	if err != nil {
		return err
	}
	defer d.close()
	book, err := stream.OpenClosings(ctx, d.JS, d.Timeout())
	if err != nil {
		return err
	}
	if c.List {
		return c.list(ctx, io, book)
	}
	period, err := finance.ParsePeriod(c.Period)
	if err != nil {
		return usageError{err}
	}
	merchants, err := c.merchants(d)
	if err != nil {
		return err
	}
	who, err := d.Who(ctx)
	if err != nil {
		return err
	}
	return c.close(ctx, io, d, book, merchants, period, who)
}

func (c *closeCmd) merchants(d *desk) ([]*config.Merchant, error) {
	if c.Merchant != "" {
		m, err := findMerchant(d.Cfg.Merchants.Path, string(c.Merchant))
		return []*config.Merchant{m}, err
	}
	all, err := d.merchants()
	if err != nil {
		return nil, err
	}
	return all.All(), nil
}

// close closes the period of each merchant; one that is closed already stays as it
// is. All of them are counted before the first is closed: a period that can't be
// closed for one is closed for none.
func (c *closeCmd) close(ctx context.Context, io streams, d *desk, book *stream.ClosingBook, merchants []*config.Merchant, period finance.Period, who string) error {
	var ready []pendingClosing
	var done []finance.Closing
	for _, m := range merchants {
		closed, err := book.List(ctx, m.ID)
		if err != nil {
			return err
		}
		if there := find(closed, period); there != nil {
			done = append(done, *there)
			continue
		}
		p, err := d.prepare(ctx, io, closed, m, period, who)
		if err != nil {
			return err
		}
		ready = append(ready, p)
	}
	if c.Yes {
		for _, p := range ready {
			if err := book.Append(ctx, p.Closing, p.after); err != nil {
				return err
			}
			done = append(done, p.Closing)
		}
		return c.print(io, done)
	}
	for _, p := range ready {
		done = append(done, p.Closing)
	}
	if err := c.print(io, done); err != nil {
		return err
	}
	if len(ready) > 0 {
		say(io, "nothing was closed; add --yes to close it for good")
	}
	return nil
}

// pendingClosing is a closing that is counted and not stored yet.
type pendingClosing struct {
	finance.Closing
	after uint64 // the merchant's last closing, in CLOSINGS
}

// prepare counts what is in a period as the ledger is now.
func (d *desk) prepare(ctx context.Context, io streams, closed []stream.StoredClosing, m *config.Merchant, period finance.Period, who string) (pendingClosing, error) {
	var p pendingClosing
	var before []finance.Closing
	for _, c := range closed {
		before, p.after = append(before, c.Closing), c.Own.Sequence
	}
	sequence, err := stream.LastEvent(ctx, d.JS)
	if err != nil {
		return p, err
	}
	c, err := finance.Begin(before, m.ID, period, m.Location, time.Now(), sequence)
	if err != nil {
		return p, err
	}
	f := follower{io: io}
	c, err = export.Count(ctx, d.JS, c, export.Progress{Total: f.total, Seen: f.seen})
	f.end()
	c.By = who
	p.Closing = c
	return p, err
}

func find(closed []stream.StoredClosing, period finance.Period) *finance.Closing {
	for _, c := range closed {
		if c.From == period.From && c.To == period.To {
			return &c.Closing
		}
	}
	return nil
}

func (c *closeCmd) list(ctx context.Context, io streams, book *stream.ClosingBook) error {
	closed, err := book.List(ctx, string(c.Merchant))
	if err != nil {
		return err
	}
	all := make([]finance.Closing, 0, len(closed))
	for _, one := range closed {
		all = append(all, one.Closing)
	}
	return c.print(io, all)
}

func (c *closeCmd) print(io streams, all []finance.Closing) error {
	out := newTable(io.out, "PERIOD", "MERCHANT", "DAYS IN", "EVENTS", "BALANCE", "LEDGER", "DIGEST", "CLOSED", "BY")
	for _, one := range all {
		if c.Output == listJSON {
			if err := jsonLine(io.out, one); err != nil {
				return err
			}
			continue
		}
		balance := ""
		for i, e := range one.Effects {
			if i > 0 {
				balance += ", "
			}
			balance += e.Balance().In(e.Currency) + " " + e.Currency
		}
		err := out.row(one.Name, one.Merchant, one.Timezone, fmt.Sprint(one.Events), balance, fmt.Sprint(one.Sequence), one.Digest[:12], shownTime(one.ClosedAt), one.By)
		if err != nil {
			return err
		}
	}
	return out.flush()
}

// closings are a merchant's closed periods, or all.
func (d *desk) closings(ctx context.Context, merchant string) ([]finance.Closing, error) {
	book, err := stream.OpenClosings(ctx, d.JS, d.Timeout())
	if err != nil {
		return nil, err
	}
	stored, err := book.List(ctx, merchant)
	all := make([]finance.Closing, 0, len(stored))
	for _, s := range stored {
		all = append(all, s.Closing)
	}
	return all, err
}

// closingsOf are those of one period.
func (d *desk) closingsOf(ctx context.Context, merchant string, period finance.Period) ([]finance.Closing, error) {
	all, err := d.closings(ctx, merchant)
	if err != nil {
		return nil, err
	}
	var of []finance.Closing
	for _, c := range all {
		if c.From == period.From && c.To == period.To {
			of = append(of, c)
		}
	}
	if len(of) == 0 {
		return nil, fmt.Errorf("%s is not closed: close it with 'settlehook close --period %s', or export the days as they are now with --from %s --to %s",
			period.Name, period.Name, period.From, period.To)
	}
	for _, c := range of[1:] {
		if c.Layout != of[0].Layout {
			return nil, fmt.Errorf("merchants closed %s with different layouts: export them one by one, with --merchant", period.Name)
		}
	}
	return of, nil
}

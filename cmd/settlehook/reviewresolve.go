package main

import (
	"errors"
	"strings"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/stream"
)

type reviewResolveCmd struct {
	reviewChoice
	As  string `required:"" enum:"settled,failed,reversed,expired,dismissed" placeholder:"OUTCOME" help:"What became of the order: settled, failed, reversed or expired; dismissed closes the review and tells nothing."`
	Why string `required:"" placeholder:"TEXT" help:"Why; downstream and the books see it."`
	Yes bool   `short:"y" help:"Do it without asking; needed where no terminal is there to ask."`
	printing
}

// Help stands below the usage.
func (reviewResolveCmd) Help() string {
	return `Examples:
    settlehook review resolve m1001/A1/review/amount_mismatch-1a2b3c4d --as settled --why 'partial payment, agreed with the shop'
    settlehook review resolve --merchant m1001 A2 --as dismissed --why 'test order' --yes

A person overrides a contradiction, never the gateway about money: settled takes a success of its
order query, and the amount is the query's. What downstream was told before is never told otherwise.
Who you are is what NATS knows you as.`
}

// Run resolves one.
func (c *reviewResolveCmd) Run(io streams) error {
	if err := checkWhy(c.Why); err != nil {
		return err
	}
	if !c.Yes && !isTerminal(io.in) {
		return usageError{errors.New("there is no terminal to ask on: add --yes to resolve the review")}
	}
	ctx, d, err := openDesk(config.OperatorNeeds{Installation: true, Merchants: c.As != cases.Dismissed})
	if err != nil {
		return err
	}
	defer d.close()
	f, err := c.open(ctx, d, c.As != cases.Dismissed)
	if err != nil {
		return err
	}
	defer f.Release()
	who, err := d.Who(ctx)
	if err != nil {
		return err
	}
	decision := cases.Decision{As: c.As, By: who, Why: c.Why}
	if !c.Yes {
		would, shown, err := f.reviews.Preview(ctx, f.review, f.Merchant, f.Gateway, c.As)
		if err != nil {
			return err
		}
		decision.Shown = shown
		say(io, "%s: %s, by %s", f.review.Event.ID, would, who)
		if !confirmed(io, "Go on?") {
			say(io, "nothing was told")
			return errRefused
		}
	}
	res, err := f.reviews.Resolve(ctx, f.review, f.Merchant, f.Gateway, decision)
	if err != nil {
		return err
	}
	return c.printResolved(io, f.review, res, who)
}

// resolvedLine is what a resolution did as JSON.
type resolvedLine struct {
	ID        string `json:"id"`
	As        string `json:"as"`
	By        string `json:"by"`
	Why       string `json:"why"`
	Resulting string `json:"resultingEvent,omitempty"`
	Emitted   bool   `json:"emitted"` // by this resolution; else it had been told
	Amount    string `json:"amount,omitempty"`
	Currency  string `json:"currency,omitempty"`
}

func (c *reviewResolveCmd) printResolved(io streams, r stream.Review, res reconcile.Resolved, who string) error {
	line := resolvedLine{ID: r.Event.ID, As: c.As, By: who, Why: c.Why, Emitted: res.Emitted}
	if res.Event != nil {
		p := res.Event.Data.Common()
		line.Resulting, line.Amount, line.Currency = res.Event.ID, p.Amount.String(), p.Currency
	}
	if c.Output == listJSON {
		return jsonLine(io.out, line)
	}
	var out result
	out.add("resolved", line.ID)
	out.add("as", line.As)
	out.add("by", line.By)
	out.add("why", line.Why)
	if line.Resulting != "" {
		what := "told before"
		if line.Emitted {
			what = "told now"
		}
		out.add(what, strings.TrimSpace(line.Resulting+" "+line.Amount+" "+line.Currency))
	}
	return out.print(io.out, "text")
}

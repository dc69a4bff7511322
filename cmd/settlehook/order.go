package main

import (
	"fmt"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/story"
	"github.com/settlehook/settlehook/internal/stream"
)

// orderCmd tells what became of an order.
type orderCmd struct {
	ID       string       `arg:"" name:"order" help:"The merchant's order id, as it is."`
	Merchant merchantName `placeholder:"ID" help:"Of this merchant; of all by default."`
	printing
}

// Help stands below the usage.
func (orderCmd) Help() string {
	return `Everything that is known of an order, oldest first: registrations, pushes with what was refused of
them, looks with what the gateway's order query said, events, reviews and who resolved them.

    settlehook order A1
    settlehook order --merchant m1001 A1 -o json

It exits with 1 where nothing is known. Pushes and looks are kept for 45 days by default, events and
registrations for 400. NATS_URL and what belongs to it are environment variables
(docs/configuration.md).`
}

// Run tells the story, or those of all merchants that know such an order.
func (c *orderCmd) Run(io streams) error {
	if c.ID == "" || len(c.ID) > story.MaxOrderID {
		return usageError{fmt.Errorf("order: give the merchant's order id; none has more than %d bytes", story.MaxOrderID)}
	}
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	history, err := stream.ReadHistory(ctx, d.JS, string(c.Merchant), c.ID)
	if err != nil {
		return err
	}
	stories := story.Tell(history)
	for i, s := range stories {
		if c.Output == listJSON {
			err = jsonLine(io.out, s)
		} else {
			err = printStory(io, s, i > 0)
		}
		if err != nil {
			return err
		}
	}
	if len(stories) == 0 {
		say(io, "no stream knows an order %s; look at its spelling, capitals count", c.ID)
		return errRefused
	}
	return nil
}

func printStory(io streams, s story.Story, another bool) error {
	if another {
		if _, err := fmt.Fprintln(io.out); err != nil {
			return err
		}
	}
	var head result
	head.add("order", s.OrderID)
	head.add("merchant", s.Merchant)
	head.add("state", string(s.State))
	head.add("", s.Summary)
	head.add("next", s.Next)
	if err := head.print(io.out, "text"); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(io.out); err != nil {
		return err
	}
	line := newTable(io.out, "TIME (UTC)", "WHAT", "FLOW", "DETAIL")
	for _, e := range s.Entries {
		if err := line.row(e.At.Format("2006-01-02 15:04:05.000"), string(e.Kind), string(e.Flow), e.Detail); err != nil {
			return err
		}
	}
	return line.flush()
}

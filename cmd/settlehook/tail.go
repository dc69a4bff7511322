package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/tail"
	"github.com/settlehook/settlehook/pkg/events"
)

// tailCmd follows what arrives and what leaves.
type tailCmd struct {
	Merchant   merchantName  `placeholder:"ID" help:"Of this merchant."`
	Flow       flowName      `predictor:"flow" placeholder:"FLOW" help:"Of this flow: collect or pay."`
	Outcome    []outcomeName `predictor:"outcome" placeholder:"NAME" help:"Events of this outcome alone: settled, failed, reversed, expired, review or resolved; several with commas."`
	Order      orderName     `placeholder:"ID" help:"Of this order."`
	EventsOnly bool          `help:"Events alone: no callbacks, nothing parked or refused."`
	Since      moment        `placeholder:"TIME" help:"Begin in the past: 2026-05-01, 2026-05-01T10:00:00Z, or how long ago (90m, 2d)."`
	Output     tailFormat    `short:"o" default:"text" enum:"text,json" help:"text: a line for a person; json: one object on each line (${default})."`
}

// tailFormat is how a message is printed: text or json.
type tailFormat string

// orderName is an order id of the command line: an empty one, of a variable that is
// not set, would mean all.
type orderName string

// UnmarshalText reads an order id.
func (o *orderName) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("is empty")
	}
	*o = orderName(text)
	return nil
}

// outcomeName is an outcome of the command line.
type outcomeName string

// UnmarshalText reads an outcome.
func (o *outcomeName) UnmarshalText(text []byte) error {
	outcome, err := events.ParseOutcome(string(text))
	*o = outcomeName(outcome)
	return err
}

// Help stands below the usage.
func (tailCmd) Help() string {
	return `Follows callbacks, events and what was parked or refused, a line each with the time (UTC) when
it was stored, until Ctrl-C. It changes nothing, and comes back after an outage where it was.

    settlehook tail
    settlehook tail --merchant m1001 --outcome settled,reversed --since 1h
    settlehook tail --events-only -o json | jq -r .data.amount

    → callback   ✓ settled   ✗ failed   ↺ reversed   ∅ expired   ! review   · resolved   ‖ parked   ⊘ refused

With -o json an event is the event itself; whatever else has a "kind": callback, parked, refused
or unreadable. Lines are coloured on a terminal, unless NO_COLOR is set. NATS_URL and what belongs
to it are environment variables (docs/configuration.md); the NATS user is operator.`
}

// Run follows until a signal.
func (c *tailCmd) Run(io streams) error {
	if c.Since.After(time.Now()) {
		return usageError{errors.New("--since is in the future; without it, tail begins now")}
	}
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	quietDeletes(d.NC)
	followed, err := tail.Open(ctx, d.JS, io.out, tail.Options{
		Merchant: string(c.Merchant), Flow: string(c.Flow), Order: string(c.Order), Outcomes: c.outcomes(), EventsOnly: c.EventsOnly,
		Since: c.Since.Time, JSON: c.Output == "json", Color: colored(io.out),
	})
	if ctx.Err() != nil {
		return nil // ended before it began
	}
	if err != nil {
		return err
	}
	return followed.Run(ctx)
}

func (c *tailCmd) outcomes() []events.Outcome {
	list := make([]events.Outcome, len(c.Outcome))
	for i, o := range c.Outcome {
		list[i] = events.Outcome(o)
	}
	return list
}

// colored reports whether a person sees colours there and wants them
// (no-color.org).
func colored(out any) bool {
	return isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// quietDeletes keeps a refusal off the screen that is no fault: after an outage
// the library would remove the consumers that it had, which an operator may not,
// and which end by themselves.
func quietDeletes(nc *nats.Conn) {
	report := nc.ErrorHandler()
	nc.SetErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
		if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `"$JS.API.CONSUMER.DELETE.`) {
			report(nc, sub, err)
		}
	})
}

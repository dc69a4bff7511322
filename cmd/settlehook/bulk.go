package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/settlehook/settlehook/internal/cases"
)

// bulkFlags say which messages a command is about, and whether it does it.
type bulkFlags struct {
	printing
	All bool `help:"All of them."`
	Yes bool `short:"y" help:"Do it. Without it, what is chosen by filters or --all is counted, and nothing is done."`
}

// checkChoice refuses to guess which messages are meant.
func (f bulkFlags) checkChoice(sequences []uint64, filtered bool) error {
	switch {
	case len(sequences) > 0 && (filtered || f.All):
		return usageError{errors.New("give sequences, or filters, not both")}
	case len(sequences) == 0 && !filtered && !f.All:
		return usageError{errors.New("say which: sequences as 'ls' prints them, filters such as --merchant, or --all")}
	case f.All && filtered:
		return usageError{errors.New("--all means all: leave the filters out, or leave --all out")}
	}
	return nil
}

// mostToldFailures bounds the lines about single messages; the counts have all.
const mostToldFailures = 20

// follower follows a bulk operation for a person: a progress bar on a terminal,
// and a line for each message that failed.
type follower struct {
	io     streams
	bar    *progressbar.ProgressBar
	failed int
	strict bool // what stays is told, too
}

func (f *follower) watch() cases.Watch {
	return cases.Watch{Total: f.total, Seen: f.seen, Each: f.each}
}

func (f *follower) total(messages uint64) { f.bar = newBar(f.io, messages) }

// newBar shows a person on a terminal how far long work is; nil for nobody.
func newBar(io streams, total uint64) *progressbar.ProgressBar {
	if !isTerminal(io.err) || total < 2 {
		return nil
	}
	return progressbar.NewOptions64(int64(total), progressbar.OptionSetWriter(io.err), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(barPause), progressbar.OptionClearOnFinish())
}

// barPause keeps a bar that moves a million times from being most of the work.
const barPause = 100 * time.Millisecond

func (f *follower) seen() {
	if f.bar != nil {
		_ = f.bar.Add(1)
	}
}

func (f *follower) end() {
	if f.bar != nil {
		_ = f.bar.Finish()
		_ = f.bar.Clear()
	}
	if more := f.failed - mostToldFailures; more > 0 {
		say(f.io, "and %d more", more)
	}
}

func (f *follower) each(r cases.Result) {
	var text string
	switch {
	case r.Err != nil:
		text = fmt.Sprintf("message %d: %s: %v", r.Sequence, r.Verdict, r.Err)
	case f.strict && r.Verdict == cases.Stays:
		text = fmt.Sprintf("message %d: stays: it does not verify: %s", r.Sequence, r.Why)
	default:
		return
	}
	if f.failed++; f.failed > mostToldFailures {
		return
	}
	if f.bar != nil {
		_ = f.bar.Clear()
	}
	say(f.io, "%s", text)
}

// counted is a line of a tally as JSON.
type counted struct {
	Merchant string        `json:"merchant"`
	Reason   string        `json:"reason"`
	Verdict  cases.Verdict `json:"verdict"`
	Why      string        `json:"why,omitempty"`
	Count    int           `json:"count"`
}

func printTally(io streams, format listFormat, t cases.Tally) error {
	out := newTable(io.out, "MERCHANT", "REASON", "VERDICT", "COUNT")
	for _, k := range t.Keys() {
		if format == listJSON {
			if err := jsonLine(io.out, counted{k.Merchant, k.Reason, k.Verdict, k.Why, t[k]}); err != nil {
				return err
			}
			continue
		}
		verdict := string(k.Verdict)
		if k.Why != "" {
			verdict += " (" + k.Why + ")"
		}
		if err := out.row(k.Merchant, k.Reason, verdict, strconv.Itoa(t[k])); err != nil {
			return err
		}
	}
	return out.flush()
}

// finish prints what was done, or would be, and says how it ended. bad are the
// verdicts that make it a failure.
func (f bulkFlags) finish(io streams, t cases.Tally, err error, dry bool, bad ...cases.Verdict) error {
	if printErr := printTally(io, f.Output, t); err == nil {
		err = printErr
	}
	switch {
	case err != nil:
		return err
	case len(t) == 0:
		say(io, "there is nothing of this kind")
	case dry:
		say(io, "nothing was done; add --yes to do it")
	case t.Count(bad...) > 0:
		return errRefused // each has its line
	}
	return nil
}

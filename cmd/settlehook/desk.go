package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/operator"
	"github.com/settlehook/settlehook/internal/plain"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// desk is where a person deals with cases, until a signal.
type desk struct {
	*operator.Desk
	stop context.CancelFunc
}

// openDesk reads the settings and connects. Whoever gets the desk closes it. The
// context ends with a signal.
func openDesk(needs config.OperatorNeeds) (context.Context, *desk, error) {
	cfg, err := config.LoadOperator(app.Environ(), needs)
	if err != nil {
		return nil, nil, usageError{err}
	}
	log := app.NewLogger(cfg.Log, "settlehook")
	opened, err := operator.Open(cfg, log)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := app.Signals(context.Background())
	return ctx, &desk{opened, stop}, nil
}

func (d *desk) close() {
	d.stop()
	d.Close()
}

// merchants reads the merchants file.
func (d *desk) merchants() (*config.Merchants, error) {
	all, err := config.LoadMerchants(d.Cfg.Merchants.Path)
	if err != nil {
		return nil, usageError{err}
	}
	return all, nil
}

// listFormat is how a list or a case is printed: table or json.
type listFormat string

const listJSON listFormat = "json"

// printing is the flag of what prints.
type printing struct {
	Output listFormat `short:"o" default:"table" enum:"table,json" help:"table: for reading; json: one object on each line (${default})."`
}

// period are flags of when something was stored.
type period struct {
	Since moment `placeholder:"TIME" help:"Stored at this time or later: 2026-05-01, 2026-05-01T10:00:00Z, or how long ago (90m, 2d)."`
	Until moment `placeholder:"TIME" help:"Stored at this time or before."`
}

func (p period) window() stream.Window {
	return stream.Window{Since: p.Since.Time, Until: p.Until.Time}
}

func (p period) given() bool { return !p.Since.IsZero() || !p.Until.IsZero() }

// moment is a point in time as a person writes it.
type moment struct{ time.Time }

// UnmarshalText reads a day, a time or how long ago.
func (m *moment) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			m.Time = t
			return nil
		}
	}
	ago, err := config.ParseDuration(string(text))
	if err != nil || ago < 0 {
		return errors.New("write a day (2026-05-01, which begins in UTC), a time (2026-05-01T10:00:00Z) or how long ago (90m, 2d)")
	}
	m.Time = time.Now().Add(-ago)
	return nil
}

// flowName is a flow of the command line.
type flowName string

// UnmarshalText reads collect or pay.
func (f *flowName) UnmarshalText(text []byte) error {
	flow, err := events.ParseFlow(string(text))
	*f = flowName(flow)
	return err
}

// merchantName is the id of a merchant of the command line: it becomes part of a
// filter, where a wildcard would mean others, too.
type merchantName string

// UnmarshalText reads an id.
func (m *merchantName) UnmarshalText(text []byte) error {
	id := string(text)
	if id == "" || events.EscapeToken(id) != id {
		return errors.New("use only letters, digits, _ and -")
	}
	*m = merchantName(id)
	return nil
}

// limit is the flag of how much is listed.
type limit struct {
	Limit int `default:"100" placeholder:"N" help:"How many to list at most, the oldest first; 0 for all (${default})."`
}

// reached notes that there is more than is listed.
func (l limit) reached(io streams, listed int) error {
	if l.Limit <= 0 || listed < l.Limit {
		return nil
	}
	_, _ = fmt.Fprintf(io.err, "settlehook: there are more than these %d; --limit 0 lists all\n", l.Limit)
	return stream.ErrStop
}

// checkWhy refuses what would not stand in the books.
func checkWhy(why string) error {
	if err := cases.CheckWhy(why); err != nil {
		return usageError{fmt.Errorf("--why: %w", err)}
	}
	return nil
}

// isTerminal reports whether a person is at the other end.
func isTerminal(end any) bool {
	f, ok := end.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// confirmed asks a person whether to go on. No answer is none.
func confirmed(io streams, question string) bool {
	_, _ = fmt.Fprintf(io.err, "%s [y/N] ", question)
	line, _ := bufio.NewReader(io.in).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// jsonLine writes one object on a line, fit for a terminal: what outsiders wrote is
// escaped.
func jsonLine(out io.Writer, value any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(out, plain.JSON(bytes.TrimSpace(b.Bytes()))+"\n")
	return err
}

// shownTime is a moment in a table.
func shownTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// gone words a message that is not there.
func gone(err error) error {
	if errors.Is(err, stream.ErrGone) {
		return fmt.Errorf("%w; somebody may have dealt with it, or its time was over", err)
	}
	return err
}

// say writes a line for a person beside what is printed.
func say(io streams, format string, args ...any) {
	_, _ = fmt.Fprintf(io.err, "settlehook: %s\n", plain.Line(fmt.Sprintf(format, args...)))
}

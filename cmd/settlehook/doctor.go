package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/doctor"
	"github.com/settlehook/settlehook/internal/plain"
	"github.com/settlehook/settlehook/internal/redisconn"
)

// doctorCmd looks at a running installation.
type doctorCmd struct {
	PublicURL config.WebURL `name:"public-url" placeholder:"URL" help:"Where gateways reach the receiver, without /callbacks/… (default: PUBLIC_URL)."`
	Only      []checkName   `placeholder:"NAME" help:"Run these checks."`
	Skip      []checkName   `placeholder:"NAME" help:"Leave these checks out."`
	NoGateway bool          `help:"Don't ask the gateways: the same as --skip gateways."`
	Patience  time.Duration `default:"5m" help:"How long a callback may wait to be decided (${default})."`
	Timeout   time.Duration `default:"30s" help:"Longest all of it may take; a check that is not done then fails (${default})."`
	Strict    bool          `help:"Exit with 1 on warnings, too."`
	printing
}

// Help stands below the usage.
func (doctorCmd) Help() string {
	var b strings.Builder
	b.WriteString(`Give it the environment of the workers, with the NATS user of the role operator: INSTALLATION,
NATS_URL, NATS_INBOX_PREFIX, NATS_MONITOR_URLS, REDIS_URL, MERCHANTS_FILE and the rest
(docs/configuration.md). It changes nothing. What each check means: docs/doctor.md.

    settlehook doctor --public-url https://pay.example.com
    settlehook doctor --only topology,replicas --strict -o json

The exit code is 0 when nothing fails, 1 when something does (with --strict: or warns), and 2 when
the call or the configuration is wrong. Checks:

`)
	for _, c := range doctor.Checks() {
		_, _ = fmt.Fprintf(&b, "    %-14s %s\n", c.Name, c.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

// checkName is the name of a check on the command line.
type checkName string

// UnmarshalText reads the name of a check there is.
func (n *checkName) UnmarshalText(text []byte) error {
	var names []string
	for _, c := range doctor.Checks() {
		names = append(names, c.Name)
	}
	if !slices.Contains(names, string(text)) {
		return errors.New("there is no such check; use: " + strings.Join(names, ", "))
	}
	*n = checkName(text)
	return nil
}

// checks are the names of the checks to run.
func (c *doctorCmd) checks() ([]string, error) {
	var chosen []string
	for _, known := range doctor.Checks() {
		name := checkName(known.Name)
		left := slices.Contains(c.Skip, name) || c.NoGateway && known.Name == "gateways"
		if (len(c.Only) == 0 || slices.Contains(c.Only, name)) && !left {
			chosen = append(chosen, known.Name)
		}
	}
	if len(chosen) == 0 {
		return nil, usageError{errors.New("--skip leaves no check of --only")}
	}
	return chosen, nil
}

// Run examines.
func (c *doctorCmd) Run(io streams) error {
	checks, err := c.checks()
	if err != nil {
		return err
	}
	if c.Timeout <= 0 || c.Patience <= 0 {
		return usageError{errors.New("--timeout and --patience: give a duration above zero, such as 30s")}
	}
	cfg, contradictions, err := config.LoadDoctor(app.Environ())
	if err != nil {
		return usageError{err}
	}
	if !c.PublicURL.IsZero() {
		cfg.Public.URL = c.PublicURL
	}
	redisconn.LogTo(zap.NewNop()) // what Redis' client has to say, a finding says
	ctx, stop := app.Signals(context.Background())
	defer stop()
	found := doctor.Run(ctx, doctor.Options{
		Settings: cfg, Contradictions: contradictions, Checks: checks, Timeout: c.Timeout, Patience: c.Patience,
	})
	if err := printFindings(io.out, found, c.Output); err != nil {
		return err
	}
	for _, f := range found {
		if f.Status == doctor.Fail || c.Strict && f.Status == doctor.Warn {
			return errRefused
		}
	}
	return nil
}

// printFindings writes all findings, and below them again what has to be done.
func printFindings(out io.Writer, found []doctor.Finding, format listFormat) error {
	if format == listJSON {
		for _, f := range found {
			if err := jsonLine(out, f); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(out, "CHECK", "STATUS", "FINDING")
	for _, f := range found {
		if err := t.row(f.Check, string(f.Status), f.Says); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	return printMending(out, found)
}

// printMending writes how each problem is mended; failures come last, where a
// person looks first.
func printMending(out io.Writer, found []doctor.Finding) error {
	var b strings.Builder
	for _, status := range []doctor.Status{doctor.Skipped, doctor.Warn, doctor.Fail} {
		for _, f := range found {
			if f.Status == status && f.Mend != "" {
				_, _ = fmt.Fprintf(&b, "\n%s: %s: %s\n  mend: %s\n", f.Status, f.Check, plain.Line(f.Says), plain.Line(f.Mend))
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

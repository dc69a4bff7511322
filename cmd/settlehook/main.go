// Command settlehook is the operator's tool: everything in one process (up), the
// sandbox gateway, the set-up of an external NATS, and what a person needs when
// signatures are refused.
package main

import (
	"errors"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
)

// version is set when it is built for release.
var version = "dev"

// cli is the command line. Settings come from environment variables
// (docs/configuration.md); flags are for what concerns one call.
type cli struct {
	Up         upCmd         `cmd:"" help:"Run everything in one process: embedded NATS, receiver, worker."`
	Sandbox    sandboxCmd    `cmd:"" help:"Run the sandbox gateway alone."`
	Setup      setupCmd      `cmd:"" help:"Create or update streams and consumers on an external NATS."`
	Doctor     doctorCmd     `cmd:"" help:"Check a running installation, and say what mends what is wrong."`
	Send       sendCmd       `cmd:"" help:"Sign a test callback and post it to a receiver."`
	Sign       signCmd       `cmd:"" help:"Sign the parameters on standard input."`
	Verify     verifyCmd     `cmd:"" help:"Verify the signed callback on standard input, and say why it is refused."`
	Order      orderCmd      `cmd:"" help:"Tell what became of an order: everything that is known of it."`
	Export     exportCmd     `cmd:"" help:"Write the ledger for finance: a line for each event, and control totals."`
	Close      closeCmd      `cmd:"" help:"Close a booking period: from then on it is exported as the same bytes."`
	Statement  statementCmd  `cmd:"" help:"Hold a period against the gateway, and sort what differs."`
	Tail       tailCmd       `cmd:"" help:"Follow live what arrives and what leaves."`
	Console    consoleCmd    `cmd:"" help:"Serve a local web page: live flow, orders, reviews, parked and refused callbacks."`
	Review     reviewCmd     `cmd:"" help:"List, show and resolve reviews: orders that need a person."`
	Parked     parkedCmd     `cmd:"" help:"List, show, redrive and drop parked callbacks: those that were given up on."`
	Quarantine quarantineCmd `cmd:"" help:"List, show and redrive refused callbacks, once the key is mended."`
	Health     healthCmd     `cmd:"" help:"Ask a running program whether it takes work; for health checks."`
	Gateway    gatewayCmd    `cmd:"" help:"Call the gateway's API as a merchant: create orders, ask for orders and the balance."`
	Keda       kedaCmd       `cmd:"" help:"Write the KEDA ScaledObject that scales the workers on waiting callbacks."`
	Completion completionCmd `cmd:"" help:"Print what makes a shell complete commands and flags."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// errRefused is the verdict of a command that did its work: the answer is no.
var errRefused = errors.New("refused")

// usageError is a mistake of the caller's.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run runs one command and returns the exit code: 0 done, 1 failed or refused,
// 2 wrong usage or configuration.
func run(args []string, io streams) int {
	exited := -1
	parser, err := newParser(io, func(code int) { exited = code })
	if err != nil {
		app.PrintError(io.err, "settlehook", err)
		return app.ExitFailed
	}
	completes(parser, func(code int) { exited = code })
	if exited >= 0 {
		return exited
	}
	ctx, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help or --version
	}
	if err != nil {
		app.PrintError(io.err, "settlehook", err)
		return app.ExitUsage
	}
	return report(ctx.Run(), io)
}

// newParser reads the command line. exit is called where there is nothing to run.
func newParser(io streams, exit func(code int)) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("settlehook"),
		kong.Description("Turns payment-gateway callbacks into settlement events. Settings are environment variables, see docs/configuration.md. "+
			"Exit codes: 0 done, 1 failed or refused, 2 wrong call or configuration (docs/operations.md)."),
		kong.Vars{"version": version},
		kong.Writers(io.out, io.err),
		kong.Exit(exit),
		kong.Bind(io),
	)
}

func report(err error, io streams) int {
	if err == nil {
		return app.ExitOK
	}
	if errors.Is(err, errRefused) {
		return app.ExitFailed // the command has said why
	}
	app.PrintError(io.err, "settlehook", advised(err))
	var usage usageError
	if errors.As(err, &usage) || len(config.Faults(err)) > 0 {
		return app.ExitUsage
	}
	return app.ExitFailed
}

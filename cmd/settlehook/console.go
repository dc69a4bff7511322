package main

import (
	"errors"
	"fmt"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/console"
)

// consoleCmd serves the console, until a signal.
type consoleCmd struct {
	Listen      string `default:"127.0.0.1:8070" placeholder:"HOST:PORT" help:"Address of the page (${default})."`
	AllowRemote bool   `help:"Allow addresses that other machines reach. There is no TLS: whoever can listen on the way can take the login, and act as you."`
}

// Help stands below the usage.
func (consoleCmd) Help() string {
	return `A web page on this machine: the live flow, orders with their timeline, reviews with their evidence,
parked and refused callbacks, and what the commands do about them. It acts under your own NATS
credentials, and opens no port of the installation. Open the address that it prints: each logs in
one browser. Ctrl-C ends it.

    settlehook console
    settlehook console --listen 127.0.0.1:9070

NATS_URL and what belongs to it, INSTALLATION to resolve reviews, and MERCHANTS_FILE to ask gateways
and to redrive refused callbacks, are environment variables (docs/configuration.md).`
}

// remoteWarning says what an address beyond loopback means.
const remoteWarning = `
WARNING: other machines reach this address, and there is no TLS. Whoever can listen on the way can
         take the login from it, and then resolve, redrive and drop as you. Use a tunnel instead:
         ssh -L 8070:127.0.0.1:8070 HOST

`

// Run serves.
func (c *consoleCmd) Run(io streams) error {
	switch err := console.CheckAddress(c.Listen, c.AllowRemote); {
	case errors.Is(err, console.ErrRemote):
		return usageError{fmt.Errorf("--listen: %w; add --allow-remote if that is meant", err)}
	case err != nil:
		return usageError{fmt.Errorf("--listen: %w", err)}
	}
	ctx, d, err := openDesk(config.OperatorNeeds{})
	if err != nil {
		return err
	}
	defer d.close()
	quietDeletes(d.NC)
	k, err := console.New(ctx, console.Config{
		Desk: d.Desk, Listen: c.Listen, AllowRemote: c.AllowRemote,
		Login: func(url string) { _, _ = fmt.Fprintf(io.out, "open in one browser  %s\n", url) },
	})
	if err != nil {
		return err
	}
	if !k.Local() {
		_, _ = fmt.Fprint(io.err, remoteWarning)
	}
	return k.Run(ctx)
}

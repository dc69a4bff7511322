package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/embedded"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/up"
)

type upCmd struct {
	Data       string `default:"data" type:"path" help:"Folder of the embedded NATS's streams. It survives restarts."`
	NATSListen string `name:"nats-listen" placeholder:"HOST:PORT" help:"Let other programs reach the embedded NATS here, without authentication. Default: no; with --sandbox 127.0.0.1:4222."`

	Sandbox      bool     `help:"Run the sandbox gateway too, with merchants of its own unless MERCHANTS_FILE is set."`
	SandboxAddr  string   `default:"127.0.0.1:8888" placeholder:"HOST:PORT" help:"Address of the sandbox's API (${default})."`
	SandboxAdmin string   `default:"127.0.0.1:8889" placeholder:"HOST:PORT" help:"Address of the sandbox's admin port (${default})."`
	Traffic      float64  `default:"2" help:"Orders per second that the sandbox makes by itself; 0 for none."`
	Orders       int      `default:"0" help:"How many orders the sandbox makes; 0 for no end."`
	TimeScale    float64  `default:"60" help:"How many times faster the sandbox's time passes: 60 makes a minute of its push schedule a second. The sweep's delays shrink with it."`
	Seed         uint64   `default:"1" help:"Seed of the sandbox's orders."`
	Calm         bool     `help:"The sandbox does only what the gateway's document says: no mischief."`
	Mischief     []string `placeholder:"NAME=SHARE" help:"How often a mischief of the sandbox happens, from 0 to 1; docs/sandbox.md lists them."`

	ownMerchants bool // the sandbox's, since none are configured
}

// Help stands below the usage.
func (upCmd) Help() string {
	return `Receiver, worker and streams in one process, for trying it out and for one machine; the settings
are those of both (docs/configuration.md).

    settlehook up --sandbox
    settlehook up --sandbox --calm --traffic 0.5
    MERCHANTS_FILE=merchants.yaml INSTALLATION=prod settlehook up --data /var/lib/settlehook`
}

// Run starts everything and stays until a signal.
func (c *upCmd) Run(io streams) error {
	env := app.Environ()
	c.sandboxDefaults(env)
	cfg, err := config.LoadUp(env)
	if err != nil {
		return usageError{err}
	}
	log := app.NewLogger(cfg.Log, "settlehook")
	defer func() { _ = log.Sync() }()
	redisconn.LogTo(log)
	ctx, cancel := app.Signals(context.Background())
	defer cancel()
	sandbox, err := c.sandbox()
	if err != nil {
		return err
	}
	err = up.Run(ctx, up.Config{
		Up: cfg, DataDir: c.Data, NATSListen: c.NATSListen, Sandbox: sandbox, Out: io.out, Log: log,
		Started: func(r up.Running) { greet(io.out, r) },
	})
	var address *embedded.AddressError
	if errors.As(err, &address) {
		err = fmt.Errorf("%w; is another NATS or settlehook there? Choose another address with --nats-listen", err)
	}
	if err == nil {
		_, _ = fmt.Fprintf(io.out, "\nsettlehook is down. What it knows is in %s.\n", c.Data)
	}
	return err
}

// sandboxDefaults fits the environment to a machine that somebody tries this
// on: loopback only, and plain lines of the events instead of log lines.
func (c *upCmd) sandboxDefaults(env map[string]string) {
	setDefault := func(name, value string) {
		if env[name] == "" {
			env[name] = value
		}
	}
	setDefault("LOG_LEVEL", "warn") // the lines that are printed say what happens
	if !c.Sandbox {
		return
	}
	setDefault("HTTP_ADDR", "127.0.0.1:8080")
	setDefault("ADMIN_ADDR", "127.0.0.1:9090")
	if c.NATSListen == "" {
		c.NATSListen = "127.0.0.1:4222"
	}
	if env["MERCHANTS_FILE"] != "" {
		return
	}
	env["MERCHANTS_FILE"] = up.SandboxMerchantsFile(c.Data)
	c.ownMerchants = true
}

func (c *upCmd) sandbox() (*up.Sandbox, error) {
	if !c.Sandbox {
		return nil, nil
	}
	rates, err := mischief(c.Calm, c.Mischief, c.TimeScale)
	if err != nil {
		return nil, err
	}
	return &up.Sandbox{
		Addr: c.SandboxAddr, AdminAddr: c.SandboxAdmin, TimeScale: c.TimeScale, Seed: c.Seed,
		Rate: c.Traffic, Total: c.Orders, Mischief: rates, OwnMerchants: c.ownMerchants,
	}, nil
}

// greet says where everything is.
func greet(out io.Writer, r up.Running) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	p("settlehook is up. Ctrl-C stops it; what it knows stays in %s.", r.DataDirectory)
	p("")
	p("  callbacks        http://%s/callbacks/{collect|pay}/{merchant}", r.Receiver)
	p("  health, metrics  http://%s/readyz  http://%[1]s/metrics", r.Admin)
	if r.NATS != "" {
		// The stream, not the subject: that carries what the stream refused too.
		p("  events           nats --server %s sub 'payments.v1.>' --stream PAYMENTS --new", r.NATS)
	}
	if r.SandboxAPI != "" {
		p("  sandbox gateway  %s", r.SandboxAPI)
		p("  sandbox admin    %s", r.SandboxAdmin)
	}
	p("  merchants        %s", r.MerchantsFile)
	p("")
	p("→ a callback arrived   ✓ settled   ✗ failed   ↺ reversed   ! review: needs a person   ⊘ refused")
	p("")
}

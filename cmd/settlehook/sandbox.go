package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/internal/tlsfiles"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/gateway"
)

type sandboxCmd struct {
	Merchants   string   `env:"MERCHANTS_FILE" required:"" type:"existingfile" placeholder:"PATH" help:"The merchants file: whose accounts and keys the sandbox knows."`
	Notify      string   `required:"" placeholder:"URL" help:"Address of the receiver, such as http://127.0.0.1:8080."`
	Addr        string   `default:"127.0.0.1:8888" placeholder:"HOST:PORT" help:"Address of the API (${default})."`
	AdminAddr   string   `default:"127.0.0.1:8889" placeholder:"HOST:PORT" help:"Address of the admin port (${default})."`
	AllowPublic bool     `help:"Allow addresses beyond loopback. Whoever reaches the sandbox can make orders succeed."`
	TLSCert     string   `name:"tls-cert" type:"existingfile" placeholder:"PATH" help:"Certificate to serve the API with TLS; the gateway in the merchants file is then https."`
	TLSKey      string   `name:"tls-key" type:"existingfile" placeholder:"PATH" help:"The certificate's key."`
	Traffic     float64  `default:"0" help:"Orders per second made by themselves; 0 for none."`
	Orders      int      `default:"0" help:"How many orders to make; 0 for no end."`
	TimeScale   float64  `default:"1" help:"How many times faster the gateway's time passes."`
	Seed        uint64   `default:"1" help:"Seed of orders and mischief."`
	RunName     string   `name:"run" placeholder:"NAME" help:"Name of the run: with the same seed and run everything is drawn the same again, order ids too. Another for each start by default."`
	Calm        bool     `help:"Do only what the gateway's document says: no mischief."`
	Mischief    []string `placeholder:"NAME=SHARE" help:"How often a mischief happens, from 0 to 1; docs/sandbox.md lists them."`
	Announce    bool     `help:"Submit every order to the NATS of NATS_URL before it is created, as an order service does (INSTALLATION names the installation)."`
}

// Help stands below the usage.
func (sandboxCmd) Help() string {
	return `A gateway without money, for a receiver and a worker that run elsewhere; docs/sandbox.md says what it
does and how it misbehaves.

    settlehook sandbox --merchants merchants.yaml --notify http://127.0.0.1:8080
    settlehook sandbox --merchants merchants.yaml --notify http://127.0.0.1:8080 --traffic 2 --calm`
}

// Run serves the sandbox gateway until a signal.
func (c *sandboxCmd) Run(io streams) error {
	merchants, err := config.LoadMerchants(c.Merchants)
	if err != nil {
		return err
	}
	log := app.NewLogger(config.Log{Level: config.LogLevel(zapcore.WarnLevel), Format: config.LogConsole}, "sandbox")
	defer func() { _ = log.Sync() }()
	ctx, cancel := app.Signals(context.Background())
	defer cancel()
	rates, err := mischief(c.Calm, c.Mischief, c.TimeScale)
	if err != nil {
		return err
	}
	conf := sandbox.Config{
		Addr: c.Addr, AdminAddr: c.AdminAddr, AllowPublic: c.AllowPublic, Merchants: up.SandboxMerchants(merchants),
		NotifyBase: c.Notify, TimeScale: c.TimeScale, Seed: c.Seed, Run: c.RunName, Mischief: rates, Logger: log,
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return usageError{errors.New("--tls-cert and --tls-key go together; give both or neither")}
	}
	if conf.TLS, err = tlsfiles.Server(tlsfiles.Files{Cert: c.TLSCert, Key: c.TLSKey}, time.Now, log); err != nil {
		return usageError{err}
	}
	registry := registry{Orders: gateway.Unannounced, installation: "sandbox"}
	if c.Announce {
		if registry, err = openRegistry(c.Merchants, log); err != nil {
			return err
		}
		defer registry.close()
		conf.OnCreate = func(ctx context.Context, o sandbox.Order) error {
			return up.Announce(ctx, registry.book, registry.installation, o)
		}
	}
	s, err := sandbox.New(conf)
	if errors.Is(err, sandbox.ErrPublic) {
		return usageError{fmt.Errorf("%w with --allow-public", err)}
	}
	if err != nil {
		return usageError{err}
	}
	if err := s.Start(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(io.out, "sandbox gateway  %s\nsandbox admin    %s\npushes to        %s\n", s.URL(), s.AdminURL(), c.Notify)
	return errors.Join(c.traffic(ctx, up.Shop{
		Gateway: s, Merchants: merchants.All(), Notify: c.Notify, PlainNotify: c.AllowPublic, Installation: registry.installation,
		Orders: registry.Orders, Seed: c.Seed, Run: c.RunName, Log: log,
	}), s.Close())
}

// mischief is what the sandbox does beyond its document; given are NAME=SHARE.
func mischief(calm bool, given []string, timeScale float64) (sandbox.Rates, error) {
	if timeScale <= 0 {
		return nil, usageError{errors.New("--time-scale: must be more than 0")}
	}
	own := sandbox.Rates{}
	for _, text := range given {
		name, share, _ := strings.Cut(text, "=")
		rate, err := strconv.ParseFloat(share, 64)
		if err != nil {
			return nil, usageError{fmt.Errorf("--mischief %s: give a name and a share from 0 to 1, such as push-form=0.5", text)}
		}
		own[sandbox.Mischief(name)] = rate
	}
	if calm {
		return own, nil
	}
	return sandbox.Hostile().With(own), nil
}

// traffic makes the orders that were asked for, and stays until ctx ends.
func (c *sandboxCmd) traffic(ctx context.Context, conf up.Shop) error {
	if c.Traffic > 0 || c.Orders > 0 {
		s, err := up.NewShop(conf)
		if err != nil {
			return err
		}
		if _, err := s.Run(ctx, shop.Traffic{Rate: c.Traffic, Total: c.Orders}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

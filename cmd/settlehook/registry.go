package main

import (
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/orders"
)

// registry is where a command registers the orders that it creates.
type registry struct {
	gateway.Orders
	book         *orders.Book // nil when they are not registered
	installation string
	close        func()
}

// openRegistry connects to the NATS of NATS_URL, as INSTALLATION. Whoever gets
// it closes it. The merchants file is the one of the command.
func openRegistry(merchantsFile string, log *zap.Logger) (registry, error) {
	env := app.Environ()
	env["MERCHANTS_FILE"] = merchantsFile
	cfg, err := config.LoadSetup(env)
	if err != nil {
		return registry{}, err
	}
	nc, js, err := app.Connect(cfg.NATS, "settlehook", log, func(error) {})
	if err != nil {
		return registry{}, err
	}
	book := orders.NewBook(js, cfg.NATS.PublishTimeout)
	return registry{Orders: book, book: book, installation: cfg.General.Installation, close: nc.Close}, nil
}

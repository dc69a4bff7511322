// Command receiver takes payment-gateway callbacks in: it verifies each one's
// signature, stores it in JetStream, and only then answers success. It is
// configured by environment variables; see docs/configuration.md.
package main

import (
	"context"
	"os"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
)

func main() {
	os.Exit(app.Main("receiver", config.LoadReceiver,
		func(c config.Receiver) config.Log { return c.Log },
		func(ctx context.Context, c config.Receiver, o app.Options) error {
			r, err := app.NewReceiver(ctx, c, o)
			if err != nil {
				return err
			}
			return r.Run(ctx)
		}))
}

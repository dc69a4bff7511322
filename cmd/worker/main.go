// Command worker reconciles callbacks: it asks the gateway's order API, decides,
// and emits settled, failed, reversed and review events. It is configured by
// environment variables; see docs/configuration.md.
package main

import (
	"context"
	"os"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
)

func main() {
	os.Exit(app.Main("worker", config.LoadWorker,
		func(c config.Worker) config.Log { return c.Log },
		func(ctx context.Context, c config.Worker, o app.Options) error {
			w, err := app.NewWorker(ctx, c, o)
			if err != nil {
				return err
			}
			return w.Run(ctx)
		}))
}

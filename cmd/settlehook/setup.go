package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/sweep"
)

type setupCmd struct {
	Timeout   time.Duration `default:"1m" help:"Longest the set-up may take."`
	NewLedger bool          `help:"Begin an empty ledger beside callbacks and orders that are there, because it was lost and there is no backup. Take the consumers of CALLBACKS and ORDERS away first (deploy/k8s/README.md), and all of them are told again, under the same event ids."`
}

// Help stands below the usage.
func (setupCmd) Help() string {
	return `NATS_URL, INSTALLATION, MERCHANTS_FILE and the sizes and ages of the streams are environment
variables (docs/configuration.md). Running it again changes nothing; a stream that was
weakened is mended. A ledger that is missing beside callbacks that are there is not made
anew: restore it (deploy/k8s/README.md).

    NATS_URL=nats://setup:PASSWORD@nats:4222 NATS_INBOX_PREFIX=_INBOX_setup INSTALLATION=prod \
    MERCHANTS_FILE=merchants.yaml settlehook setup`
}

// Run creates or updates the streams and consumers, and verifies them.
func (c *setupCmd) Run(io streams) error {
	cfg, err := config.LoadSetup(app.Environ())
	if err != nil {
		return usageError{err}
	}
	log := app.NewLogger(cfg.Log, "settlehook")
	merchants, err := config.LoadMerchants(cfg.Merchants.Path)
	if err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	nc, js, err := app.Connect(cfg.NATS, "setup", log, func(error) {})
	if err != nil {
		return err
	}
	defer nc.Close()
	if c.NewLedger {
		if err := stream.NewLedger(ctx, js, cfg.Topology); err != nil {
			return err
		}
	}
	err = app.Setup(ctx, js, cfg.Topology, cfg.Sweep, merchants)
	if errors.Is(err, stream.ErrLedgerMissing) {
		return fmt.Errorf("%w; where there is no backup, and that is what you want: settlehook setup --new-ledger", err)
	}
	if err != nil {
		return err
	}
	if err := stream.Verify(ctx, js, cfg.Topology); err != nil {
		return err
	}
	for _, s := range stream.Declare(cfg.Topology) {
		_, _ = fmt.Fprintf(io.out, "stream   %-10s  %s\n", s.Name, s.Description)
	}
	for _, m := range merchants.All() {
		_, _ = fmt.Fprintf(io.out, "consumer %s on %s\n", stream.ReconcilerName(m.ID), stream.Callbacks)
		for _, tier := range sweep.Plan(cfg.Sweep.Delays, cfg.Sweep.LookBack) {
			d := stream.Sweeper(m.ID, tier, cfg.Topology.AckWait)
			_, _ = fmt.Fprintf(io.out, "consumer %s on %s, after %s\n", d.Config.Durable, d.Stream, tier.Delay)
		}
	}
	return nil
}

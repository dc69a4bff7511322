package shop

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
	"github.com/settlehook/settlehook/pkg/region"
)

// Merchant is one merchant that makes orders.
type Merchant struct {
	ID       string
	Currency string
	Region   region.Region
	// Client creates the orders, and registers them.
	Client *gateway.Client
}

// Config is what a shop is made of.
type Config struct {
	Merchants []Merchant
	// ExpectPayer is called before a collection is created: somebody will pay it.
	ExpectPayer func(merchant, orderID string)
	// Seed and Run decide which orders are made: the same of both make the same.
	Seed uint64
	Run  string
	// Logger takes what goes wrong. Default: none.
	Logger *zap.Logger
}

// Shop makes orders.
type Shop struct {
	cfg    Config
	log    *zap.Logger
	prefix string
}

// New returns a shop. It fails when there is nobody to make orders.
func New(cfg Config) (*Shop, error) {
	if len(cfg.Merchants) == 0 {
		return nil, errors.New("shop: no merchant is configured")
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/shop", cfg.Seed, cfg.Run))
	return &Shop{cfg: cfg, log: cfg.Logger, prefix: "sb-" + hex.EncodeToString(sum[:6])}, nil
}

// maxTries bounds how often one order is tried: the sandbox refuses and breaks
// off a few calls in a hundred, and an order whose creation is unknown must be
// tried again under its id, or asked about.
const maxTries = 8

// create creates an order, under one id however often it takes. It reports
// false for an order that was refused.
func (s *Shop) create(ctx context.Context, p plan) (bool, error) {
	if p.flow == events.FlowCollect {
		s.cfg.ExpectPayer(p.m.ID, p.orderID)
	}
	var err error
	for range maxTries {
		if err = p.send(ctx); err == nil {
			return true, nil
		}
		var exists *gateway.ExistsError
		var refused *gateway.RefusedError
		switch {
		case errors.As(err, &exists):
			return true, nil // an earlier try did it
		case errors.As(err, &refused) && refused.Withdrawn, errors.Is(err, gateway.ErrInvalidRequest), ctx.Err() != nil:
			return false, err
		}
	}
	return false, fmt.Errorf("given up after %d tries: %w", maxTries, err)
}

// stream is the source of random numbers of the i-th order.
func (s *Shop) stream(i int) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/shop/%d", s.cfg.Seed, s.cfg.Run, i))
	//nolint:gosec // orders must be repeatable, not secret
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

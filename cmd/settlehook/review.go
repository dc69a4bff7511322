package main

import (
	"context"
	"fmt"
	"time"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/operator"
	"github.com/settlehook/settlehook/internal/stream"
)

// reviewCmd deals with orders that need a person.
type reviewCmd struct {
	Ls      reviewLsCmd      `cmd:"" help:"List reviews, the open ones unless told otherwise."`
	Show    reviewShowCmd    `cmd:"" help:"Show one with all its evidence, and what can be done."`
	Resolve reviewResolveCmd `cmd:"" help:"Decide what became of the order, or dismiss the review."`
}

// Help stands below the usage.
func (reviewCmd) Help() string {
	return `A review asks a person to look at an order about which gateway, callback and order service do not
agree. Resolving it tells downstream an outcome, or none, and records who decided and why.

    settlehook review ls --merchant m1001
    settlehook review show m1001/A1/review/amount_mismatch-1a2b3c4d --ask
    settlehook review resolve m1001/A1/review/amount_mismatch-1a2b3c4d --as settled --why 'partial payment, agreed with the shop'

NATS_URL, INSTALLATION and MERCHANTS_FILE are environment variables (docs/configuration.md).`
}

// reviewChoice names a review.
type reviewChoice struct {
	ID       string        `arg:"" help:"Id of the review, as 'review ls' prints it; with --merchant, the order id."`
	Merchant merchantName  `placeholder:"ID" help:"The merchant, where an order is named that has one open review."`
	Timeout  time.Duration `default:"10s" help:"Longest to wait for the gateway (${default})."`
}

func (c reviewChoice) find(ctx context.Context, reviews *cases.Reviews) (stream.Review, error) {
	if c.Merchant != "" {
		return reviews.OneOpen(ctx, string(c.Merchant), c.ID)
	}
	id, err := cases.ParseReviewID(c.ID)
	if err != nil {
		return stream.Review{}, usageError{fmt.Errorf("%q is %w", c.ID, err)}
	}
	r, err := reviews.Find(ctx, id)
	return r, gone(err)
}

// reviewFile is a review with what it takes to look at it and to resolve it.
type reviewFile struct {
	operator.Party
	reviews *cases.Reviews
	review  stream.Review
}

// open finds the review; ask: and its merchant's gateway.
func (c reviewChoice) open(ctx context.Context, d *desk, ask bool) (f reviewFile, err error) {
	if f.reviews, err = d.Reviews(ctx); err != nil {
		return f, err
	}
	if f.review, err = c.find(ctx, f.reviews); err != nil {
		return f, err
	}
	if !ask {
		f.Party = operator.Unasked(f.review)
		return f, nil
	}
	f.Party, err = d.Asked(f.review, c.Timeout)
	return f, asUsage(err)
}

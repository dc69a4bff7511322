// Package operator is the desk at which a person deals with an installation: its
// streams under the person's own credentials, and what the commands and the
// console both do there.
package operator

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/orderapi"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// Desk is the streams, and the settings.
type Desk struct {
	Cfg config.Operator
	NC  *nats.Conn
	JS  jetstream.JetStream
}

// Open connects. Whoever gets the desk closes it.
func Open(cfg config.Operator, log *zap.Logger) (*Desk, error) {
	nc, js, err := app.Connect(cfg.NATS, "operator", log, func(error) {})
	if err != nil {
		return nil, err
	}
	return &Desk{Cfg: cfg, NC: nc, JS: js}, nil
}

// Close ends the connection.
func (d *Desk) Close() { d.NC.Close() }

// Timeout bounds each operation on a stream.
func (d *Desk) Timeout() time.Duration { return d.Cfg.NATS.PublishTimeout }

// Who is the person, as the servers know them.
func (d *Desk) Who(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout())
	defer cancel()
	who, err := stream.Identity(ctx, d.NC)
	if utf8.RuneCountInString(who) > events.MaxByRunes {
		who = string([]rune(who)[:events.MaxByRunes])
	}
	return who, err
}

// Reviews is what deals with reviews.
func (d *Desk) Reviews(ctx context.Context) (*cases.Reviews, error) {
	log, err := stream.OpenReviewLog(ctx, d.JS, d.Timeout())
	if err != nil {
		return nil, err
	}
	ledger, err := stream.OpenLedger(ctx, d.JS, d.Timeout())
	if err != nil {
		return nil, err
	}
	orders, err := stream.OpenOrders(ctx, d.JS, d.Timeout())
	if err != nil {
		return nil, err
	}
	return cases.NewReviews(log, ledger, orders, d.Cfg.General.Installation, time.Now), nil
}

// Parked is what deals with parked callbacks.
func (d *Desk) Parked(ctx context.Context) (*cases.Parked, error) {
	store, err := stream.OpenParked(ctx, d.JS, d.Timeout())
	if err != nil {
		return nil, err
	}
	return cases.NewParked(store, time.Now), nil
}

// Quarantine is what deals with refused callbacks; to redrive, it needs a judge.
func (d *Desk) Quarantine(ctx context.Context, judge cases.Judge) (*cases.Quarantine, error) {
	store, err := stream.OpenQuarantine(ctx, d.JS, d.Timeout())
	if err != nil {
		return nil, err
	}
	return cases.NewQuarantine(store, judge), nil
}

// Told is the id of an order's last outcome event, empty if there is none.
func (d *Desk) Told(ctx context.Context, merchant, orderID string) (string, error) {
	if orderID == "" || merchant == "" || merchant == stream.Unknown {
		return "", nil
	}
	ledger, err := stream.OpenLedger(ctx, d.JS, d.Timeout())
	if err != nil {
		return "", err
	}
	last, err := ledger.Last(ctx, merchant, orderID)
	if err != nil || last == nil {
		return "", err
	}
	return last.Event.ID, nil
}

// MerchantError is the error of a merchant that the merchants file does not
// have, or whose gateway can't be asked as it is configured.
type MerchantError struct{ error }

func (e *MerchantError) Unwrap() error { return e.error }

// Merchant reads one merchant of a merchants file, as it is now.
func Merchant(file, id string) (*config.Merchant, error) {
	all, err := config.LoadMerchants(file)
	if err != nil {
		return nil, err
	}
	m, found := all.Get(id)
	if !found {
		return nil, &MerchantError{fmt.Errorf("merchant %q is not in %s", id, file)}
	}
	return m, nil
}

// Party is a review's merchant, and the gateway that is asked about its order.
type Party struct {
	Merchant reconcile.Merchant
	Gateway  reconcile.Gateway
	Release  func() // frees what the gateway keeps
}

// Unasked is the party of a review as far as the review knows it: enough where
// nobody is asked.
func Unasked(r stream.Review) Party {
	p := r.Event.Data.Common()
	return Party{
		Merchant: reconcile.Merchant{ID: p.Merchant, Account: p.Account, Currency: p.Currency, Location: time.UTC},
		Gateway:  cases.Unasked{}, Release: func() {},
	}
}

// Asked is the party of a review with the merchant as it is configured, and its
// order query; timeout bounds each question.
func (d *Desk) Asked(r stream.Review, timeout time.Duration) (Party, error) {
	m, err := Merchant(d.Cfg.Merchants.Path, r.Event.Data.Common().Merchant)
	if err != nil {
		return Party{}, err
	}
	client, err := gateway.NewClient(gateway.Config{
		BaseURL: m.Gateway, Account: m.Account, Keyring: m.Keyring, Timeout: timeout, NotFound: m.NotFound,
	})
	if err != nil {
		return Party{}, &MerchantError{err}
	}
	return Party{app.MerchantFacts(m), orderapi.NewAsker(client, timeout), client.CloseIdleConnections}, nil
}

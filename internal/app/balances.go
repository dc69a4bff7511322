package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/pkg/gateway"
)

var errNoRoom = errors.New("the merchant's query rate has no room")

// balanceMetrics show what the gateways hold for the merchants, for looking at
// and for an alarm in time, not for booking: they are floating point.
type balanceMetrics struct {
	balance, minimum, at *prometheus.GaugeVec
}

func newBalanceMetrics(r *prometheus.Registry) *balanceMetrics {
	m := &balanceMetrics{
		balance: gauge("merchant_balance", "A merchant's balance at the gateway, in major currency units.", "merchant", "currency", "kind"),
		minimum: gauge("merchant_balance_minimum", "The usable balance below which the merchants file asks for an alarm, in major currency units.", "merchant", "currency"),
		at:      gauge("merchant_balance_timestamp_seconds", "When the gateway last told a merchant's balance.", "merchant"),
	}
	r.MustRegister(m.balance, m.minimum, m.at)
	return m
}

// watchBalances asks for the merchants' balances until ctx ends. Merchants are
// asked side by side: a gateway that hangs delays nobody else's.
func (w *Worker) watchBalances(ctx context.Context) error {
	m, every := newBalanceMetrics(w.admin.registry), w.cfg.Survey.BalanceInterval
	if every == 0 {
		return nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	shown := map[string]bool{}
	for {
		var asking sync.WaitGroup
		m.minimum.Reset()
		m.forget(shown, w.merchants.Current())
		for _, merchant := range w.merchants.Current().All() {
			shown[merchant.ID] = true
			if least := merchant.BalanceMinimum; least != nil {
				value, _ := least.Float64()
				m.minimum.WithLabelValues(merchant.ID, merchant.Currency).Set(value)
			}
			asking.Go(func() { w.askBalance(ctx, m, merchant) })
		}
		asking.Wait()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// forget takes away what was shown of merchants that are gone: it would grow old
// and be an alarm for ever.
func (m *balanceMetrics) forget(shown map[string]bool, now *config.Merchants) {
	for id := range shown {
		if _, there := now.Get(id); there {
			continue
		}
		delete(shown, id)
		m.balance.DeletePartialMatch(prometheus.Labels{"merchant": id})
		m.at.DeleteLabelValues(id)
	}
}

// askBalance asks once, within the merchant's rate; where that has no room it is
// left for the next round.
func (w *Worker) askBalance(ctx context.Context, m *balanceMetrics, merchant *config.Merchant) {
	balance, err := w.balance(ctx, merchant)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.log.Warn("a merchant's balance could not be read; trying again", zap.String("merchant", merchant.ID), zap.Error(err))
		return
	}
	all, _ := balance.All.Float64()
	usable, _ := balance.Usable.Float64()
	m.balance.WithLabelValues(merchant.ID, merchant.Currency, "all").Set(all)
	m.balance.WithLabelValues(merchant.ID, merchant.Currency, "usable").Set(usable)
	m.at.WithLabelValues(merchant.ID).Set(float64(w.fleet.clock().UnixMilli()) / 1000)
}

func (w *Worker) balance(ctx context.Context, merchant *config.Merchant) (gateway.Balance, error) {
	r := w.cfg.Reconcile
	wait, ok := w.fleet.rate(merchant.ID, merchant.RatePerSecond()).Reserve(ctx, r.RateWaitMax)
	if !ok {
		return gateway.Balance{}, errNoRoom
	}
	turn := time.NewTimer(wait)
	defer turn.Stop()
	select {
	case <-ctx.Done():
		return gateway.Balance{}, ctx.Err()
	case <-turn.C:
	}
	client, err := gateway.NewClient(gateway.Config{
		BaseURL: merchant.Gateway, Account: merchant.Account, Keyring: merchant.Keyring, Timeout: r.QueryTimeout,
	})
	if err != nil {
		return gateway.Balance{}, err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, r.QueryTimeout)
	defer cancel()
	return client.QueryBalance(ctx)
}

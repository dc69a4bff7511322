package doctor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/orderapi"
	"github.com/settlehook/settlehook/pkg/gateway"
)

// gatewaysAtOnce bounds how many gateways are asked at the same time.
const gatewaysAtOnce = 8

// gateways asks each merchant's gateway for the balance, which moves nothing.
func gateways(ctx context.Context, v *visit) ([]Finding, error) {
	merchants, err := v.merchants.get(ctx)
	if err != nil {
		return nil, err
	}
	// Each question takes its turn in the merchant's rate, which workers share in
	// Redis. Without Redis it is just asked: it is one.
	client, _ := v.redis.get(ctx)
	all := merchants.All()
	answers := make([]Finding, len(all))
	var sandboxes atomic.Int64
	places := make(chan struct{}, gatewaysAtOnce)
	var asking sync.WaitGroup
	for i, m := range all {
		asking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			var sandbox bool
			if answers[i], sandbox = v.askGateway(ctx, m, client); sandbox {
				sandboxes.Add(1)
			}
		})
	}
	asking.Wait()
	var found []Finding
	for _, f := range answers {
		if f.Status != OK {
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	say := "each gateway answers to its merchant's key"
	if n := sandboxes.Load(); n > 0 {
		say += fmt.Sprintf("; of %d %s a sandbox does: no real money", n, plural(int(n), "merchant", "merchants"))
	}
	return []Finding{ok("%s", say)}, nil
}

// askGateway asks one merchant's gateway once. sandbox: it moves no real money.
func (v *visit) askGateway(ctx context.Context, m *config.Merchant, shared redis.UniversalClient) (f Finding, sandbox bool) {
	s := v.o.Settings
	client, err := gateway.NewClient(gateway.Config{
		BaseURL: m.Gateway, Account: m.Account, Keyring: m.Keyring, Timeout: min(s.Reconcile.QueryTimeout, v.o.Timeout/2),
	})
	if err != nil {
		return fail("mend the merchant in "+s.Merchants.Path, "merchant %s: %v", m.ID, err), false
	}
	defer client.CloseIdleConnections()
	if shared != nil && !v.turn(ctx, m, shared) {
		return skipped("settlehook doctor --only gateways, when less is asked",
			"merchant %s: the workers use up its query rate, so that the gateway was not asked", m.ID), false
	}
	balance, err := client.QueryBalance(ctx)
	return gatewayFinding(m, s.Merchants.Path, err), balance.Sandbox
}

// turn waits for a turn in a merchant's rate, if it comes soon.
func (v *visit) turn(ctx context.Context, m *config.Merchant, shared redis.UniversalClient) bool {
	s := v.o.Settings
	rate := orderapi.NewRate(shared, s.Redis.KeyPrefix, m.ID, m.RatePerSecond(), s.Reconcile.MaxWorkers, s.Reconcile.RateWaitMax)
	wait, ours := rate.Reserve(ctx, min(s.Reconcile.RateWaitMax, v.o.Timeout/3))
	if !ours {
		return false
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return true
}

// gatewayFinding words what came of a merchant's question. What a gateway said
// is a line, without secrets, by the client.
func gatewayFinding(m *config.Merchant, file string, err error) Finding {
	var (
		business  *gateway.BusinessError
		transport *gateway.TransportError
	)
	switch {
	case err == nil:
		return ok("merchant %s", m.ID)
	case errors.As(err, &business):
		return fail(fmt.Sprintf("compare account %q and key %q of %s in %s with the gateway's, and have it allow this address; then settlehook gateway balance --merchants %s --merchant %s",
			m.Account, m.Keyring.SigningKey().ID, m.ID, file, file, m.ID), "merchant %s: %v", m.ID, err)
	case errors.As(err, &transport):
		return fail(fmt.Sprintf("check the gateway's address in %s, and that this machine may reach it: curl -v %s", file, m.Gateway),
			"merchant %s: no answer from %s: %v", m.ID, m.Gateway, err)
	default:
		return fail(fmt.Sprintf("ask whoever runs %s; settlehook gateway balance --merchants %s --merchant %s shows it again", m.Gateway, file, m.ID),
			"merchant %s: %v", m.ID, err)
	}
}

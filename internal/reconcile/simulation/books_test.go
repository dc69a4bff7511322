package simulation

import (
	"context"
	"errors"
	"time"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// The amounts of all histories, read once.
var known, decimals = func() (map[string]events.Amount, map[string]decimal.Decimal) {
	a, d := map[string]events.Amount{}, map[string]decimal.Decimal{}
	for _, s := range []string{"0", "500", "998", "999", "1000", "1000.00", "1001.5"} {
		a[s], d[s] = events.MustParseAmount(s), decimal.MustParse(s)
	}
	return a, d
}()

// answered is one answer that the gateway gave.
type answered struct {
	at     time.Time
	step   int
	answer reconcile.Answer
}

// books are one merchant's gateway: the exact books of its orders, and what it
// ever answered. No order's past changes in them.
type books struct {
	*play
	merchant int
	orders   map[string]*order
	answers  map[string][]answered
}

// Query implements reconcile.Gateway.
func (b *books) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	if err := ctx.Err(); err != nil {
		return reconcile.Answer{}, &reconcile.Unavailable{Cause: "transport", Err: err}
	}
	switch {
	case b.upset(gatewayDown, b.merchant):
		return reconcile.Answer{}, &reconcile.Unavailable{Cause: "transport", Err: errors.New("the gateway is down")}
	case b.upset(gatewayBusy, b.merchant):
		return reconcile.Answer{}, &reconcile.Unavailable{Cause: reconcile.CauseRate, NotAsked: true, After: 30 * time.Second}
	}
	a := b.says(orderID, b.since())
	switch {
	case b.upset(otherOrder, b.merchant):
		a = reconcile.Answer{OtherOrder: true}
	case b.upset(unreadable, b.merchant):
		a = reconcile.Answer{Unreadable: true}
	}
	b.answers[orderID] = append(b.answers[orderID], answered{time.Now(), b.steps, a})
	return a, nil
}

// says is what the query answers at a moment when all is well.
func (b *books) says(orderID string, at time.Duration) reconcile.Answer {
	o := b.orders[orderID]
	if o == nil || at < o.Known || o.Unknown {
		return reconcile.Answer{}
	}
	a := reconcile.Answer{Found: true, Status: callback.Submitted, PlatOrderID: plat, Amount: known["0"], Fee: known["0"]}
	for _, c := range o.Life {
		if at < c.At+o.Lag {
			break
		}
		a.Status, a.PlatOrderID, a.Amount = c.Status, c.Plat, known[c.Amount]
	}
	return a
}

// upset reports whether trouble of a kind is on, for a merchant.
func (p *play) upset(k kind, merchant int) bool {
	now := p.since()
	for _, u := range p.h.Upsets {
		if u.Kind == k && u.At <= now && now < u.At+u.For && u.Who%2 == merchant {
			return true
		}
	}
	return false
}

// shared is upset for what all merchants share.
func (p *play) shared(k kind) bool { return p.upset(k, 0) || p.upset(k, 1) }

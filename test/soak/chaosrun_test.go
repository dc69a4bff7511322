package soak

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestChaos: orders of hostile sandbox gateways, created over their API, go
// through receiver and two workers while all of it is killed, stopped, made to
// forget, cut off and lied to. At the end the gateways' books and the ledger
// agree, order by order and amount by amount.
func TestChaos(t *testing.T) {
	const seed, lasts, acts = 4, 40 * time.Second, 20
	m := newMarket(t, seed)
	begun := time.Now()
	ctx, stop := context.WithTimeout(context.Background(), lasts)
	var trading sync.WaitGroup
	for _, merchant := range m.r.merchants.All() {
		trading.Go(func() { m.trade(ctx, merchant, 25) })
	}
	defer trading.Wait() // before what it uses is closed
	defer stop()

	c := newChaos(m.r, seed, m.misbehave()...)
	c.perform(acts, func() float64 { return min(1, float64(time.Since(begun))/float64(lasts)) })
	trading.Wait()
	for id, g := range m.gateways {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := g.WaitIdle(ctx); err != nil {
			t.Errorf("gateway of %s: %v", id, err)
		}
		cancel()
	}
	a := m.r.judge(m.accounts)
	if a.orders < m.created {
		t.Errorf("%d orders created, and %d in the books", m.created, a.orders)
	}
	t.Logf("%d orders created, %d refused, %d events, %d kills, %d stops; told: %v", m.created, m.refused, a.events, c.kills, c.stops, a.told)
}

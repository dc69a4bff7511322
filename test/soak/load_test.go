package soak

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/orders"
)

// loadCreators is how many orders are registered at once.
const loadCreators = 8

// merchantsFile is the load's part of the merchants file; <load> stands for the
// gateway's address.
func (g *loadGateway) merchantsFile() string {
	var b bytes.Buffer
	for _, m := range g.merchants {
		fmt.Fprintf(&b, `  - id: %s
    account: %q
    currency: INR
    region: india
    timezone: Asia/Kolkata
    payFee: added
    gateway: <load>
    rate: 10000
    keys: [{id: "now", secret: %q}]
`, m.id, m.account, string(m.secret))
	}
	return b.String()
}

// make makes orders until ctx ends, as fast as they are asked about where no rate
// is given.
func (g *loadGateway) make(ctx context.Context, book *orders.Book, perSecond float64) {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	pace := rate.NewLimiter(limit, 10)
	var creators sync.WaitGroup
	for range loadCreators {
		creators.Go(func() {
			for {
				select {
				case g.slots <- struct{}{}:
				case <-ctx.Done():
					return
				}
				if pace.Wait(ctx) != nil {
					return
				}
				o := g.draw()
				if o.registered {
					o.submit(context.WithoutCancel(ctx), book)
				}
				g.enter(o)
			}
		})
	}
	creators.Wait()
}

// submit registers an order, however often it takes: without it the order would
// not be sent to the gateway.
func (o *order) submit(ctx context.Context, book *orders.Book) {
	amount, err := events.NewAmount(o.submitted.decimal())
	if err != nil {
		panic(err)
	}
	e, err := events.NewSubmitted(installation, time.Now(), events.SubmittedOrder{
		Flow: o.flow, Merchant: o.m.id, OrderID: o.id, Amount: amount, Currency: "INR",
	})
	if err != nil {
		panic(err)
	}
	for {
		if _, err := book.Submit(ctx, e); err == nil {
			return
		}
		<-time.After(100 * time.Millisecond) // it would fail as fast as it is called
	}
}

package reconciletest

import (
	"context"
	"sync"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/pkg/events"
)

// Reply is one answer of the order query, or the lack of one.
type Reply struct {
	Answer reconcile.Answer
	Err    error
}

// Succeeded says that the order was paid, and how much.
func Succeeded(platOrderID, amount string) Reply {
	return found(callback.Success, platOrderID, amount)
}

// Failed says that the order failed, with amount 0.
func Failed(platOrderID string) Reply { return found(callback.Failed, platOrderID, "0") }

// Open says that the order is not final.
func Open(platOrderID string) Reply { return found(callback.Submitted, platOrderID, "0") }

// NotFound says that the gateway knows no such order.
func NotFound() Reply { return Reply{} }

// Down is a gateway that can't be asked.
func Down(cause string) Reply { return Reply{Err: &reconcile.Unavailable{Cause: cause}} }

func found(s callback.Status, platOrderID, amount string) Reply {
	return Reply{Answer: reconcile.Answer{
		Found: true, Status: s, PlatOrderID: platOrderID,
		Amount: events.MustParseAmount(amount), Fee: events.MustParseAmount("0"),
	}}
}

// Gateway is a scripted gateway. An order it was told nothing about is not
// found.
type Gateway struct {
	mu     sync.Mutex
	script map[string][]Reply
	asked  map[string]int
}

// NewGateway returns a gateway without orders.
func NewGateway() *Gateway { return &Gateway{script: map[string][]Reply{}, asked: map[string]int{}} }

// Says sets what the next queries of an order answer, one after the other; the
// last answer stays.
func (g *Gateway) Says(orderID string, replies ...Reply) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.script[orderID] = replies
}

// Asked is how often an order was queried.
func (g *Gateway) Asked(orderID string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[orderID]
}

// Query implements reconcile.Gateway.
func (g *Gateway) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return reconcile.Answer{}, &reconcile.Unavailable{Cause: "transport", Err: err}
	}
	g.asked[orderID]++
	script := g.script[orderID]
	if len(script) == 0 {
		return reconcile.Answer{}, nil
	}
	if len(script) > 1 {
		g.script[orderID] = script[1:]
	}
	return script[0].Answer, script[0].Err
}

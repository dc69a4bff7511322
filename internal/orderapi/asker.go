package orderapi

import (
	"context"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Asker asks for a person: at once, outside of the workers' rate and breaker,
// with the workers' reading of the answer.
type Asker struct {
	client  Client
	timeout time.Duration
}

var _ reconcile.Gateway = Asker{}

// NewAsker returns an asker; timeout bounds each question.
func NewAsker(client Client, timeout time.Duration) Asker {
	return Asker{client: client, timeout: timeout}
}

// Query implements reconcile.Gateway.
func (a Asker) Query(ctx context.Context, orderID string) (reconcile.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return read(a.client.QueryOrder(ctx, orderID))
}

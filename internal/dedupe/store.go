package dedupe

import (
	"context"
	"time"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// Store is one place that keeps claims. Implementations pass the conformance
// suite in dedupetest.
type Store interface {
	// Claim takes key for token until lease is over, atomically, unless it is
	// held or done, and reads the attempts spent on it. A token that holds the
	// key already owns it still; its lease is not renewed.
	Claim(ctx context.Context, key, token string, lease time.Duration) (reconcile.Claim, error)
	// Done marks key done with a ledger sequence, over whatever stands there,
	// and forgets its attempts.
	Done(ctx context.Context, key string, sequence uint64) error
	// Release removes the claim if token holds it; with a reason in spent it
	// adds one to the attempts for that reason, whoever holds the key now.
	Release(ctx context.Context, key, token string, spent reconcile.Reason) error
	// Forget removes a done mark; a claim stays.
	Forget(ctx context.Context, key string) error
}

package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
)

// ErrLedgerMissing says that there are callbacks or orders, and no ledger of what
// downstream was told about them. Beginning an empty one would tell all of it
// again: a restore comes first.
var ErrLedgerMissing = errors.New("the ledger is missing")

// guardLedger refuses to begin a ledger beside streams that have had messages:
// receivers accept nothing before all streams are there, so the ledger was lost.
func guardLedger(ctx context.Context, js jetstream.JetStream) error {
	if last, err := lastSequence(ctx, js, Payments); last >= 0 || err != nil {
		return err
	}
	for _, name := range []string{Callbacks, Orders} {
		last, err := lastSequence(ctx, js, name)
		if err != nil {
			return err
		}
		if last > 0 {
			return fmt.Errorf("%w: stream %s is not there, but %s has had messages; restore it from a backup, since with an empty one everything would be told again",
				ErrLedgerMissing, Payments, name)
		}
	}
	return nil
}

// lastSequence is how many messages a stream has had; -1 when it is not there.
func lastSequence(ctx context.Context, js jetstream.JetStream, name string) (int64, error) {
	s, err := openStream(ctx, js, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return int64(s.CachedInfo().State.LastSeq), nil
}

// NewLedger begins an empty ledger where [Setup] refuses to, because there is no
// backup to restore. What is looked at again is told again, under the same event
// ids; all that is kept is, once the durables of CALLBACKS and ORDERS are set
// back. What downstream was told of anything older is forgotten.
func NewLedger(ctx context.Context, js jetstream.JetStream, t config.Topology) error {
	for _, c := range Declare(t) {
		if c.Name == Payments {
			return setupStream(ctx, js, complete(c, t.Replicas))
		}
	}
	return nil
}

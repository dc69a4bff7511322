package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// installation compares INSTALLATION with that of the ledger's last event.
// Downstream tells events apart by their source too: a new name would make the
// same outcome a new event.
func installation(ctx context.Context, v *visit) ([]Finding, error) {
	if _, err := v.stream(ctx, stream.Payments); err != nil {
		return nil, err
	}
	l, err := v.nats.get(ctx)
	if err != nil {
		return nil, err
	}
	s, err := l.js.Stream(ctx, stream.Payments)
	if err != nil {
		return nil, err
	}
	raw, err := s.GetLastMsgForSubject(ctx, "payments.v1.>")
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return []Finding{ok("the ledger is empty: any INSTALLATION fits")}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the last event: %w", err)
	}
	e, err := events.Decode(raw.Data)
	if err != nil {
		return []Finding{fail("find out who publishes to "+stream.Payments+" and take that permission away (deploy/nats/permissions.conf)",
			"message %d, the last of %s, is no event of ours: %v", raw.Sequence, stream.Payments, err)}, nil
	}
	mine := v.o.Settings.General.Installation
	if theirs := e.Installation(); theirs != mine {
		return []Finding{fail("set INSTALLATION="+theirs+" in the environment of every program, and restart them",
			"INSTALLATION is %s, but the ledger's last event is of %s: it must never change", mine, theirs)}, nil
	}
	return []Finding{ok("the ledger's last event is of %s", mine)}, nil
}

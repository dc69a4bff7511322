package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/settlehook/settlehook/internal/stream"
)

// topology names each field of a stream that breaks a guarantee.
func topology(ctx context.Context, v *visit) ([]Finding, error) {
	infos, err := v.streams.get(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, name := range stream.Names() {
		if infos[name] == nil {
			found = append(found, infos.missing(name))
		}
	}
	l, err := v.nats.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Verify(ctx, l.js, v.o.Settings.Topology); err != nil {
		broken := brokenFields(err)
		if len(broken) == 0 {
			return found, err
		}
		for _, b := range broken {
			if b.Field != "stream" { // a missing one is there already
				found = append(found, fieldFinding(b))
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("%d streams as declared", len(infos))}, nil
}

// brokenFields takes a joined error apart.
func brokenFields(err error) []*stream.TopologyError {
	if many, joined := err.(interface{ Unwrap() []error }); joined {
		var list []*stream.TopologyError
		for _, one := range many.Unwrap() {
			list = append(list, brokenFields(one)...)
		}
		return list
	}
	var one *stream.TopologyError
	if errors.As(err, &one) {
		return []*stream.TopologyError{one}
	}
	return nil
}

// What nats-server 2.15.2 does not change in a stream or consumer that is there.
var (
	fixedInStream   = []string{"storage", "deny_delete", "deny_purge", "sealed", "persist_mode", "allow_msg_ttl", "mirror"}
	fixedInConsumer = []string{"deliver_policy", "ack_policy", "replay_policy", "mem_storage"}
)

func fieldFinding(b *stream.TopologyError) Finding {
	mend := "settlehook setup"
	where := "stream " + b.Stream
	switch {
	case b.Consumer != "":
		where = "consumer " + b.Consumer + " on " + b.Stream
		if slices.Contains(fixedInConsumer, b.Field) {
			mend = fmt.Sprintf("nats consumer rm %s %s, then settlehook setup: everything comes again, and what is decided costs a query each", b.Stream, b.Consumer)
		}
	// deny_delete and deny_purge can be switched on, not off; what is declared
	// is on.
	case slices.Contains(fixedInStream, b.Field) && b.Want != "true":
		mend = fmt.Sprintf("stop the programs, nats stream backup %[1]s DIR, remove the stream, settlehook setup, and publish the backup's messages again (docs/doctor.md#a-field-that-no-set-up-changes)", b.Stream)
	}
	return fail(mend, "%s: %s is %s, must be %s: %s", where, b.Field, b.Got, b.Want, b.Why)
}

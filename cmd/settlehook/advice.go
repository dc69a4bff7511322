package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/nats-io/nats.go/jetstream"
)

// advised adds to a failure of NATS what the caller can do about it.
func advised(err error) error {
	var http *url.Error
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("%w; 'settlehook setup' makes the streams", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("%w; these servers need JetStream (nats-server -js)", err)
	case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &http):
		return fmt.Errorf("%w; no answer came: may this NATS user do that, and is NATS_INBOX_PREFIX its own "+
			"(deploy/nats/permissions.conf)? Are all servers up? 'settlehook doctor' tells", err)
	default:
		return err
	}
}

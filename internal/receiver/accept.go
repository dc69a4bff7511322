package receiver

import (
	"context"
	"errors"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// parse reads the raw parameters (gateway page, verification rule 1).
func (x *exchange) parse() *refusal {
	var err error
	if x.params, err = sign.Parse(x.contentType(), x.body); err != nil {
		return refuseMalformed(err)
	}
	return nil
}

// verify applies verification rules 1 to 5 of the gateway page with the
// merchant's keys.
func (x *exchange) verify() *refusal {
	var err error
	x.verified, err = x.configured.Keyring.VerifyCallback(x.params, x.configured.Policy)
	var unsigned *sign.SignatureError
	switch {
	case errors.As(err, &unsigned):
		return refuseSignature(unsigned)
	case err != nil:
		return refuseMalformed(err)
	}
	return nil
}

// readCallback gives the parameters their types.
func (x *exchange) readCallback() *refusal {
	var err error
	if x.callback, err = callback.FromParams(x.verified.Params); err != nil {
		return refuseMalformed(err)
	}
	return nil
}

// store publishes the callback and waits for the PubAck, as long as the
// publish time-out and whether or not the sender is still there: cutting the
// wait short would only make it unknown whether the callback is stored. A
// sender that is gone pushes again, and the stream drops the repetition.
func (x *exchange) store() *refusal {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.h.opts.PublishTimeout)
	defer cancel()
	var err error
	x.receipt, err = x.h.opts.Store.Store(ctx, stream.Accepted{
		Flow:        events.Flow(x.flow),
		Merchant:    x.configured.ID,
		Callback:    x.callback,
		Body:        x.body,
		ContentType: x.contentType(),
		ReceivedAt:  x.received,
		KeyID:       x.verified.KeyID,
		Dialects:    x.verified.Dialects,
		Source:      sourceName(x.source),
	})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return refuseNotStored(reasonStoreTimeout, err)
	case err != nil:
		return refuseNotStored(reasonStoreFailed, err)
	}
	x.stored = x.h.opts.Clock()
	return nil
}

package receiver

import (
	"context"
	"errors"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// verify applies verification rules 1 to 5 of the gateway page with the
// merchant's keys, and gives the parameters their types. What is redriven from
// QUARANTINE later goes through the same.
func (x *exchange) verify() *refusal {
	signed, err := callback.Verify(x.contentType(), x.body, x.configured.Keyring, x.configured.Policy)
	x.params, x.verified, x.callback = signed.Params, signed.Verified, signed.Callback
	var unsigned *sign.SignatureError
	switch {
	case errors.As(err, &unsigned):
		return refuseSignature(unsigned)
	case err != nil:
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
		Source:      x.sender,
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

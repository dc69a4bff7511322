package receiver

import (
	"errors"
	"net/http"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

// reason is the stable kebab-case name of an answer, in metrics, logs and
// QUARANTINE. Beside those below there are the reasons of package sign.
type reason string

const (
	reasonNoSuchPath       reason = "no-such-path"
	reasonMethod           reason = "method-not-allowed"
	reasonSourceLimit      reason = "source-limit"
	reasonUnknownFlow      reason = "unknown-flow"
	reasonUnknownMerchant  reason = "unknown-merchant"
	reasonSourceNotAllowed reason = "source-not-allowed"
	reasonDraining         reason = "draining"
	reasonMediaType        reason = "unsupported-media-type"
	reasonEncoding         reason = "unsupported-encoding"
	reasonTooLarge                = reason(sign.ReasonTooLarge)
	reasonBodyTimeout      reason = "body-timeout"
	reasonBodyIncomplete   reason = "body-incomplete"
	reasonSourceBusy       reason = "source-busy"
	reasonOverload         reason = "overload"
	reasonMerchantLimit    reason = "merchant-limit"
	reasonStoreTimeout     reason = "store-timeout"
	reasonStoreFailed      reason = "store-failed"
	reasonPanic            reason = "panic"

	reasonStored    reason = "stored"
	reasonDuplicate reason = "duplicate"
)

// refusal is why a request is not answered success.
type refusal struct {
	status int
	reason reason
	class  stream.Class // of QUARANTINE; "" where nothing is kept
	// text is the sender's line. It helps who sends in good faith, and nobody
	// else: no key id, no signed text, nothing of the configuration.
	text  string
	cause error // for the operator; may be nil
	// hangUp closes the connection: what is left of the body is not worth
	// reading, or somebody else is to be asked next.
	hangUp bool
}

// detail is what the operator gets to know beyond the reason.
func (f *refusal) detail() string {
	if f.cause == nil {
		return f.text
	}
	return f.cause.Error()
}

var (
	refuseMethod = &refusal{
		status: http.StatusMethodNotAllowed, reason: reasonMethod, class: stream.ClassMalformed,
		text: "use POST",
	}
	refuseSourceLimit = &refusal{
		status: http.StatusTooManyRequests, reason: reasonSourceLimit,
		text: "too many requests; try again later",
	}
	refuseMerchantLimit = &refusal{
		status: http.StatusTooManyRequests, reason: reasonMerchantLimit,
		text: "too many callbacks; try again later",
	}
	// Hanging up spares both sides the rest of the body; the server would read
	// it before it answers.
	refuseSourceBusy = &refusal{
		status: http.StatusTooManyRequests, reason: reasonSourceBusy, hangUp: true,
		text: "too many requests at once; try again later",
	}
	refuseOverload = &refusal{
		status: http.StatusServiceUnavailable, reason: reasonOverload, hangUp: true,
		text: "not stored; try again later",
	}
	refuseDraining = &refusal{
		status: http.StatusServiceUnavailable, reason: reasonDraining, hangUp: true,
		text: "not stored; try again later",
	}
	refuseMediaType = &refusal{
		status: http.StatusUnsupportedMediaType, reason: reasonMediaType, class: stream.ClassMalformed,
		text: "send " + sign.MediaJSON + " or " + sign.MediaForm,
	}
	refuseEncoding = &refusal{
		status: http.StatusUnsupportedMediaType, reason: reasonEncoding, class: stream.ClassMalformed,
		text: "send the body without Content-Encoding",
	}
	refuseTooLarge = &refusal{
		status: http.StatusRequestEntityTooLarge, reason: reasonTooLarge, class: stream.ClassMalformed, hangUp: true,
		text: "the body is larger than 16 KiB",
	}
)

// refuseUnknown is one answer for every address that is not one of ours, so
// that it does not tell which part is.
func refuseUnknown(why reason) *refusal {
	return &refusal{status: http.StatusNotFound, reason: why, class: stream.ClassUnknown, text: "not found"}
}

// refuseUnreadable answers 400 where the body did not arrive. 408 would fit a
// time-out, but some clients repeat a 408 at once by themselves.
func refuseUnreadable(why reason, text string, cause error) *refusal {
	return &refusal{
		status: http.StatusBadRequest, reason: why, class: stream.ClassMalformed, hangUp: true,
		text: text, cause: cause,
	}
}

// refuseMalformed tells the sender which field is wrong: the line quotes no
// value.
func refuseMalformed(err error) *refusal {
	f := &refusal{
		status: http.StatusBadRequest, reason: reason(sign.ReasonWrongType), class: stream.ClassMalformed,
		text: "malformed", cause: err,
	}
	var malformed *sign.MalformedError
	if errors.As(err, &malformed) {
		f.reason, f.text = reason(malformed.Reason), malformed.Error()
	}
	return f
}

func refuseSignature(err *sign.SignatureError) *refusal {
	return &refusal{
		status: http.StatusUnauthorized, reason: reason(err.Reason), class: stream.ClassSignature,
		text: "bad signature", cause: err,
	}
}

func refuseNotStored(why reason, cause error) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, reason: why, text: "not stored; try again later", cause: cause}
}

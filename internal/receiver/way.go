package receiver

import (
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

// way is the way of a request. The order is the architecture: what is cheap
// and needs no trust comes first, nothing is read before the address is known
// to be one of ours, nothing is believed before it is verified, and a limit on
// a merchant counts verified callbacks only, or anybody could use it up.
var way = [...]func(*exchange) *refusal{
	(*exchange).route,          // 404
	(*exchange).checkMethod,    // 405
	(*exchange).limitSource,    // 429
	(*exchange).requireKnown,   // 404
	(*exchange).trace,          // never refuses
	(*exchange).requireAllowed, // 404
	(*exchange).requireOpen,    // 503 while it ends with an error
	(*exchange).requireRoom,    // 503 over HTTP_MAX_IN_FLIGHT
	(*exchange).checkMediaType, // 415
	(*exchange).read,           // 413, 400; 429, 503 for slow senders
	(*exchange).verify,         // 400, 401
	(*exchange).limitMerchant,  // 429
	(*exchange).takeRoom,       // 503
	(*exchange).store,          // 503
}

// exchange is one request on its way, and what is known of it so far.
type exchange struct {
	h        *Handler
	w        http.ResponseWriter
	r        *http.Request
	received time.Time
	source   netip.Addr // invalid where there is none
	sender   string     // source, for people

	flow       string           // configured, or stream.Unknown
	merchant   string           // configured, or stream.Unknown
	configured *config.Merchant // nil for an unknown merchant

	body     []byte      // as far as read
	bodyRead bool        // reading was tried: there is no more to get
	gaveWay  atomic.Bool // the place in reading went to another
	stores   bool        // has a place in storing
	params   sign.Params
	verified sign.Verified
	callback callback.Callback
	receipt  stream.Receipt
	stored   time.Time // when the PubAck came

	span     trace.Span // nil for an address that is none of ours, or without tracing
	answered bool
	accepted bool // with success
}

// walk goes the way until a stage refuses.
func (x *exchange) walk() *refusal {
	for _, stage := range way {
		if refused := stage(x); refused != nil {
			return refused
		}
	}
	return nil
}

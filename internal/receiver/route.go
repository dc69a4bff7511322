package receiver

import (
	"net/http"
	"net/url"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// route finds flow and merchant in the path as it was sent: no escape is
// decoded and nothing is cleaned, so a merchant has one path only, the
// documented one. A name from outside is only ever compared, never used.
func (x *exchange) route() *refusal {
	x.source = sourceOf(x.r, x.h.opts.HTTP.TrustedProxies)
	x.sender = sourceName(x.source)
	flow, merchant, ours := callback.Address(sentPath(x.r.URL))
	if !ours {
		return refuseUnknown(reasonNoSuchPath)
	}
	if f, err := events.ParseFlow(flow); err == nil {
		x.flow = string(f)
	}
	if m, ok := x.h.opts.Merchants().Get(merchant); ok {
		x.configured, x.merchant = m, m.ID
	}
	return nil
}

// sentPath is the path as it was sent. RawPath is set where it differs from
// what escaping Path gives.
func sentPath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}

func (x *exchange) checkMethod() *refusal {
	if x.r.Method != http.MethodPost {
		return refuseMethod
	}
	return nil
}

func (x *exchange) requireKnown() *refusal {
	switch {
	case x.flow == stream.Unknown:
		return refuseUnknown(reasonUnknownFlow)
	case x.configured == nil:
		return refuseUnknown(reasonUnknownMerchant)
	}
	return nil
}

// requireAllowed holds the merchant's allowFrom. A stranger is told what he
// would be told of a merchant that does not exist.
func (x *exchange) requireAllowed() *refusal {
	if allowed := x.configured.AllowFrom; len(allowed) > 0 && !allowed.Contains(x.source) {
		return refuseUnknown(reasonSourceNotAllowed)
	}
	return nil
}

func (x *exchange) requireOpen() *refusal {
	if x.h.refusing.Load() {
		return refuseDraining
	}
	return nil
}

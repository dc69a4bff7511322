package sandbox

import (
	"net/http"

	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// handleCollect is POST /collect/create.
func (s *Server) handleCollect(w http.ResponseWriter, r *http.Request, c apiCall) {
	s.handleCreate(w, r, c, creation{
		flow:     Collect,
		required: []string{"payCode", paramAmount, "orderId", "notifyUrl"},
		optional: []string{"callbackUrl", "remark", "customName", "number", "email"},
		rules: func() error {
			return c.m.Rules.CheckCollect(region.Collect{
				Amount: c.text(paramAmount), Remark: c.text("remark"), CustomName: c.text("customName"),
				Number: c.text("number"), Email: c.text("email"),
			})
		},
		answer: func(o Order) sign.Params {
			page := pageScheme(r) + r.Host + "/cashier/" + s.numbers.token(key{o.Merchant, o.OrderID})
			return sign.Params{{Name: "url", Value: page}}
		},
	})
}

// pageScheme is that of the call: the page is served beside it.
func pageScheme(r *http.Request) string {
	if r.TLS != nil {
		return "https://"
	}
	return "http://"
}

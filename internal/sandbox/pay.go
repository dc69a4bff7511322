package sandbox

import (
	"net/http"

	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// handlePay is POST /pay/create.
func (s *Server) handlePay(w http.ResponseWriter, r *http.Request, c apiCall) {
	s.handleCreate(w, r, c, creation{
		flow:     Pay,
		required: []string{"payCode", paramAmount, "orderId", "notifyUrl", "bankAccount", "customName"},
		optional: []string{"remark", "number", "email"},
		rules: func() error {
			// Warnings are for the sender: a gateway pays to what it is given.
			_, err := c.m.Rules.CheckPay(region.Pay{
				Amount: c.text(paramAmount), BankAccount: c.text("bankAccount"), CustomName: c.text("customName"),
				Remark: c.text("remark"), Number: c.text("number"), Email: c.text("email"),
			})
			return err
		},
		answer: func(o Order) sign.Params { return sign.Params{{Name: "platOrderId", Value: o.PlatOrderID}} },
	})
}

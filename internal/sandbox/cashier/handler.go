package cashier

import (
	"errors"
	"net/http"
	"net/url"
)

// Handler serves the payment pages:
//
//	GET  /cashier/{token}       the order, open or closed
//	POST /cashier/{token}/pay   form: amount
//	POST /cashier/{token}/fail
//
// A payment is answered with 303 to the order's page, one that comes too late
// with 409 and the order as it stands, an unusable amount with 400 and the form
// again. Forms from other sites are refused with 403.
func Handler(desk Desk) http.Handler {
	c := cashier{desk}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cashier/{token}", c.show)
	mux.HandleFunc("POST /cashier/{token}/pay", c.pay)
	mux.HandleFunc("POST /cashier/{token}/fail", c.fail)
	mux.HandleFunc("/cashier/{token}", otherMethod("GET, HEAD"))
	mux.HandleFunc("/cashier/{token}/pay", otherMethod("POST"))
	mux.HandleFunc("/cashier/{token}/fail", otherMethod("POST"))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { render(w, unknownPage) })
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { render(w, foreignForm) }))
	return guarded(guard.Handler(mux))
}

type cashier struct{ desk Desk }

func (c cashier) show(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	bill, err := c.desk.Bill(token)
	if err != nil {
		render(w, problemOf(err))
		return
	}
	render(w, billPage{Token: token, Bill: bill})
}

func (c cashier) pay(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	bill, err := c.desk.Bill(token)
	if err != nil {
		render(w, problemOf(err))
		return
	}
	if !bill.open() {
		render(w, billPage{Token: token, Bill: bill, Late: true})
		return
	}
	text, err := readAmount(w, r)
	if err != nil {
		render(w, problemOf(err))
		return
	}
	amount, err := parseAmount(text, bill.Amount)
	if err != nil {
		render(w, billPage{Token: token, Bill: bill, Given: text, Fault: err.Error()})
		return
	}
	_, err = c.desk.Pay(token, amount)
	if errors.Is(err, ErrAmount) {
		render(w, billPage{Token: token, Bill: bill, Given: text, Fault: err.Error()})
		return
	}
	c.done(w, r, err)
}

func (c cashier) fail(w http.ResponseWriter, r *http.Request) {
	_, err := c.desk.Fail(r.PathValue("token"))
	c.done(w, r, err)
}

// done answers a payment that succeeded, or failed with err.
func (c cashier) done(w http.ResponseWriter, r *http.Request, err error) {
	token := r.PathValue("token")
	switch {
	case err == nil:
		http.Redirect(w, r, pagePath(token), http.StatusSeeOther) //nolint:gosec // a path of ours with the token escaped
	case errors.Is(err, ErrClosed):
		bill, err := c.desk.Bill(token)
		if err != nil {
			render(w, problemOf(err))
			return
		}
		render(w, billPage{Token: token, Bill: bill, Late: true})
	default:
		render(w, problemOf(err))
	}
}

func pagePath(token string) string { return "/cashier/" + url.PathEscape(token) }

// otherMethod answers requests with a method that is none of allowed. A browser
// comes here when somebody opens the address of a form.
func otherMethod(allowed string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allowed)
		render(w, &problem{
			Status: http.StatusMethodNotAllowed, Title: "Not from here", PageURL: pagePath(r.PathValue("token")),
			Text: "This address takes what the payment page sends, and nothing else.",
		})
	}
}

package sandbox

import (
	"crypto/subtle"
	"errors"
	"io"
	"net/http"

	"github.com/settlehook/settlehook/pkg/sign"
)

// Texts of refusals. A client can tell them apart only by these.
const (
	descUnknownOrder    = "order does not exist"
	descUnknownMerchant = "merchant does not exist"
	descBadSign         = "sign error"
	descBusy            = "channel busy, try again later"
)

// apiCall is a request whose sign is right.
type apiCall struct {
	m      *merchant
	params sign.Params
}

func (c apiCall) text(name string) string { return text(c.params, name) }

// endpoint is what all endpoints have in common: who calls, and may they. The
// mischief of a bad day comes last: it is for callers who did all right.
func (s *Server) endpoint(path string, handle func(http.ResponseWriter, *http.Request, apiCall)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		params, err := readParams(w, r)
		if err != nil {
			writeEnvelope(w, refuse(codeBusiness, "parameter error: "+err.Error()))
			return
		}
		m := s.byAccount[text(params, "merchant")]
		if m == nil {
			writeEnvelope(w, refuse(codeBusiness, descUnknownMerchant))
			return
		}
		if script := s.hooks.outage(m.ID); !script.truth() {
			s.writeScripted(w, r, script, Order{OrderID: text(params, "orderId")})
			return
		}
		if !m.signed(params) {
			writeEnvelope(w, refuse(codeBusiness, descBadSign))
			return
		}
		c := apiCall{m, params}
		if script, m := s.callMischief(path, c); m != "" {
			s.countMischief(key{c.m.ID, c.text("orderId")}, m)
			s.writeScripted(w, r, script, Order{})
			return
		}
		handle(w, r, c)
	}
}

// callMischief draws what happens instead of an answer.
func (s *Server) callMischief(path string, c apiCall) (QueryAnswer, Mischief) {
	what := s.imp.turn(path + "/" + c.m.ID + "/" + c.text("orderId"))
	for _, one := range []struct {
		m      Mischief
		script QueryAnswer
	}{
		{CallAnomaly, QueryAnswer{Code: codeAnomaly, Desc: "system error"}},
		{CallHTTPError, QueryAnswer{HTTPStatus: http.StatusBadGateway}},
		{CallRefused, QueryAnswer{Code: codeBusiness, Desc: descBusy}},
		{CallHanging, QueryAnswer{Hang: true}},
	} {
		if s.imp.strikes(one.m, what) {
			return one.script, one.m
		}
	}
	return QueryAnswer{}, ""
}

// readParams reads a request's parameters, JSON or form, as strictly as
// callbacks are read.
func readParams(w http.ResponseWriter, r *http.Request) (sign.Params, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, sign.MaxBody))
	if err != nil {
		return nil, errors.New("the body is too large or incomplete")
	}
	return sign.Parse(r.Header.Get("Content-Type"), body)
}

// text returns a string parameter, "" when it is absent or of another type.
func text(params sign.Params, name string) string {
	p, _ := params.Get(name)
	if p.Kind != sign.KindString {
		return ""
	}
	return p.Value
}

// signed checks a request's sign against every key of the merchant.
func (m *merchant) signed(params sign.Params) bool {
	given := []byte(text(params, "sign"))
	match := 0
	for _, k := range m.Keys {
		match |= subtle.ConstantTimeCompare(given, []byte(sign.Sign(params, k.Secret)))
	}
	return match == 1
}

package sandbox

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/pkg/sign"
)

// QueryAnswer is what /order/query says instead of the truth, for tests. The
// zero value is the truth.
type QueryAnswer struct {
	// Fields that are not "" replace those of the answer's data. Status, Amount
	// and Fee are JSON as it stands ("2", "999.00", `"1"`), the others text.
	Status, Amount, Fee       string
	OrderID, PlatOrderID, UTR string
	// Code refuses in the API's envelope with Desc, such as 400 or 500.
	Code int
	Desc string
	// HTTPStatus answers with this status and no envelope.
	HTTPStatus int
	// Hang gives no answer until the caller gives up.
	Hang bool
	// Body is the whole answer as it stands.
	Body string
}

func (a QueryAnswer) truth() bool { return a == QueryAnswer{} }

// OverrideQuery scripts the answers to the queries about one order, one after
// another; the last stays. A zero QueryAnswer is the truth, and no answers at
// all end the script. The order need not exist.
func (s *Server) OverrideQuery(merchant, orderID string, answers ...QueryAnswer) {
	s.hooks.setQuery(key{merchant, orderID}, answers)
}

// OverrideMerchant answers every query of a merchant the same way, before its
// sign is looked at; the zero QueryAnswer ends that.
func (s *Server) OverrideMerchant(merchant string, answer QueryAnswer) {
	s.hooks.setOutage(merchant, answer)
}

// Texts of refusals. A client can tell them apart only by these.
const (
	descUnknownOrder    = "order does not exist"
	descUnknownMerchant = "merchant does not exist"
	descBadSign         = "sign error"
)

// handleQuery is POST /order/query.
func (s *Server) handleQuery(w http.ResponseWriter, r *http.Request) {
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
	k := key{m.ID, text(params, "orderId")}
	if k.orderID == "" {
		writeEnvelope(w, refuse(codeBusiness, "parameter error: orderId is required"))
		return
	}
	script := s.hooks.query(k)
	order := Order{OrderID: k.orderID}
	err = s.books.edit(k, func(e *entry) error {
		e.queries++
		order = e.order
		return nil
	})
	s.log.Debug("queried", zap.String("merchant", k.merchant), zap.String("order", k.orderID),
		zap.String("state", order.State()), zap.Bool("scripted", !script.truth()))
	switch {
	case !script.truth():
		s.writeScripted(w, r, script, order)
	case errors.Is(err, ErrUnknownOrder):
		writeEnvelope(w, refuse(codeBusiness, descUnknownOrder))
	default:
		writeEnvelope(w, succeed(orderData(order, script)))
	}
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

// orderData is the data of a query's answer, with the fields in the document's
// order and what the script puts in their place.
func orderData(order Order, script QueryAnswer) []byte {
	utr := sign.Param{Name: "utr", Value: orElse(script.UTR, order.UTR)}
	if utr.Value == "" {
		utr.Kind = sign.KindNull
	}
	return sign.Params{
		{Name: "amount", Value: orElse(script.Amount, order.Shown().String()), Kind: sign.KindNumber},
		{Name: "orderId", Value: orElse(script.OrderID, order.OrderID)},
		{Name: "platOrderId", Value: orElse(script.PlatOrderID, order.PlatOrderID)},
		{Name: "status", Value: orElse(script.Status, strconv.Itoa(int(order.Status))), Kind: sign.KindNumber},
		utr,
		{Name: "fee", Value: orElse(script.Fee, order.Fee.String()), Kind: sign.KindNumber},
	}.JSON()
}

func (s *Server) writeScripted(w http.ResponseWriter, r *http.Request, script QueryAnswer, order Order) {
	switch {
	case script.Hang:
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
	case script.HTTPStatus != 0:
		http.Error(w, http.StatusText(script.HTTPStatus), script.HTTPStatus)
	case script.Body != "":
		_, _ = io.WriteString(w, script.Body)
	case script.Code != 0:
		writeEnvelope(w, refuse(script.Code, script.Desc))
	default:
		writeEnvelope(w, succeed(orderData(order, script)))
	}
}

func writeEnvelope(w http.ResponseWriter, e envelope) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		// Only a test's scripted field can be no JSON.
		http.Error(w, "the scripted answer is not JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(body.Bytes())
}

package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/govalues/decimal"
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

// OverrideMerchant answers every call of a merchant the same way, before its
// sign is looked at; the zero QueryAnswer ends that.
func (s *Server) OverrideMerchant(merchant string, answer QueryAnswer) {
	s.hooks.setOutage(merchant, answer)
}

// handleQuery is POST /order/query.
func (s *Server) handleQuery(w http.ResponseWriter, r *http.Request, c apiCall) {
	k := key{c.m.ID, c.text("orderId")}
	if k.orderID == "" {
		writeEnvelope(w, refuse(codeBusiness, "parameter error: orderId is required"))
		return
	}
	script := s.hooks.query(k)
	order := Order{OrderID: k.orderID}
	found := s.books.edit(k, func(e *entry) error {
		e.queries++
		order = s.lookedUp(k, e)
		return nil
	}) == nil
	s.log.Debug("queried", zap.String("merchant", k.merchant), zap.String("order", k.orderID),
		zap.String("state", order.State()), zap.Bool("scripted", !script.truth()))
	switch {
	case !script.truth():
		s.writeScripted(w, r, script, order)
	case !found || order.OrderID == "":
		writeEnvelope(w, refuse(codeBusiness, descUnknownOrder))
	default:
		s.writeOrderData(w, k, order)
	}
}

// longestLag is how long queries may tell the state before, or not find an order
// that is new, in the gateway's time: what a replica is behind by, which ends whether anybody asks or not.
const longestLag = Duration(5 * time.Minute)

// lookedUp is the order as a query sees it, which may be behind the truth; the
// zero Order when it is not seen at all. The caller holds the books' lock
// through e.
func (s *Server) lookedUp(k key, e *entry) Order {
	switch {
	case e.queries == 1 && s.now().Before(s.after(e.order.CreatedAt, longestLag)) && s.imp.strikes(QueryUnknown, k.String()):
		s.mischief(e, QueryUnknown)
		return Order{}
	case e.lag > 0 && s.now().Before(e.lagEnds):
		e.lag--
		s.mischief(e, QueryLagging)
		return e.before
	}
	return e.order
}

// writeOrderData answers a query, in one of the writings that gateways use.
func (s *Server) writeOrderData(w http.ResponseWriter, k key, order Order) {
	what := s.imp.turn("answer/" + k.String())
	if !s.imp.strikes(QueryNumbers, what) {
		writeEnvelope(w, succeed(orderData(order, QueryAnswer{})))
		return
	}
	s.countMischief(k, QueryNumbers)
	amount, fee, extra := order.Shown(), order.Fee, sign.Params(nil)
	script := QueryAnswer{}
	switch s.imp.pick(what, 3) {
	case 0:
		script.Amount, script.Fee = strconv.Quote(amount.String()), strconv.Quote(fee.String())
		script.Status = strconv.Quote(strconv.Itoa(int(order.Status)))
	case 1:
		script.Amount, script.Fee = scientific(amount), scientific(fee)
	default:
		extra = sign.Params{{Name: "channel", Value: "upi"}, {Name: "finishTime", Value: "1795392000", Kind: sign.KindNumber}}
	}
	writeEnvelope(w, succeed(append(orderParams(order, script), extra...).JSON()))
}

// scientific writes a decimal as a JSON number with an exponent.
func scientific(d decimal.Decimal) string {
	return fmt.Sprintf("%dE-%d", d.Coef(), d.Scale())
}

// orderData is the data of a query's answer, with the fields in the document's
// order and what the script puts in their place.
func orderData(order Order, script QueryAnswer) []byte { return orderParams(order, script).JSON() }

func orderParams(order Order, script QueryAnswer) sign.Params {
	utr := sign.Param{Name: "utr", Value: orElse(script.UTR, order.UTR)}
	if utr.Value == "" {
		utr.Kind = sign.KindNull
	}
	return sign.Params{
		{Name: paramAmount, Value: orElse(script.Amount, order.Shown().String()), Kind: sign.KindNumber},
		{Name: "orderId", Value: orElse(script.OrderID, order.OrderID)},
		{Name: "platOrderId", Value: orElse(script.PlatOrderID, order.PlatOrderID)},
		{Name: "status", Value: orElse(script.Status, strconv.Itoa(int(order.Status))), Kind: sign.KindNumber},
		utr,
		{Name: "fee", Value: orElse(script.Fee, order.Fee.String()), Kind: sign.KindNumber},
	}
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

package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/sign"
)

// maxAdminBody bounds a request to the admin port.
const maxAdminBody = 64 << 10

const adminHelp = `settlehook sandbox gateway, admin port

GET  /books                 every order with its pushes and queries, one JSON object a line
GET  /orders/{id}           one order
GET  /mischief              what goes wrong, how often by its rate, and how often it has
GET  /balances              every merchant's balance
GET  /bill?merchant=m1001&from=2026-11-01&to=2026-11-30
                            what happened to the merchant's orders, as CSV; days in UTC, to included,
                            or times as 2026-11-05T12:00:00Z, to left out; without them all of it
GET  /movements?merchant=m1001
                            money that moved without an order, as CSV
POST /movements             {"merchant":"m1001","kind":"withdrawal","amount":"5000.00","reference":"W-17"}
                            kind: withdrawal, topup, or adjustment with "direction":"credit" or "debit"
POST /orders                {"merchant":"m1001","flow":"collect","amount":"1000.00","course":"settled"}
                            course: settled, failed, reversed or short-paid; without one it stays submitted
                            or "steps":[{"after":"5s","change":"settle","paid":"900.00"},
                                        {"after":"1m","whenAccepted":true,"change":"reverse"}]
POST /orders/{id}/settle    {"paid":"900.00"}, or no body for all of it
POST /orders/{id}/fail      {"remark":"why"}, or no body
POST /orders/{id}/reverse   {"remark":"why"}, or no body
POST /orders/{id}/pay-again a second payment of a settled order: a new order with _1 behind its id
POST /orders/{id}/push      one push now; answers with what the receiver said

?merchant=<id> tells orders of the same id apart.
`

// adminHandler serves what the gateway's operator, a person or a test, does.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, adminHelp) })
	mux.HandleFunc("GET /books", s.handleBooks)
	mux.HandleFunc("GET /mischief", s.handleMischief)
	mux.HandleFunc("GET /balances", s.handleBalances)
	mux.HandleFunc("GET /bill", s.handleBill)
	mux.HandleFunc("GET /movements", s.handleMovements)
	mux.HandleFunc("POST /movements", s.handleMove)
	mux.HandleFunc("POST /orders", s.handleNewOrder)
	mux.HandleFunc("GET /orders/{id}", s.handleOrder)
	mux.HandleFunc("POST /orders/{id}/{action}", s.handleAction)
	// Loopback is no protection from a page open in a browser on this machine.
	return http.NewCrossOriginProtection().Handler(mux)
}

// createRequest is the body of POST /orders.
type createRequest struct {
	Merchant string        `json:"merchant"`
	Flow     Flow          `json:"flow"`
	OrderID  string        `json:"orderId"`
	Amount   amount        `json:"amount"`
	Course   string        `json:"course"`
	Steps    []stepRequest `json:"steps"`
}

type stepRequest struct {
	After        Duration `json:"after"`
	WhenAccepted bool     `json:"whenAccepted"`
	Change       Action   `json:"change"`
	changeRequest
}

// changeRequest is the body of a change by hand, all of it optional.
type changeRequest struct {
	Paid   amount `json:"paid"`
	Remark string `json:"remark"`
}

// amount reads a decimal from a JSON number or string without rounding it.
type amount struct{ decimal.Decimal }

func (a *amount) UnmarshalJSON(text []byte) error {
	plain, ok := sign.PlainDecimal(strings.Trim(string(text), `"`))
	if !ok {
		return invalid("amounts must look like \"1000.00\"")
	}
	var err error
	a.Decimal, err = decimal.Parse(plain)
	return err
}

func (s *Server) handleNewOrder(w http.ResponseWriter, r *http.Request) {
	var req createRequest
	if err := readJSON(w, r, &req); err != nil {
		writeError(w, err)
		return
	}
	course, err := s.requestedCourse(req)
	if err != nil {
		writeError(w, err)
		return
	}
	order, err := s.CreateOrder(r.Context(), NewOrder{
		Merchant: req.Merchant, Flow: req.Flow, OrderID: req.OrderID, Amount: req.Amount.Decimal, Course: course,
	})
	if err != nil {
		writeError(w, err)
		return
	}
	s.writeOrder(w, http.StatusCreated, order.Merchant, order.OrderID)
}

func (s *Server) requestedCourse(req createRequest) ([]Step, error) {
	m := s.merchants[req.Merchant]
	switch {
	case m == nil:
		return nil, invalid("unknown merchant %q", req.Merchant)
	case req.Course != "" && len(req.Steps) > 0:
		return nil, invalid("give a course or steps, not both")
	case len(req.Steps) == 0:
		return Course(req.Course, req.Amount.Decimal, m.Currency)
	}
	var course []Step
	for _, step := range req.Steps {
		course = append(course, Step{
			After: step.After, WhenAccepted: step.WhenAccepted,
			Change: Change{Action: step.Change, Paid: step.Paid.Decimal, Remark: step.Remark},
		})
	}
	return course, nil
}

func (s *Server) handleOrder(w http.ResponseWriter, r *http.Request) {
	merchantID, err := s.owner(r)
	if err != nil {
		writeError(w, err)
		return
	}
	s.writeOrder(w, http.StatusOK, merchantID, r.PathValue("id"))
}

func (s *Server) handleAction(w http.ResponseWriter, r *http.Request) {
	merchantID, err := s.owner(r)
	if err != nil {
		writeError(w, err)
		return
	}
	id := r.PathValue("id")
	if r.PathValue("action") == "push" {
		push, err := s.PushNow(r.Context(), merchantID, id)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, push)
		return
	}
	var req changeRequest
	if err := readJSON(w, r, &req); err != nil && !errors.Is(err, io.EOF) {
		writeError(w, err)
		return
	}
	action := Action(r.PathValue("action"))
	if _, err := s.Apply(merchantID, id, Change{Action: action, Paid: req.Paid.Decimal, Remark: req.Remark}); err != nil {
		writeError(w, err)
		return
	}
	s.writeOrder(w, http.StatusOK, merchantID, id)
}

func (s *Server) handleBooks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, record := range s.Books() {
		if enc.Encode(record) != nil {
			return // the reader has gone
		}
	}
}

// mischiefLine is one mischief in the answer to GET /mischief.
type mischiefLine struct {
	Mischief Mischief `json:"mischief"`
	Rate     float64  `json:"rate"`
	Happened int      `json:"happened"`
}

func (s *Server) handleMischief(w http.ResponseWriter, _ *http.Request) {
	happened := s.Mischief()
	var lines []mischiefLine
	for _, m := range Mischiefs() {
		lines = append(lines, mischiefLine{m, s.cfg.Mischief[m], happened[m]})
	}
	writeJSON(w, http.StatusOK, lines)
}

func (s *Server) handleBalances(w http.ResponseWriter, _ *http.Request) {
	balances := map[string]Balance{}
	for _, id := range s.merchantIDs() {
		balances[id] = s.books.balance(id)
	}
	writeJSON(w, http.StatusOK, balances)
}

// owner finds the merchant of the order in the path.
func (s *Server) owner(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if named := r.URL.Query().Get("merchant"); named != "" {
		return named, nil
	}
	switch owners := s.books.owners(id, s.merchantIDs()); len(owners) {
	case 0:
		return "", fmt.Errorf("order %s: %w", id, ErrUnknownOrder)
	case 1:
		return owners[0], nil
	default:
		return "", invalid("merchants %s have an order with this id; add ?merchant=", strings.Join(owners, ", "))
	}
}

func (s *Server) writeOrder(w http.ResponseWriter, status int, merchantID, orderID string) {
	record, err := s.Order(merchantID, orderID)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, status, record)
}

// readJSON reads one JSON object into dest. An empty body is io.EOF.
func readJSON(w http.ResponseWriter, r *http.Request, dest any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
	if err != nil {
		return invalid("the body is larger than %d bytes or incomplete", maxAdminBody)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return io.EOF
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(dest); err != nil {
		return invalid("the body is not the JSON expected: %s", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return invalid("there is something after the JSON object")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// The status is out: a write error only says that the reader has gone.
	_ = enc.Encode(value)
}

func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var transition *TransitionError
	switch {
	case errors.Is(err, io.EOF):
		status, err = http.StatusBadRequest, invalid("the body is missing; GET / shows what to send")
	case errors.Is(err, ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, ErrUnknownOrder):
		status = http.StatusNotFound
	case errors.Is(err, ErrDuplicateOrder), errors.Is(err, ErrBalance), errors.As(err, &transition):
		status = http.StatusConflict
	case errors.Is(err, ErrBooksFull):
		status = http.StatusInsufficientStorage
	}
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

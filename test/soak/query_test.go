package soak

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/settlehook/settlehook/pkg/sign"
)

// How the load gateway's query behaves for a while.
const (
	modeTruth int32 = iota
	modeHTTP500
	modeHangs
	modeEmpty      // an answer without a body
	modeRefuses    // code 400, for no reason of the caller's
	modeAnomaly    // code 500
	modeNoData     // success without the order
	modeContradict // the other final status
	modes
)

func modeName(m int32) string {
	return [...]string{"truth", "http 500", "hangs", "empty answer", "refuses", "anomaly", "no data", "contradicts"}[m]
}

// mostLies is how often a query may lie about one order so that it could be
// believed. It stays below the programs' budget of looks: a gateway that says
// the same thing again and again is believed, and there is no truth behind it.
const mostLies = 2

// freshness is how long after a change queries may lag and lie. Where no callback
// speaks against it, in the sweep, the query alone is believed.
const freshness = 10 * time.Second

func (g *loadGateway) query(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	params, parseErr := sign.Parse(r.Header.Get("Content-Type"), body)
	m := g.byAccount[text(params, "merchant")]
	if err != nil || parseErr != nil || m == nil || sign.Sign(params, m.secret) != text(params, "sign") {
		answer(w, `{"code":400,"success":false,"msg":null,"desc":"sign error","data":null,"sandbox":true}`)
		return
	}
	g.queries.Add(1)
	mode := g.mode.Load()
	switch mode {
	case modeHTTP500:
		http.Error(w, "internal error", http.StatusInternalServerError)
	case modeHangs:
		select {
		case <-r.Context().Done():
		case <-g.closing:
		}
	case modeEmpty:
	case modeRefuses:
		answer(w, `{"code":400,"success":false,"msg":null,"desc":"channel busy, try again later","data":null,"sandbox":true}`)
	case modeAnomaly:
		answer(w, `{"code":500,"success":false,"msg":null,"desc":"system error","data":null,"sandbox":true}`)
	default:
		answer(w, g.look(m, text(params, "orderId"), mode))
	}
}

// look is the answer about an order.
func (g *loadGateway) look(m *loadMerchant, id string, mode int32) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.orders[id]
	if o == nil {
		return `{"code":400,"success":false,"msg":null,"desc":"order does not exist","data":null,"sandbox":true}`
	}
	s, fresh := o.now(), time.Since(o.since) < freshness
	switch {
	case mode == modeNoData && fresh && o.lies < mostLies:
		o.lies++
		return `{"code":200,"success":true,"msg":"success","desc":"","data":{},"sandbox":true}`
	case mode == modeContradict && fresh && o.lies < mostLies && s.status != statusSubmitted:
		o.lies++
		if s.status = statusSuccess + statusFailed - s.status; s.status == statusFailed {
			s.fee = 0 // as it says of every failed order
		}
	case o.lag > 0 && fresh:
		o.lag--
		s = o.states[max(0, len(o.states)-2)]
	case s.status != statusSubmitted:
		o.leave(g)
	}
	utr := "null"
	if s.status == statusSuccess {
		utr = strconv.Quote(o.utr)
	}
	return fmt.Sprintf(`{"code":200,"success":true,"msg":"success","desc":"","data":{"amount":%s,"orderId":%q,"platOrderId":%q,"status":%d,"utr":%s,"fee":%s},"sandbox":true}`,
		s.shown, o.id, o.plat, s.status, utr, s.fee)
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = io.WriteString(w, body)
}

func text(params sign.Params, name string) string {
	p, _ := params.Get(name)
	return p.Value
}

// post makes one push.
func (g *loadGateway) post(target, contentType string, body []byte) bool {
	res, err := g.client.Post(target, contentType, bytes.NewReader(body))
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	return readAll(res.Body) == "success" && res.StatusCode == http.StatusOK
}

// service measures the time without service: gaps between pushes that were
// taken, while there were some to take.
type service struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
	total   time.Duration // of gaps longer than noticed
	gaps    int
	off     bool
}

// noticed is the shortest gap that counts as time without service.
const noticed = time.Second

func (s *service) works(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if gap := at.Sub(s.last); !s.off && !s.last.IsZero() && gap > noticed {
		s.total += gap
		s.longest = max(s.longest, gap)
		s.gaps++
	}
	s.last = at
}

// end stops measuring: traffic ends.
func (s *service) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = true
}

package receiver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/tracing"
)

// success is the answer the gateway waits for: exactly these bytes (API
// document, section 6), with no line break behind them.
const success = "success"

var (
	plainText     = []string{"text/plain; charset=utf-8"}
	noSniff       = []string{"nosniff"}
	successLength = []string{strconv.Itoa(len(success))}
)

// accept answers a callback that is stored.
func (x *exchange) accept() {
	x.learnSender()
	x.h.metrics.accepted(x)
	x.logAccepted()
	x.answer(http.StatusOK, success)
	x.accepted = true
	x.traceAccepted()
}

// rest gives the connection up for a newcomer, who may cut it off: so success is
// sent first, since the callback is stored and its gateway should hear so. A
// refusal is not waited for: the server reads what is left of its body before.
func (x *exchange) rest(c *conn) {
	if x.accepted {
		_ = http.NewResponseController(x.w).Flush()
	}
	c.rest()
}

// refuse keeps the evidence and answers.
func (x *exchange) refuse(f *refusal) {
	kept, err := x.keep(f)
	x.h.metrics.refused(x, f, kept)
	x.logRefused(f, kept, err)
	x.answerRefusal(f)
	x.traceRefused(f, kept)
}

func (x *exchange) answerRefusal(f *refusal) {
	header := x.w.Header()
	switch f.status {
	case http.StatusMethodNotAllowed:
		header.Set("Allow", http.MethodPost)
	case http.StatusTooManyRequests:
		header.Set("Retry-After", "1")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "5")
	}
	if f.hangUp {
		header.Set("Connection", "close")
	}
	x.answer(f.status, f.text+"\n")
}

func (x *exchange) answer(status int, text string) {
	x.answered = true
	header := x.w.Header()
	if x.h.Draining() {
		header.Set("Connection", "close")
	}
	if len(x.r.TransferEncoding) > 0 {
		// A proxy that goes by Content-Length where we go by chunks would take
		// for body what we would take for another request, from whatever source
		// it claims. So there is no other request behind chunks.
		header.Set("Connection", "close")
	}
	// Made once: net/http reads them only.
	header["Content-Type"] = plainText
	header["X-Content-Type-Options"] = noSniff
	if text == success {
		header["Content-Length"] = successLength
	} else {
		header.Set("Content-Length", strconv.Itoa(len(text)))
	}
	x.w.WriteHeader(status)
	// An error means that the sender is gone. It pushes again.
	_, _ = io.WriteString(x.w, text)
}

// rescue answers 503 where a stage panicked: what it left half done is not
// known, and a push that is repeated does no harm.
func (x *exchange) rescue() {
	cause := recover()
	if cause == nil {
		return
	}
	f := refuseNotStored(reasonPanic, errors.New("panic"))
	f.hangUp = true
	x.h.metrics.refused(x, f, fateNone)
	x.h.opts.Log.Error("panic while receiving a callback", zap.String("panic", shortened(cause)), zap.ByteString("stack", debug.Stack()),
		zap.String("flow", x.flow), zap.String("merchant", x.merchant), zap.String("source", x.sender),
		tracing.IDs(x.r.Context()))
	if !x.answered {
		x.answerRefusal(f)
	}
	x.traceRefused(f, fateNone)
}

// mostPanic bounds what is logged of a panic's value, in bytes: it may quote
// what it choked on.
const mostPanic = 200

func shortened(cause any) string {
	text := fmt.Sprint(cause)
	return text[:min(len(text), mostPanic)]
}

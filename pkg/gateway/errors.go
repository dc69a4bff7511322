package gateway

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrInvalidRequest is wrapped by the error of a call that was refused before
// anything was sent, such as an order id that no gateway order can have.
var ErrInvalidRequest = errors.New("invalid request")

// maxDesc bounds the gateway's error text in an error, in runes.
const maxDesc = 200

// NotFoundError says that the gateway knows no such order: code 400 with a
// desc that one of the configured not-found patterns matches. It is a
// statement about the order, although a create call may still be under way.
type NotFoundError struct {
	// Desc is the gateway's text, one printable line of at most 200 runes.
	Desc string
	// Sandbox says that settlehook's sandbox answered.
	Sandbox bool
}

func (e *NotFoundError) Error() string {
	return "the gateway knows no such order: " + quoteDesc(e.Desc)
}

// BusinessError is a refusal with code 400 that no not-found pattern matches.
// It means unavailable and is never evidence about the order: a wrong key or
// a blocked source address looks the same (gateway page, rule 6).
type BusinessError struct {
	Code int
	// Desc is the gateway's text, one printable line of at most 200 runes.
	Desc string
}

func (e *BusinessError) Error() string {
	return fmt.Sprintf("the gateway refused the call with code %d: %s; check the merchant's account, key and allowed addresses",
		e.Code, quoteDesc(e.Desc))
}

// AnomalyError is an answer with code 500, with any code the document does
// not name, or with code 200 but success false.
type AnomalyError struct {
	Code int
	// Desc is the gateway's text, one printable line of at most 200 runes.
	Desc string
}

func (e *AnomalyError) Error() string {
	return fmt.Sprintf("the gateway reported an anomaly with code %d: %s", e.Code, quoteDesc(e.Desc))
}

// TransportError says that no usable HTTP answer came: a time-out, a refused
// or broken connection, a status other than 200, a redirect.
type TransportError struct {
	// Endpoint is the path of the API, such as /order/query.
	Endpoint string
	// Status is the HTTP status where one came, else 0.
	Status int
	// Reason is a short text of our own, never the server's.
	Reason string
	// NotSent says of a create that the gateway certainly did not get it: not a
	// byte of its body was handed out, as when dialling failed or the context
	// was over before. False means that it may have got it. Queries, for which it
	// does not matter, are not watched.
	NotSent bool

	err error
}

func (e *TransportError) Error() string {
	text := e.Endpoint + ": " + e.Reason
	if e.NotSent {
		text += "; the order was not sent: create it again under the same order id"
	}
	return text
}

// Unwrap gives the cause (context.DeadlineExceeded, syscall.ECONNREFUSED, …).
// Its text may quote what the server sent; log the TransportError instead.
func (e *TransportError) Unwrap() error { return e.err }

// AnswerError is an answer that breaks the API's form, or contradicts the
// question.
type AnswerError struct {
	// Reason is a short text of our own; it names fields, never values.
	Reason string
	// Mismatch says that the answer was well formed but about another order
	// than the one asked for: a contradiction for a person to see, not an
	// outage.
	Mismatch bool
	// InData says that the envelope was fine and told of success, and the data
	// in it is what can't be read: the gateway is there, and asking about
	// another order may well work.
	InData bool
	// Sandbox says, of an answer with data, that settlehook's sandbox gave it.
	Sandbox bool
}

func (e *AnswerError) Error() string { return "the gateway's answer is not usable: " + e.Reason }

// Unavailable reports whether err means that the gateway could not be heard:
// asking again later is the only right reaction, and nothing about the order
// may be concluded. It is false for nil, for *NotFoundError, for an
// *AnswerError about another order, and for errors that are not this
// package's.
//
// Of a create it is true only for a *TransportError with NotSent: the same
// create may be repeated. It is false for *RefusedError and *ExistsError, which
// are statements about the order, and for *UnknownError whatever its cause:
// there, asking and waiting are not the only things to do, and taking it for an
// outage of which nothing came is how an order is made twice.
func Unavailable(err error) bool {
	if ofCreate(err) {
		return false
	}
	var (
		business  *BusinessError
		anomaly   *AnomalyError
		transport *TransportError
		answer    *AnswerError
	)
	switch {
	case errors.As(err, &answer):
		return !answer.Mismatch
	case errors.As(err, &business), errors.As(err, &anomaly), errors.As(err, &transport):
		return true
	}
	return false
}

func quoteDesc(desc string) string {
	if desc == "" {
		return "no reason given"
	}
	return `"` + desc + `"`
}

// printableLine makes text from outside fit for a log line and a terminal:
// one line, printable, without quotes of its own, at most limit runes.
func printableLine(text string, limit int) string {
	return oneLine(strings.ReplaceAll(text, `"`, `'`), limit)
}

// oneLine is printableLine with quotes as they are.
func oneLine(text string, limit int) string {
	var b strings.Builder
	runes, space := 0, false
	for _, r := range text {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			space = b.Len() > 0
			continue
		}
		need := 1
		if space {
			need = 2
		}
		if runes+need > limit {
			b.WriteString("…")
			break
		}
		if space {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		runes, space = runes+need, false
	}
	return b.String()
}

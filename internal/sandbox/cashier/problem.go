package cashier

import (
	"errors"
	"net/http"
)

// problem is a page about a request that led to no order.
type problem struct {
	Status      int
	Title, Text string
	PageURL     string // the order's page, where there is one
}

func (p *problem) Error() string { return p.Text }

func (p *problem) status() int { return p.Status }

func (*problem) template() string { return "problem" }

var (
	unknownPage = &problem{
		Status: http.StatusNotFound, Title: "No such payment page",
		Text: "Check the address: it is the url in the gateway's answer to /collect/create. A sandbox that was started again has forgotten it.",
	}
	foreignForm = &problem{
		Status: http.StatusForbidden, Title: "Sent by another site",
		Text: "A payment is only taken from the payment page itself.",
	}
)

// unreadable is the page about a form that could not be read.
func unreadable(err error) *problem {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &problem{Status: http.StatusRequestEntityTooLarge, Title: "Too long", Text: "A payment is a short form."}
	}
	return &problem{Status: http.StatusBadRequest, Title: "Not readable", Text: "The form is broken or came only in part."}
}

// problemOf is the page about an error. One that has no page of its own is
// shown as it is: who reads it is who runs the sandbox.
func problemOf(err error) *problem {
	var known *problem
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, ErrUnknown):
		return unknownPage
	}
	return &problem{Status: http.StatusInternalServerError, Title: "The sandbox failed", Text: err.Error()}
}

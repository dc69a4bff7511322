package cashier

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed pages.html
var source string

// The stylesheet has to stand in the page byte by byte, as its hash is in the
// policy.
//
//nolint:gosec // it is ours, embedded
var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"stylesheet": func() template.CSS { return template.CSS(stylesheet) },
}).Parse(source))

// page is something to show.
type page interface {
	status() int
	template() string
}

// render answers with a page.
func render(w http.ResponseWriter, p page) {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, p.template(), p); err != nil {
		http.Error(w, "the sandbox cannot show this page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(p.status())
	_, _ = w.Write(body.Bytes())
}

// billPage is an order's page.
type billPage struct {
	Token string
	Bill
	// Late is true for the answer to a payment of an order that was closed.
	Late bool
	// Given is the text of an amount that could not be paid, and Fault says why.
	Given, Fault string
}

func (p billPage) status() int {
	switch {
	case p.Late:
		return http.StatusConflict
	case p.Fault != "":
		return http.StatusBadRequest
	}
	return http.StatusOK
}

func (p billPage) template() string {
	if p.open() {
		return "open"
	}
	return "closed"
}

// Path is the page's own.
func (p billPage) Path() string { return pagePath(p.Token) }

// FaultText is Fault as a sentence.
func (p billPage) FaultText() string {
	first, size := utf8.DecodeRuneInString(p.Fault)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + strings.TrimRight(p.Fault[size:], ".") + "."
}

// BounceSeconds is how long a result is shown before the way back is taken.
func (billPage) BounceSeconds() int { return 4 }

// Followed reports whether the way back is one that a browser may be sent:
// javascript: and data: would run what a merchant wrote in this page's name.
func (p billPage) Followed() bool {
	u, err := url.Parse(p.ReturnURL)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Back is the attribute of the link that goes back. It is made here because
// html/template rewrites parentheses and quotes in a link, and a merchant may
// have signed its address. Only for an address that is Followed.
//
//nolint:gosec // its scheme is checked, its text escaped
func (p billPage) Back() template.HTMLAttr {
	return template.HTMLAttr(`href="` + template.HTMLEscapeString(p.ReturnURL) + `"`)
}

// Result says how a closed order ended.
func (p billPage) Result() result {
	paid, asked := p.Paid.String()+" "+p.Currency, p.Amount.String()+" "+p.Currency
	switch p.State {
	case "settled":
		return result{Tone: "good", Title: "Paid", Text: paid + " was paid in full."}
	case "short-paid":
		return result{Tone: "warn", Title: "Short-paid", Text: paid + " of " + asked + " was paid."}
	case "over-paid":
		return result{Tone: "warn", Title: "Over-paid", Text: paid + " was paid where " + asked + " was asked."}
	case "failed":
		return result{Tone: "bad", Title: "Payment failed", Text: "Nothing was paid."}
	case "reversed":
		return result{Tone: "bad", Title: "Reversed", Text: paid + " was paid, and taken back."}
	}
	return result{Tone: "plain", Title: "Closed", Text: "The order's state is " + strconv.Quote(p.State) + "."}
}

// result is how a closed order ended: its tone picks colour and sign.
type result struct{ Tone, Title, Text string }

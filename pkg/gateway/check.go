package gateway

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/settlehook/settlehook/pkg/region"
)

// Bounds of a create's parameters. The document bounds the order id alone; the
// others keep a mistake, such as a file in place of a name, off the wire.
const (
	maxOrderID = 32   // API document
	maxText    = 512  // bytes
	maxURL     = 2048 // bytes
)

// API names of the parameters of creates.
const (
	fieldPayCode     = "payCode"
	fieldOrderID     = "orderId"
	fieldNotifyURL   = "notifyUrl"
	fieldCallbackURL = "callbackUrl"
	fieldBankAccount = "bankAccount"
	fieldCustomName  = "customName"
	fieldRemark      = "remark"
	fieldNumber      = "number"
	fieldEmail       = "email"
)

// assignment is what makes a sign ambiguous inside a value: gateway page,
// verification rule 4. The value "Bob&email=b@x" signs like the value "Bob"
// beside an email, so that whoever carries the request could make one of the
// other.
var assignment = regexp.MustCompile(`&[A-Za-z][A-Za-z0-9_]*=`)

// checkCreate refuses what must not be announced or sent. Its errors name the
// parameter and never quote the value.
func (c *Client) checkCreate(cr creation, rules func() error) error {
	if c.creates.orders == nil {
		return fmt.Errorf("%w: set Orders in the client's configuration, or Unannounced to try credentials", ErrNotAnnounced)
	}
	for _, name := range []string{fieldPayCode, fieldOrderID, fieldNotifyURL} {
		if !slices.ContainsFunc(cr.fields, func(f field) bool { return f.name == name }) {
			return invalidField(name, "is missing: "+requirements[name])
		}
	}
	for _, f := range cr.fields {
		problem := f.problem()
		if problem == "" && f.name == fieldNotifyURL {
			problem = c.creates.notifyProblem(f.value)
		}
		if problem != "" {
			return invalidField(f.name, problem)
		}
	}
	if problem := c.creates.foreignCallback(cr); problem != "" {
		return invalidField(fieldNotifyURL, problem)
	}
	if err := rules(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidRequest, err)
	}
	return nil
}

// requirements says what to give where the API requires something of every
// region; the region's rules know of the rest.
var requirements = map[string]string{
	fieldPayCode:   "give the payment code from the gateway's merchant backend",
	fieldOrderID:   "give a unique order id of at most 32 characters",
	fieldNotifyURL: "give the receiver's callback address, or set NotifyBase and Merchant in the client's configuration",
}

func invalidField(name, problem string) error {
	return fmt.Errorf("%w: %w", ErrInvalidRequest, &region.FieldError{Field: name, Problem: problem})
}

// problem is what no value of a parameter may be, in any region; "" for none.
func (f field) problem() string {
	bound := maxText
	if f.name == fieldNotifyURL || f.name == fieldCallbackURL {
		bound = maxURL
	}
	switch {
	case len(f.value) > bound:
		return fmt.Sprintf("is longer than %d bytes", bound)
	case !utf8.ValidString(f.value) || strings.ContainsFunc(f.value, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "must be printable UTF-8 text, without line breaks, control characters and invisible ones"
	case f.value == redacted:
		return "holds the mark that stands for a personal value in logs and JSON: give the value itself"
	}
	switch f.name {
	case fieldOrderID:
		if len(f.value) > maxOrderID || !validID(f.value) {
			return "must be 1 to 32 printable ASCII characters without white space and &"
		}
	case fieldPayCode:
		if !validID(f.value) {
			return "must be 1 to 64 printable ASCII characters without white space and &"
		}
	case fieldNotifyURL: // creates.notifyProblem says it
		return ""
	case fieldCallbackURL:
		if _, problem := webAddress(f.value); problem != "" {
			return problem
		}
	}
	if assignment.MatchString(f.value) {
		return "must not hold & followed by a name and =, which makes the sign ambiguous; of a URL's parameters keep one, or put them into the path"
	}
	return ""
}

// notifyProblem says what is wrong with an address that the gateway pushes to.
func (cs creates) notifyProblem(text string) string {
	u, problem := webAddress(text)
	switch {
	case problem != "":
		return problem
	case strings.ContainsAny(text, "?#"):
		return "must not hold a query string or fragment: the gateway's sign does not survive it, put what you need into the path"
	case u.Scheme == "http" && !cs.plainNotify && !loopback(u.Hostname()):
		return "must use https: plain http is for loopback addresses only"
	case assignment.MatchString(text):
		return "must not hold & followed by a name and =, which makes the sign ambiguous; percent-encode the &"
	}
	return ""
}

// webAddress reads an absolute http or https URL of printable ASCII.
func webAddress(text string) (u *url.URL, problem string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		// The parser's error quotes the address.
		return nil, "must be an absolute URL like https://pay.example/path"
	case u.User != nil:
		return nil, "must not hold a user name or password"
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, "must be printable ASCII without white space: percent-encode what is not"
	}
	return u, ""
}

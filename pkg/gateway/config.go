package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/pkg/region"
	"github.com/settlehook/settlehook/pkg/sign"
)

// Defaults of Config.
const (
	DefaultTimeout   = 10 * time.Second
	DefaultUserAgent = "settlehook"
)

// Config says which gateway a Client talks to, and as which merchant.
type Config struct {
	// BaseURL is the gateway's address without an endpoint, such as
	// https://gateway.example or https://gateway.example/api. Plain http is
	// accepted for a loopback host only.
	BaseURL string
	// Account is the merchant account at the gateway, the API's "merchant".
	Account string
	// Keyring signs the requests.
	Keyring *sign.Keyring
	// HTTPClient is used instead of one with NewTransport. It is copied, and the
	// copy neither follows redirects nor keeps cookies. Its transport must not
	// send a request a second time by itself: a create could become two orders.
	HTTPClient *http.Client
	// Timeout bounds one call from dialling to the last byte of the answer.
	// 0 means DefaultTimeout.
	Timeout time.Duration
	// UserAgent is the User-Agent header; "" means DefaultUserAgent.
	UserAgent string
	// NotFound are the patterns that tell "no such order" from the other
	// refusals with code 400, in its desc: a substring, or a regular expression
	// (RE2) between slashes, both without regard to case. nil means
	// DefaultNotFound, an empty slice none at all.
	NotFound []string
	// Refusals are the patterns, as in NotFound, by which the desc of a create
	// refused with code 400 says for certain that no order was made. nil means
	// DefaultRefusals; what they don't match is an UnknownError.
	Refusals []string
	// Form sends requests as a form; otherwise they are JSON.
	Form bool
	// Logger gets a line at debug level per call, and warnings about payouts that
	// may not arrive. Signs and what is about a person stand there as [redacted].
	// nil logs nothing.
	Logger *zap.Logger
	// Now is the clock of registrations and of the log; nil means time.Now.
	Now func() time.Time

	// What follows is for CreateCollect and CreatePay; a client that only asks
	// needs none of it.

	// Orders is where orders are announced before they are created, such as a
	// Book of pkg/orders. Without it both creates fail with ErrNotAnnounced;
	// Unannounced is for trying credentials.
	Orders Orders
	// Merchant is settlehook's id of the merchant, as in its merchants file and
	// in the path of the callbacks: not the gateway's account.
	Merchant string
	// Installation names the settlehook installation, as in its events.
	Installation string
	// Currency is the ISO 4217 code of the merchant's orders, such as INR.
	Currency string
	// Rules are the region's rules, checked before anything is sent. A region
	// must be chosen; region.None asks for no more than the API itself.
	Rules region.Rules
	// NotifyBase is the public address of settlehook's receiver. An order without
	// a NotifyURL of its own gets <NotifyBase>/callbacks/<collect|pay>/<Merchant>.
	NotifyBase string
	// PlainNotify allows callbacks over plain http to more than loopback addresses:
	// for a sandbox beside its receiver in one private network. A gateway's
	// callbacks cross the internet, and hold what is about a person.
	PlainNotify bool
}

// baseURL checks the address: where it is wrong, secrets or money are at stake.
func (cfg Config) baseURL() (string, error) {
	base, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil || base.Host == "" || base.Opaque != "":
		// The parser's error quotes the address, which may hold a password.
		return "", errors.New("gateway address is not a URL like https://gateway.example")
	case base.User != nil:
		return "", errors.New("gateway address must not hold a user name or password")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return "", fmt.Errorf("gateway address %s must not hold a query string or fragment", base.Redacted())
	case base.Scheme == "http" && !loopback(base.Hostname()):
		return "", fmt.Errorf("gateway address %s must use https: plain http is for loopback addresses only", base.Redacted())
	case base.Scheme != "http" && base.Scheme != "https":
		return "", fmt.Errorf("gateway address %s must start with https://", base.Redacted())
	}
	return strings.TrimRight(base.String(), "/"), nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

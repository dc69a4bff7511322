package config

import (
	"errors"
	"io"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/govalues/decimal"
)

func readLimited(r io.Reader) ([]byte, error) {
	// One byte more than is accepted, so that too large shows as too large.
	return io.ReadAll(io.LimitReader(r, highestFileSize+1))
}

var plainDecimal = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})(\.[0-9]{1,3})?$`)

// parseRate accepts a plain decimal only: the decimal library would also take
// an exponent or a sign.
func parseRate(s string) (decimal.Decimal, error) {
	if !plainDecimal.MatchString(s) {
		return decimal.Decimal{}, errors.New("not a plain decimal")
	}
	rate, err := decimal.Parse(s)
	return rate.Trim(0), err
}

// gateway returns the base URL in one spelling, so that the same gateway
// compares equal.
func (p *merchantParser) gateway(value text) string {
	if !value.set() {
		return ""
	}
	base, err := url.Parse(value.Value)
	switch {
	case err != nil || base.Hostname() == "" || base.Scheme != "https" && base.Scheme != "http":
		// Not quoted: the parser's error and the text may hold a password.
		p.wrong(value, "gateway", "is not a base URL; write it like https://gateway.example")
	case base.User != nil:
		p.wrong(value, "gateway", "must not hold a user or password; the API knows none")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		p.wrong(value, "gateway", "must not hold a query string or fragment; write only the base URL")
	case base.Scheme == "http" && !loopback(base.Hostname()):
		p.wrong(value, "gateway", "http:// would show requests and answers to anyone on the way; use https:// (http only to a loopback address)")
	default:
		return canonicalBase(base)
	}
	return ""
}

func canonicalBase(base *url.URL) string {
	base.Host = strings.ToLower(base.Host)
	for scheme, port := range map[string]string{"https": ":443", "http": ":80"} {
		if base.Scheme == scheme {
			base.Host = strings.TrimSuffix(base.Host, port)
		}
	}
	return strings.TrimRight(base.String(), "/")
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// notFound checks the patterns by the rules pkg/gateway compiles them with, so
// that a fault has a line. nil, its defaults, is told apart from none at all.
func (p *merchantParser) notFound(list []text) []string {
	if list == nil {
		return nil
	}
	patterns := make([]string, 0, len(list))
	for _, one := range list {
		if !one.set() {
			continue
		}
		if problem := notFoundProblem(one.Value); problem != "" {
			p.wrong(one, "notFound", "%q %s", one.Value, problem)
			continue
		}
		patterns = append(patterns, one.Value)
	}
	return patterns
}

// notFoundProblem says what is wrong with a pattern. One that matches an empty
// text matches everything, and every refusal of the gateway would count as
// evidence about an order.
func notFoundProblem(pattern string) string {
	expr, ok := strings.CutPrefix(pattern, "/")
	if ok {
		expr, ok = strings.CutSuffix(expr, "/")
	}
	if !ok {
		return ""
	}
	re, err := regexp.Compile("(?i)" + expr)
	switch {
	case err != nil:
		return "is not a regular expression (RE2); correct it, or leave out the slashes for a substring"
	case re.MatchString(""):
		return "matches an empty text and so every refusal; narrow it"
	}
	return ""
}

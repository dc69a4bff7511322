package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/settlehook/settlehook/pkg/sign"
)

// Client calls the gateway's API for one merchant account. It is safe for
// concurrent use and keeps connections; one per merchant is right.
type Client struct {
	base      string
	account   string
	keyring   *sign.Keyring
	http      *http.Client
	timeout   time.Duration
	userAgent string
	notFound  patterns
	form      bool
}

// NewClient checks cfg and returns a client; nothing is sent. It fails with
// one line that says what to change.
func NewClient(cfg Config) (*Client, error) {
	base, err := cfg.baseURL()
	if err != nil {
		return nil, err
	}
	switch {
	case cfg.Account == "":
		return nil, errors.New("merchant account is missing: set the account the gateway assigned")
	case cfg.Keyring == nil:
		return nil, errors.New("key ring is missing: the gateway answers signed requests only")
	case cfg.Timeout < 0:
		return nil, errors.New("timeout must not be negative")
	}
	texts := cfg.NotFound
	if texts == nil {
		texts = DefaultNotFound()
	}
	notFound, err := compilePatterns(texts)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: base, account: cfg.Account, keyring: cfg.Keyring, http: ownClient(cfg.HTTPClient),
		timeout: cfg.Timeout, userAgent: cfg.UserAgent, notFound: notFound, form: cfg.Form,
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.userAgent == "" {
		c.userAgent = DefaultUserAgent
	}
	return c, nil
}

// CloseIdleConnections closes the connections that are kept for the next call.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// field is one parameter of a request; all of the API's are strings.
type field struct{ name, value string }

// call posts one signed request and returns the data of a successful answer,
// and whether the sandbox gave it. Every endpoint goes through here, so that no
// answer is read less strictly.
func (c *Client) call(ctx context.Context, endpoint string, fields ...field) (data object, sandbox bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	body, contentType := c.encode(c.signed(fields))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, false, &TransportError{Endpoint: endpoint, Reason: "the request could not be built", err: err}
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	answer, err := c.roundTrip(req, endpoint)
	if err != nil {
		return nil, false, err
	}
	env, err := parseEnvelope(answer)
	if err != nil {
		return nil, false, err
	}
	if err := env.verdict(c.notFound); err != nil {
		return nil, false, err
	}
	if env.data == nil {
		return nil, false, malformed("data is missing")
	}
	data, err = parseObject(env.data, "data")
	return data, env.sandbox, err
}

// signed adds the merchant account and the sign.
func (c *Client) signed(fields []field) []field {
	all := append([]field{{"merchant", c.account}}, fields...)
	params := make(sign.Params, 0, len(all))
	for _, f := range all {
		params = append(params, sign.Param{Name: f.name, Value: f.value, Kind: sign.KindString})
	}
	return append(all, field{"sign", c.keyring.Sign(params)})
}

func (c *Client) encode(fields []field) (body []byte, contentType string) {
	if c.form {
		form := url.Values{}
		for _, f := range fields {
			form.Set(f.name, f.value)
		}
		return []byte(form.Encode()), "application/x-www-form-urlencoded"
	}
	values := make(map[string]string, len(fields))
	for _, f := range fields {
		values[f.name] = f.value
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	// A map of strings always encodes: there is no error to hand on.
	_ = enc.Encode(values)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), "application/json"
}

// roundTrip returns the body of a 200 answer, at most maxAnswer+1 bytes.
func (c *Client) roundTrip(req *http.Request, endpoint string) ([]byte, error) {
	resp, err := c.http.Do(req) //nolint:bodyclose // drain closes it
	if err != nil {
		return nil, transportError(endpoint, c.timeout, err)
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(endpoint, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, transportError(endpoint, c.timeout, err)
	}
	return body, nil
}

// drain reads what is left, within reason, so that the connection is used
// again; a longer rest is cheaper to cut off than to read.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxAnswer)
	_ = body.Close()
}

package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/settlehook/settlehook/pkg/sign"
)

// field is one parameter of a request; all of the API's are strings.
type field struct{ name, value string }

// request is one call of an endpoint.
type request struct {
	endpoint string
	orderID  string // for the log; "" where a call is about no order
	fields   []field
	// once forbids that the transport repeats the request by itself, and asks to
	// know whether it was sent.
	once bool
	// notFound are the refusals that are a statement about the order.
	notFound patterns
	// quoted are fields of another call that an answer may quote.
	quoted []field
}

// reply is what came of a call. Of one that failed only status is set, and only
// where an HTTP answer came.
type reply struct {
	data    object
	sandbox bool
	status  int
}

// call posts one signed request and returns the data of a successful answer.
// Every endpoint goes through here, so that no answer is read less strictly.
func (c *Client) call(ctx context.Context, req request) (reply, error) {
	began := c.now()
	all := c.signed(req.fields)
	r, err := c.exchange(ctx, req, all)
	c.logCall(req, all, r.status, err, c.now().Sub(began))
	return r, err
}

func (c *Client) exchange(ctx context.Context, req request, all []field) (reply, error) {
	body, status, err := c.post(ctx, req, all)
	r := reply{status: status}
	if err != nil {
		return r, err
	}
	env, err := parseEnvelope(body)
	if err != nil {
		return r, err
	}
	env.desc = c.withoutPrivate(env.desc, append(all, req.quoted...))
	if err := env.verdict(req.notFound); err != nil {
		return r, err
	}
	if env.data == nil {
		return r, malformed("data is missing")
	}
	if r.data, err = parseObject(env.data, "data"); err != nil {
		return r, err
	}
	r.sandbox = env.sandbox
	return r, nil
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

// post returns the body of a 200 answer, at most maxAnswer+1 bytes, and the
// HTTP status where one came.
func (c *Client) post(ctx context.Context, r request, all []field) (answer []byte, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	body, contentType := c.encode(all)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+r.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, 0, &TransportError{Endpoint: r.endpoint, Reason: "the request could not be built", NotSent: r.once, err: err}
	}
	var watched *outgoing
	if r.once {
		watched = sendOnce(req, body)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	resp, err := c.http.Do(req) //nolint:bodyclose // drain closes it
	if err != nil {
		return nil, 0, transportError(r.endpoint, c.timeout, err, watched.seal())
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return nil, resp.StatusCode, statusError(r.endpoint, resp.StatusCode)
	}
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, resp.StatusCode, transportError(r.endpoint, c.timeout, err, false)
	}
	return answer, resp.StatusCode, nil
}

// drain reads what is left, within reason, so that the connection is used
// again; a longer rest is cheaper to cut off than to read.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxAnswer)
	_ = body.Close()
}

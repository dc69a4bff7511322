package gateway

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

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
	refusals  patterns
	form      bool
	log       *zap.Logger
	now       func() time.Time
	creates   creates
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
	notFound, err := compilePatterns("not-found", cfg.NotFound, DefaultNotFound)
	if err != nil {
		return nil, err
	}
	refusals, err := compilePatterns("refusal", cfg.Refusals, DefaultRefusals)
	if err != nil {
		return nil, err
	}
	creates, err := cfg.forCreates()
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: base, account: cfg.Account, keyring: cfg.Keyring, http: ownClient(cfg.HTTPClient),
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout), userAgent: cmp.Or(cfg.UserAgent, DefaultUserAgent),
		notFound: notFound, refusals: refusals, form: cfg.Form, log: cfg.Logger, now: cfg.Now, creates: creates,
	}
	if c.log == nil {
		c.log = zap.NewNop()
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// CloseIdleConnections closes the connections that are kept for the next call.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

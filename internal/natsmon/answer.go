package natsmon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// mostBody bounds an answer: without lists of accounts it is a few kilobytes.
const mostBody = 1 << 20

// varz and jsz are what is read of the answers; the names are those of
// nats-server 2.15.2 (server/monitor.go, server/jetstream.go).
type varz struct {
	ID      string    `json:"server_id"`
	Name    string    `json:"server_name"`
	Version string    `json:"version"`
	Start   time.Time `json:"start"`
	Now     time.Time `json:"now"`
	Cluster struct {
		Name string `json:"name"`
	} `json:"cluster"`
}

type jsz struct {
	ID       string `json:"server_id"`
	Disabled bool   `json:"disabled"`
	Config   struct {
		MaxStore     int64         `json:"max_storage"`
		StoreDir     string        `json:"store_dir"`
		SyncInterval time.Duration `json:"sync_interval"` // in nanoseconds, also where sync_always counts
		SyncAlways   bool          `json:"sync_always"`
	} `json:"config"`
	Used     uint64 `json:"storage"`
	Reserved uint64 `json:"reserved_storage"`
	Meta     struct {
		Leader string `json:"leader"`
	} `json:"meta_cluster"`
}

// server asks one server, at one address, both questions.
func (c *Client) server(ctx context.Context, u *url.URL, at string) (Server, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	client, closeIdle := clientFor(at)
	defer closeIdle()
	var about varz
	begun, err := c.ask(ctx, client, u, "/varz", "", &about)
	if err != nil {
		return Server{}, err
	}
	way := c.cfg.Now().Sub(begun) / 2
	if about.ID == "" || about.Now.IsZero() {
		return Server{}, errors.New("what answers is no nats-server's monitoring port")
	}
	var js jsz
	if _, err := c.ask(ctx, client, u, "/jsz", "config=true", &js); err != nil {
		return Server{}, err
	}
	if js.ID != about.ID {
		return Server{}, errors.New("two servers answer here in turn; name an address that leads to one, such as a headless Service")
	}
	return Server{
		ID: about.ID, Name: about.Name, Version: about.Version, Cluster: about.Cluster.Name, Addr: at,
		Started: about.Start, Uptime: about.Now.Sub(about.Start),
		Clock: about.Now, Asked: begun.Add(way), Uncertain: way, JetStream: js.jetStream(),
	}, nil
}

func (j jsz) jetStream() *JetStream {
	if j.Disabled {
		return nil
	}
	return &JetStream{
		SyncAlways: j.Config.SyncAlways, SyncInterval: j.Config.SyncInterval, StoreDir: j.Config.StoreDir,
		StoreLimit: uint64(max(0, j.Config.MaxStore)), StoreReserved: j.Reserved, StoreUsed: j.Used, Leader: j.Meta.Leader,
	}
}

// clientFor dials one address, whatever the name in the URL: each server behind
// the name has to be asked, and its certificate is for the name.
func clientFor(addr string) (client *http.Client, closeIdle func()) {
	var dialer net.Dialer
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		MaxIdleConnsPerHost: 1,
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, transport.CloseIdleConnections
}

// ask reads one answer, and says when the question left.
func (c *Client) ask(ctx context.Context, client *http.Client, u *url.URL, endpoint, query string, into any) (begun time.Time, err error) {
	question := u.JoinPath(endpoint)
	question.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, question.String(), http.NoBody)
	if err != nil {
		return time.Time{}, err
	}
	begun = c.cfg.Now()
	res, err := client.Do(req)
	if err != nil {
		return time.Time{}, reason(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return time.Time{}, fmt.Errorf("%s is answered with HTTP status %d", endpoint, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostBody+1))
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("read the answer to %s: %w", endpoint, err)
	case len(body) > mostBody:
		return time.Time{}, fmt.Errorf("the answer to %s is longer than %d bytes", endpoint, mostBody)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return time.Time{}, fmt.Errorf("the answer to %s is not what a nats-server says: %w", endpoint, err)
	}
	return begun, nil
}

// reason is the error without the address, which the line has already.
func reason(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// Package natsmon asks the NATS servers' monitoring port what no client can
// learn over NATS itself: how soon a write is on the disk, which version each
// server runs, and what its clock says.
package natsmon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Server is one nats-server, as it describes itself.
type Server struct {
	// ID tells servers apart. A server takes a new one each time it starts.
	ID      string
	Name    string // of its configuration; the ID where there is none
	Version string // such as 2.15.2
	Cluster string // empty: it stands alone
	// Addr is where it answered, host:port of its monitoring port.
	Addr    string
	Started time.Time
	Uptime  time.Duration
	// Clock is what its clock said at Asked by ours, give or take Uncertain: the
	// answer was on its way for no longer than twice that.
	Clock, Asked time.Time
	Uncertain    time.Duration
	// JetStream is nil where it is off.
	JetStream *JetStream
}

// Ahead is by how much our clock is ahead of the server's, give or take
// [Server.Uncertain].
func (s Server) Ahead() time.Duration { return s.Asked.Sub(s.Clock) }

// JetStream is how a server keeps streams.
type JetStream struct {
	// SyncAlways: each write is on the disk before it is acknowledged. Else it is
	// within SyncInterval, and what came meanwhile is lost when power fails.
	SyncAlways   bool
	SyncInterval time.Duration
	StoreDir     string
	// Bytes on disk: the most it may use, what streams have reserved, and what
	// they use.
	StoreLimit, StoreReserved, StoreUsed uint64
	// Leader is the name of the server that leads the cluster's JetStream; empty
	// where there is no cluster, or no leader.
	Leader string
}

// Sync is how long an acknowledged write may stay off the disk; 0: not at all.
func (j JetStream) Sync() time.Duration {
	if j.SyncAlways {
		return 0
	}
	return j.SyncInterval
}

// ServerError says which address did not tell.
type ServerError struct {
	URL  string // as configured
	Addr string // host:port that was asked; empty: the name has no address
	Err  error
}

func (e *ServerError) Error() string {
	if e.Addr == "" {
		return fmt.Sprintf("NATS monitoring port %s: %v", e.URL, e.Err)
	}
	return fmt.Sprintf("NATS monitoring port %s at %s: %v", e.URL, e.Addr, e.Err)
}

func (e *ServerError) Unwrap() error { return e.Err }

// Config says which servers a Client asks, and how.
type Config struct {
	// URLs are the monitoring ports, such as http://nats:8222. A name with
	// several addresses (a headless Service) is asked at each.
	URLs []*url.URL
	// Timeout bounds the questions to one server, name look-up included; 0 means
	// DefaultTimeout.
	Timeout time.Duration
	// Now and LookUp are the system's unless a test brings its own.
	Now    func() time.Time
	LookUp func(ctx context.Context, host string) ([]netip.Addr, error)
}

// DefaultTimeout is for a server that is busy, not for one that is gone.
const DefaultTimeout = 5 * time.Second

// mostServers bounds what a name may resolve to: no cluster is larger.
const mostServers = 64

// Client asks a cluster's servers. It keeps no connections: rounds are rare.
type Client struct{ cfg Config }

// NewClient returns a client; nothing is asked yet.
func NewClient(cfg Config) *Client {
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.LookUp == nil {
		cfg.LookUp = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return &Client{cfg: cfg}
}

// Servers asks every server at the same time and returns those that told, by
// name, each once however many addresses lead to it. The error holds a
// *[ServerError] for each address that did not; the servers stand beside it.
func (c *Client) Servers(ctx context.Context) ([]Server, error) {
	return each(ctx, c, c.server, func(s Server) (id, name string) { return s.ID, s.Name })
}

// each asks every server the same, and returns each one's answer once, by name.
func each[T any](ctx context.Context, c *Client, ask func(context.Context, *url.URL, string) (T, error), names func(T) (id, name string)) ([]T, error) {
	var (
		mu      sync.Mutex
		found   = map[string]T{} // by id
		errs    []error
		working sync.WaitGroup
	)
	keep := func(answer T, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
			return
		}
		id, _ := names(answer)
		found[id] = answer
	}
	for _, u := range c.cfg.URLs {
		working.Go(func() {
			places, err := c.places(ctx, u)
			if err != nil {
				var none T
				keep(none, &ServerError{URL: u.Redacted(), Err: err})
				return
			}
			for _, at := range places {
				working.Go(func() {
					answer, err := ask(ctx, u, at)
					if err != nil {
						err = &ServerError{URL: u.Redacted(), Addr: at, Err: err}
					}
					keep(answer, err)
				})
			}
		})
	}
	working.Wait()
	byName := slices.SortedFunc(maps.Values(found), func(a, b T) int {
		idA, nameA := names(a)
		idB, nameB := names(b)
		return cmp.Or(cmp.Compare(nameA, nameB), cmp.Compare(idA, idB))
	})
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return byName, errors.Join(errs...)
}

// places are the addresses behind a URL, host:port.
func (c *Client) places(ctx context.Context, u *url.URL) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return []string{net.JoinHostPort(ip.String(), port)}, nil
	}
	all, err := c.cfg.LookUp(ctx, u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("look up its name: %w", err)
	}
	// In a network with both kinds a name has each server twice.
	v4 := slices.DeleteFunc(slices.Clone(all), func(ip netip.Addr) bool { return !ip.Unmap().Is4() })
	if len(v4) > 0 {
		all = v4
	}
	if len(all) == 0 {
		return nil, errors.New("its name has no address")
	}
	if len(all) > mostServers {
		return nil, fmt.Errorf("its name has %d addresses, more than any cluster has servers (%d)", len(all), mostServers)
	}
	places := make([]string, len(all))
	for i, ip := range all {
		places[i] = net.JoinHostPort(ip.Unmap().String(), port)
	}
	return places, nil
}

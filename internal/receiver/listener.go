package receiver

import (
	"container/list"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/settlehook/settlehook/internal/config"
)

// Listen bounds the connections of l: how many there are (HTTP_MAX_CONNECTIONS),
// how many one source has (HTTP_MAX_CONNECTIONS_PER_SOURCE), and how many lines
// of headers one may send before its request is in work. With secure it speaks
// TLS on them. Serve it with a server of [NewServer], which tells it when a
// request is in work.
//
// Against a crowd of connections that say nothing, or say it slowly, a queue in
// front of the door would do the attacker's work: whoever comes late would wait
// for whoever sits. So the newcomer gets in, and the one that has been without a
// request in work for longest has to leave. A gateway's request takes
// milliseconds; a slow sender loses its place long before its time-outs.
func Listen(l net.Listener, cfg config.HTTP, secure *tls.Config, registry prometheus.Registerer) (net.Listener, error) {
	g := &guard{
		Listener: l, cfg: cfg, secure: secure, metrics: newConnectionMetrics(),
		bySource: make(map[sourceKey]int), resting: list.New(),
	}
	g.left.L = &g.mu
	if err := g.metrics.register(registry); err != nil {
		return nil, fmt.Errorf("register the listener's metrics: %w", err)
	}
	return g, nil
}

// guard is the listener that Listen describes.
type guard struct {
	net.Listener
	cfg     config.HTTP
	secure  *tls.Config // nil: plain
	metrics *connectionMetrics

	mu       sync.Mutex
	left     sync.Cond // a connection was closed or is at rest, or the listener was closed
	open     int
	bySource map[sourceKey]int
	resting  *list.List // of *conn without a request in work, longest in front
	closed   bool
}

// Accept returns the next connection there is room for.
func (g *guard) Accept() (net.Conn, error) {
	for {
		raw, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c, err := g.admit(raw)
		if c != nil || err != nil {
			return c, err
		}
	}
}

// admit makes room for a connection; it returns nil and no error for one that
// is turned away.
func (g *guard) admit(raw net.Conn) (net.Conn, error) {
	source, counted := g.sourceOf(raw)
	g.mu.Lock()
	defer g.mu.Unlock()
	if counted && g.bySource[source] >= g.cfg.MaxConnectionsPerSource {
		g.metrics.closed.WithLabelValues(closedSourceLimit).Inc()
		_ = raw.Close()
		return nil, nil //nolint:nilnil // the caller takes the next one
	}
	for evicted := false; g.open >= g.cfg.MaxConnections && !g.closed; g.left.Wait() {
		evicted = evicted || g.evict() // one is enough: it is on its way out
	}
	if g.closed {
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	g.open++
	g.metrics.open.Inc()
	c := &conn{Conn: raw, raw: raw, guard: g, source: source, counted: counted}
	if counted {
		g.bySource[source]++
	}
	if g.secure != nil {
		c.Conn = tls.Server(raw, g.secure)
	}
	c.heads.Store(true)
	c.at = g.resting.PushBack(c)
	return c, nil
}

// sourceOf is the source a connection counts for. A trusted proxy's do not
// count: it brings everybody, and bounds its own.
func (g *guard) sourceOf(raw net.Conn) (source sourceKey, counted bool) {
	peer, err := netip.ParseAddrPort(raw.RemoteAddr().String())
	if err != nil {
		return sourceKey{}, false
	}
	addr := plain(peer.Addr())
	return keyOf(addr), !g.cfg.TrustedProxies.Contains(addr)
}

// evict closes the connection that has been without a request in work for
// longest, and reports whether there was one. Its place is free once its
// goroutine has noticed, so there are never more than the most.
func (g *guard) evict() bool {
	at := g.resting.Front()
	if at == nil {
		return false
	}
	c := g.resting.Remove(at).(*conn)
	c.at = nil
	g.metrics.closed.WithLabelValues(closedGaveWay).Inc()
	_ = c.raw.Close() // not through TLS, whose farewell could block
	return true
}

// Close stops listening. Connections stay open.
func (g *guard) Close() error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.left.Broadcast()
	return g.Listener.Close()
}

func (g *guard) release(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.released {
		return
	}
	c.released = true
	c.leaveResting()
	if c.counted {
		if g.bySource[c.source]--; g.bySource[c.source] == 0 {
			delete(g.bySource, c.source)
		}
	}
	g.open--
	g.metrics.open.Dec()
	g.left.Signal()
}

package receiver

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
)

// mostHeadLines bounds the lines a connection may send before its request is in
// work: the request line and headers, and of the body what came with them. A
// header costs a few bytes to send and a hundred to hold, so bytes alone
// (maxHeader) would let a sender have a multiple of them in memory.
const mostHeadLines = 128

var errHeadLines = errors.New("too many header lines")

// conn is one connection of a guard.
type conn struct {
	net.Conn          // what is spoken over: raw, or TLS over it
	raw      net.Conn // the network's
	guard    *guard
	source   sourceKey
	counted  bool // for its source

	heads atomic.Bool // what is read is counted as a head's
	lines atomic.Int64

	// Guarded by guard.mu.
	at       *list.Element // among the resting; nil while a request is in work
	released bool
}

// Read counts the lines of a head.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.heads.Load() && c.lines.Add(int64(bytes.Count(p[:n], []byte{'\n'}))) > mostHeadLines {
		c.guard.metrics.closed.WithLabelValues(closedHeadLines).Inc()
		return 0, errHeadLines
	}
	return n, err
}

// Close closes the connection and gives its place back.
func (c *conn) Close() error {
	defer c.guard.release(c)
	return c.Conn.Close()
}

// CloseWrite ends only our half. The server does it after a refusal it answers
// before the body has all arrived: closing at once would reset the connection,
// and the sender might never see the answer.
func (c *conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	return half.CloseWrite()
}

// working says that a request is in work: its head is read, and the connection
// is nobody's to take.
func (c *conn) working() {
	c.heads.Store(false)
	c.guard.mu.Lock()
	defer c.guard.mu.Unlock()
	c.leaveResting()
}

// rest says that the request is answered. The server may still have to send the
// answer and to read what is left of the body.
func (c *conn) rest() {
	c.guard.mu.Lock()
	defer c.guard.mu.Unlock()
	if !c.released && c.at == nil {
		c.at = c.guard.resting.PushBack(c)
		c.guard.left.Signal() // a newcomer may be waiting for somebody to close
	}
}

// nextHead says that another request may follow.
func (c *conn) nextHead() {
	c.lines.Store(0)
	c.heads.Store(true)
}

func (c *conn) leaveResting() {
	if c.at != nil {
		c.guard.resting.Remove(c.at)
		c.at = nil
	}
}

// connKey is the key of a request's *conn in its context.
type connKey struct{}

// connOf is the request's connection, nil where the server is not on a guard.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// watchConnections lets a server tell its guard what goes on.
func watchConnections(s *http.Server) {
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if c, ok := c.(*conn); ok {
			return context.WithValue(ctx, connKey{}, c)
		}
		return ctx
	}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ok := c.(*conn); ok && state == http.StateIdle {
			c.nextHead()
		}
	}
}

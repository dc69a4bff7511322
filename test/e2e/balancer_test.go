package e2e

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sync"
	"testing"
)

// balancer stands in front of receivers and hands out endpoints by turns.
type balancer struct {
	addr string

	mu        sync.Mutex
	endpoints []string
	turn      int
}

func (b *balancer) route(endpoints []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endpoints = endpoints
}

func (b *balancer) next() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.endpoints) == 0 {
		return ""
	}
	b.turn++
	return b.endpoints[b.turn%len(b.endpoints)]
}

// connectionBalancer spreads connections, as kube-proxy does: a new one goes to
// an endpoint of the moment and stays with it for as long as both sides keep it,
// also when that endpoint is taken off the list.
func connectionBalancer(t *testing.T) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{addr: l.Addr().String()}
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { b.join(client) })
		}
	})
	return b
}

// join passes on what both sides say, until both have ended. A refused
// connection is a closed one to the client.
func (b *balancer) join(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", b.next())
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var answers sync.WaitGroup
	answers.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
	_ = server.Close()
	answers.Wait()
}

// requestBalancer spreads requests, as an ingress does, over connections that it
// keeps to each endpoint. It tries nothing twice.
func requestBalancer(t *testing.T) *balancer {
	t.Helper()
	b := &balancer{}
	transport := &http.Transport{MaxIdleConnsPerHost: 1000}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", b.next()
			r.Out.GetBody = nil
		},
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // the client is told: 502
	})
	b.addr = server.Listener.Addr().String()
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	return b
}

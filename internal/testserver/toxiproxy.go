package testserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
)

// Toxiproxy is a proxy that spoils connections.
type Toxiproxy struct {
	*Process
	t testing.TB
}

// StartToxiproxy starts a proxy without any ways through it.
func StartToxiproxy(t testing.TB) *Toxiproxy {
	t.Helper()
	binary, addr := Binary(t, "toxiproxy-server"), FreeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	p := newProcess(t, addr, func() *exec.Cmd {
		cmd := exec.Command(binary, "-host", host, "-port", port)
		cmd.Env = []string{"LOG_LEVEL=error"}
		return cmd
	})
	return &Toxiproxy{Process: p, t: t}
}

// Way is a way through a proxy to a server.
type Way struct {
	Name string
	Addr string // where clients connect to

	proxy *Toxiproxy
}

// Way opens a way to the server at upstream.
func (p *Toxiproxy) Way(name, upstream string) *Way {
	p.t.Helper()
	w := &Way{Name: name, Addr: FreeAddr(p.t), proxy: p}
	p.call(http.MethodPost, "/proxies", map[string]any{"name": name, "listen": w.Addr, "upstream": upstream, "enabled": true})
	return w
}

// Toxic is one way to spoil a connection; Type and Attributes are Toxiproxy's,
// in its units (milliseconds, bytes, kB per second).
type Toxic struct {
	Type       string
	Attributes map[string]int
}

// Spoil adds a toxic to both directions of a way.
func (w *Way) Spoil(x Toxic) {
	w.proxy.t.Helper()
	for _, direction := range []string{"upstream", "downstream"} {
		w.proxy.call(http.MethodPost, "/proxies/"+w.Name+"/toxics", map[string]any{
			"name": x.Type + "-" + direction, "type": x.Type, "stream": direction, "toxicity": 1.0, "attributes": x.Attributes,
		})
	}
}

// Cut closes all connections and refuses new ones.
func (w *Way) Cut() { w.enable(false) }

// Heal takes every toxic off, and lets connections through again.
func (w *Way) Heal() {
	w.proxy.t.Helper()
	var toxics []struct {
		Name string `json:"name"`
	}
	body := w.proxy.call(http.MethodGet, "/proxies/"+w.Name+"/toxics", nil)
	if err := json.Unmarshal(body, &toxics); err != nil {
		w.proxy.t.Fatalf("toxiproxy: %v", err)
	}
	for _, toxic := range toxics {
		w.proxy.call(http.MethodDelete, "/proxies/"+w.Name+"/toxics/"+toxic.Name, nil)
	}
	w.enable(true)
}

func (w *Way) enable(on bool) {
	w.proxy.t.Helper()
	w.proxy.call(http.MethodPost, "/proxies/"+w.Name, map[string]any{"enabled": on})
}

func (p *Toxiproxy) call(method, path string, value any) []byte {
	p.t.Helper()
	var body io.Reader
	if value != nil {
		text, err := json.Marshal(value)
		if err != nil {
			p.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, "http://"+p.Addr+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("toxiproxy: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if err != nil {
		p.t.Fatalf("toxiproxy: %v", err)
	}
	return answer
}

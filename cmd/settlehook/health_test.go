package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		said   string
		code   int
	}{
		{"ready", http.StatusOK, "ready\n", "ready\n", 0},
		{"not ready", http.StatusServiceUnavailable, "not ready: starting or draining\n", "503 not ready: starting or draining\n", 1},
		{"somebody else", http.StatusNotFound, "\x1b[2Jno such page\nand more", `404 "\x1b[2Jno such page"` + "\n", 1},
		{"redirect", http.StatusFound, "elsewhere", "302 elsewhere\n", 1},
		{"no end", http.StatusOK, strings.Repeat("x", 1<<20), strings.Repeat("x", mostSaid) + "\n", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/readyz" {
					t.Errorf("asked %s %s", r.Method, r.URL)
				}
				w.Header().Set("Location", "/livez")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			for how, args := range map[string][]string{
				"by address": {"health"}, // ADMIN_ADDR
				"by URL":     {"health", "--url", server.URL + "/readyz"},
			} {
				t.Setenv("ADMIN_ADDR", strings.TrimPrefix(server.URL, "http://"))
				var out, err bytes.Buffer
				if code := run(args, streams{strings.NewReader(""), &out, &err}); code != test.code || out.String() != test.said || err.Len() > 0 {
					t.Errorf("%s: exit code %d, said %q and %q, want %d and %q", how, code, &out, &err, test.code, test.said)
				}
			}
		})
	}
}

func TestHealthOfNobody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for name, test := range map[string]struct {
		args []string
		code int
		said string
	}{
		"nobody listens": {[]string{"health", "--url", server.URL}, 1, "no answer; is it running, and is this its ADMIN_ADDR?"},
		"no address":     {[]string{"health", "--admin-addr", "9090"}, 2, `ADMIN_ADDR="9090": `},
		"no URL":         {[]string{"health", "--url", "http://a b"}, 2, "invalid character"},
	} {
		var out, err bytes.Buffer
		if code := run(test.args, streams{strings.NewReader(""), &out, &err}); code != test.code || !strings.Contains(err.String(), test.said) || out.Len() > 0 {
			t.Errorf("%s: exit code %d, said %q and %q, want %d and %q", name, code, &out, &err, test.code, test.said)
		}
	}
}

// A listener that listens everywhere is reached at loopback.
func TestHere(t *testing.T) {
	for addr, want := range map[string]string{
		":9090": "127.0.0.1:9090", "0.0.0.0:9090": "127.0.0.1:9090", "[::]:9090": "[::1]:9090",
		"10.0.0.7:1": "10.0.0.7:1", "[fd00::7]:1": "[fd00::7]:1", "admin:1": "admin:1",
	} {
		if got, err := here(addr); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", addr, got, err, want)
		}
	}
}

package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/console"
	"github.com/settlehook/settlehook/internal/stream"
)

// posts are all that changes something.
var posts = []string{"/review/ask", "/review/preview", "/review/resolve", "/parked/redrive", "/parked/drop", "/quarantine/redrive"}

var gets = []string{"/", "/orders", "/orders?id=A1", "/reviews", "/parked", "/parked/1", "/quarantine", "/quarantine/1", "/flow"}

// Nobody sees anything without the login that was printed, and each logs in one
// browser.
func TestLogin(t *testing.T) {
	s := newSite(t).serve()
	s.parks("A1")
	s.refuses([]byte("x"))
	stranger := s.browser()
	for _, path := range append(append([]string{}, gets...), posts...) {
		method := http.MethodGet
		if strings.Contains(strings.Join(posts, " "), path) && path != "/" {
			method = http.MethodPost
		}
		a := s.do(stranger, s.request(method, path, url.Values{}))
		a.has(t, http.StatusForbidden, "Not logged in", "settlehook console")
		a.lacks(t, "A1", "m1001")
	}
	used := s.logins[0]
	s.do(stranger, s.request(http.MethodGet, used, nil)).has(t, http.StatusForbidden, "Not logged in")
	s.do(stranger, s.request(http.MethodGet, "/login?token=", nil)).has(t, http.StatusForbidden, "Not logged in")
	s.do(stranger, s.request(http.MethodPost, s.login(), url.Values{})).has(t, http.StatusForbidden)
	// Who is in stays in, whatever of the old addresses is opened again.
	if a := s.get(used); a.status != http.StatusOK || a.at != "/" {
		t.Errorf("the used address leads %d %s", a.status, a.at)
	}
	// The next one logs in the next.
	if a := s.do(stranger, s.request(http.MethodGet, s.login(), nil)); a.status != http.StatusOK || a.at != "/" {
		t.Errorf("the next address leads to %d %s", a.status, a.at)
	}
	r := s.request(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "settlehook-console-" + strings.Split(s.base, ":")[2], Value: "guessed"})
	s.do(s.browser(), r).has(t, http.StatusForbidden)
}

func TestCookie(t *testing.T) {
	s := newSite(t).serve()
	client := s.browser()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := s.do(client, s.request(http.MethodGet, s.login(), nil))
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age="} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q has no %s", cookie, want)
		}
	}
}

// A page of another site that has its name point here is not answered.
func TestNames(t *testing.T) {
	s := newSite(t).serve()
	for host, want := range map[string]int{
		"127.0.0.1:8070": http.StatusOK, "localhost:9999": http.StatusOK, "LOCALHOST": http.StatusOK, "[::1]:8070": http.StatusOK,
		"evil.example": http.StatusMisdirectedRequest, "127.0.0.1.evil.example:8070": http.StatusMisdirectedRequest,
		"192.0.2.1": http.StatusMisdirectedRequest, "localhost.": http.StatusMisdirectedRequest,
	} {
		for _, path := range []string{"/", "/assets/console.css", "/login"} {
			if path == "/login" && want == http.StatusOK {
				continue
			}
			r := s.request(http.MethodGet, path, nil)
			r.Host = host
			for _, c := range s.http.Jar.Cookies(r.URL) {
				r.AddCookie(c)
			}
			if a := s.do(&http.Client{}, r); a.status != want {
				t.Errorf("%s of %s: %d, want %d", path, host, a.status, want)
			}
		}
	}
}

// Only the console's own forms change anything.
func TestForms(t *testing.T) {
	s := newSite(t).serve()
	s.parks("A1")
	for _, path := range posts {
		for name, edit := range map[string]func(*http.Request){
			"without a token": func(*http.Request) {},
			"by another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"by a neighbour":  func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
			"of another origin": func(r *http.Request) {
				r.Header.Set("Origin", "http://127.0.0.1:1")
			},
		} {
			form := url.Values{"sequence": {"1"}, "why": {"because"}}
			if name != "without a token" {
				form.Set("form", formToken.FindStringSubmatch(s.get("/parked").body)[1])
			}
			r := s.request(http.MethodPost, path, form)
			edit(r)
			s.do(s.http, r).has(t, http.StatusForbidden, "Nothing was done")
		}
		if a := s.get(path); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
			t.Errorf("GET %s: %d", path, a.status)
		}
	}
	r := s.request(http.MethodPost, "/parked/redrive", url.Values{"form": {strings.Repeat("x", 100<<10)}})
	s.do(s.http, r).has(t, http.StatusForbidden)
	if n := s.count(stream.Parked); n != 1 {
		t.Errorf("%d callbacks are parked, want the one", n)
	}
}

func TestHeaders(t *testing.T) {
	s := newSite(t).serve()
	for _, path := range []string{"/", "/orders", "/nothing", "/assets/console.css", "/assets/console.js", "/assets/", "/assets/../console.go"} {
		a := s.get(path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		a.lacks(t, " style=", "<style", "onclick", "javascript:")
	}
	for path, media := range map[string]string{"/assets/console.css": "text/css; charset=utf-8", "/assets/console.js": "text/javascript; charset=utf-8", "/": "text/html; charset=utf-8"} {
		if got := s.get(path).header.Get("Content-Type"); got != media {
			t.Errorf("%s is %q, want %q", path, got, media)
		}
	}
}

func TestRemoteNeedsAWord(t *testing.T) {
	s := newSite(t)
	for listen, remote := range map[string]bool{
		"127.0.0.1:0": false, "localhost:0": false, "127.8.0.1:0": false, "0.0.0.0:0": true, ":0": true, "[::]:0": true,
	} {
		_, err := console.New(t.Context(), console.Config{Desk: s.desk, Listen: listen})
		if errors.Is(err, console.ErrRemote) != remote || !remote && err != nil {
			t.Errorf("%s: %v, remote is %v", listen, err, remote)
		}
		if k, err := console.New(t.Context(), console.Config{Desk: s.desk, Listen: listen, AllowRemote: true}); err != nil || k.Local() == remote {
			t.Errorf("%s, allowed: %v", listen, err)
		}
	}
	if _, err := console.New(t.Context(), console.Config{Desk: s.desk, Listen: "8070"}); err == nil || !strings.Contains(err.Error(), "127.0.0.1:8070") {
		t.Errorf("an address without a port: %v", err)
	}
}

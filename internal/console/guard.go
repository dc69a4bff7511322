package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// policy lets a page load and send nothing but the console's own, and be framed by
// nobody.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guard decides who gets in: a browser that was logged in with the printed address,
// and that asks for the console by its own name. What changes something must also
// come from one of the console's own forms.
type guard struct {
	host, port string // where a browser finds it: a name may lead to another's server
	names      []string
	local      bool
	cookie     string
	form       string // token in every form of this process
	login      func(url string)
	clock      func() time.Time

	mu       sync.Mutex
	ticket   string // logs one browser in
	sessions map[string]*session
}

// session is a browser that was logged in.
type session struct {
	until time.Time

	mu      sync.Mutex
	notices []string // for the next page
}

const (
	sessionTime = 12 * time.Hour
	maxSessions = 16
)

func newGuard(host string, addr net.Addr, local bool, login func(string), clock func() time.Time) *guard {
	listens, port, _ := net.SplitHostPort(addr.String())
	if ip, err := netip.ParseAddr(listens); err == nil && ip.IsUnspecified() {
		listens = "127.0.0.1"
	}
	g := &guard{
		host: listens, port: port, local: local, names: []string{"localhost", "127.0.0.1", "::1"}, login: login, clock: clock,
		// Cookies do not tell ports apart: two consoles must not log each other out.
		cookie: "settlehook-console-" + port, form: rand.Text(), sessions: map[string]*session{},
	}
	if host != "" {
		g.names = append(g.names, strings.ToLower(host))
	}
	return g
}

// offer makes a new login and says where it is.
func (g *guard) offer() {
	g.mu.Lock()
	g.ticket = rand.Text()
	url := "http://" + net.JoinHostPort(g.host, g.port) + "/login?token=" + g.ticket
	g.mu.Unlock()
	if g.login != nil {
		g.login(url)
	}
}

// around guards a handler.
func (g *guard) around(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { renderRefusal(w, foreignForm) }))
	inside := origin.Handler(g.logged(g.formed(next)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.headers(w.Header())
		if !g.known(r.Host) {
			renderRefusal(w, otherName)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		switch {
		case strings.HasPrefix(r.URL.Path, "/assets/"):
			serveAsset(w, r)
		case r.URL.Path == "/login":
			g.logIn(w, r)
		default:
			inside.ServeHTTP(w, r)
		}
	})
}

func (g *guard) headers(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // going back must show how a case stands
	h.Set("Referrer-Policy", "no-referrer")
	if !g.local {
		// With no-referrer, browsers send "Origin: null" with the page's own forms,
		// and off loopback say nothing else of where a form comes from.
		h.Set("Referrer-Policy", "same-origin")
	}
}

// known refuses names that others may have pointed here (DNS rebinding). Ports don't
// matter: a tunnel may begin at another. An address as it is can't be rebound.
func (g *guard) known(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if slices.Contains(g.names, host) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return !g.local && err == nil
}

// logIn takes the ticket, which logs in once.
func (g *guard) logIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		renderRefusal(w, notLoggedIn)
		return
	}
	given := r.URL.Query().Get("token")
	g.mu.Lock()
	fits := g.ticket != "" && subtle.ConstantTimeCompare([]byte(given), []byte(g.ticket)) == 1
	name := rand.Text()
	if fits {
		g.ticket = ""
		g.forget()
		g.sessions[name] = &session{until: g.clock().Add(sessionTime)}
	}
	g.mu.Unlock()
	if !fits {
		if g.sessionOf(r) != nil { // the address was opened again
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		renderRefusal(w, notLoggedIn)
		return
	}
	// Lax: with Strict, a login that was clicked in a web terminal would lead to a page
	// that knows nobody. What changes something has the form's token, too.
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // loopback has no https
		Name: g.cookie, Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(sessionTime.Seconds()),
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
	g.offer()
}

// forget drops sessions whose time is over, and the oldest if there are too many.
func (g *guard) forget() {
	oldest, found := "", time.Time{}
	for name, s := range g.sessions {
		if !g.clock().Before(s.until) {
			delete(g.sessions, name)
		} else if oldest == "" || s.until.Before(found) {
			oldest, found = name, s.until
		}
	}
	if len(g.sessions) >= maxSessions {
		delete(g.sessions, oldest)
	}
}

func (g *guard) sessionOf(r *http.Request) *session {
	cookie, err := r.Cookie(g.cookie)
	if err != nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[cookie.Value]
	if s == nil || !g.clock().Before(s.until) {
		return nil
	}
	return s
}

type sessionKey struct{}

// logged lets in who was logged in.
func (g *guard) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := g.sessionOf(r)
		if s == nil {
			renderRefusal(w, notLoggedIn)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, s)))
	})
}

// formed lets through what reads, and of what changes something only our own forms.
func (g *guard) formed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if r.ParseForm() != nil || subtle.ConstantTimeCompare([]byte(r.PostForm.Get("form")), []byte(g.form)) != 1 {
				renderRefusal(w, foreignForm)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// tell keeps a notice for the next page of this browser.
func tell(r *http.Request, text string) {
	if s, ok := r.Context().Value(sessionKey{}).(*session); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.notices = append(s.notices, text)
	}
}

// notices are those for this page.
func notices(r *http.Request) (all []string) {
	if s, ok := r.Context().Value(sessionKey{}).(*session); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		all, s.notices = s.notices, nil
	}
	return all
}

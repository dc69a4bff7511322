package cashier

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
)

// stylesheet stands in every page: a path of its own would be one more token
// that no order may have.
//
//go:embed page.css
var stylesheet string

// policy lets the page load nothing but its own stylesheet, send forms only to
// itself, and be framed by nobody.
var policy = "default-src 'none'; style-src '" + styleHash() + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func styleHash() string {
	sum := sha256.Sum256([]byte(stylesheet))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// guarded sets the headers of every answer.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		// The merchant learns nothing of the page's address. Not no-referrer:
		// browsers then send "Origin: null" with the page's own forms, which
		// cannot be told from a stranger's where the page is not on loopback or
		// https.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // going back must show how the order stands
		next.ServeHTTP(w, r)
	})
}

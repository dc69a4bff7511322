package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

//go:embed web
var web embed.FS

// pages are the templates: the layout, its parts, and a "main" for each page.
var pages = func() map[string]*template.Template {
	base := template.Must(template.New("").Funcs(template.FuncMap{
		"iso":     func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") },
		"day":     func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"sec":     func(t time.Time) string { return t.UTC().Format(time.TimeOnly) },
		"lasting": lasting, "orderURL": orderURL, "reviewURL": reviewURL, "meaning": cases.Meaning, "px": px, "json": indented,
		"hourEnd": func(t time.Time) time.Time { return t.Add(time.Hour) },
	}).ParseFS(web, "web/layout.html", "web/parts.html"))
	all := map[string]*template.Template{"parts": base}
	for _, name := range []string{"live", "orders", "reviews", "review", "preview", "parked", "parkedone", "quarantine", "quarantineone", "problem"} {
		all[name] = template.Must(template.Must(base.Clone()).ParseFS(web, "web/"+name+".html"))
	}
	return all
}()

// page is what every page shows, and its own.
type page struct {
	Title   string
	Section string // of the navigation
	Form    string // the token of its forms; empty: for nobody
	Notices []string
	Status  int // 0: 200
	Open    openCases
	Of      any
}

// show answers with a page.
func (c *Console) show(w http.ResponseWriter, r *http.Request, name string, p page) error {
	p.Form, p.Notices, p.Open = c.guard.form, notices(r), c.standing.look(r.Context())
	return render(w, name, p)
}

func render(w http.ResponseWriter, name string, p page) error {
	body, err := fragment(name, "layout", p)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	_, _ = w.Write(body)
	return nil
}

// fragment is a template as it goes to a browser. The templates escape what
// outsiders wrote; here goes what would show it otherwise than it is, in the page as
// in a terminal: control characters and marks of direction.
func fragment(set, name string, data any) ([]byte, error) {
	var body bytes.Buffer
	if err := pages[set].ExecuteTemplate(&body, name, data); err != nil {
		return nil, fmt.Errorf("show the page: %w", err)
	}
	return bytes.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, body.Bytes()), nil
}

// problem is a request that came to nothing.
type problem struct {
	Status      int
	Title, Text string
}

func (p *problem) Error() string { return p.Text }

var (
	errNoPage = &problem{http.StatusNotFound, "No such page", "Nothing is at this address, or not by this way."}
	otherName = &problem{
		http.StatusMisdirectedRequest, "Asked by another name",
		"The console answers by the address that it printed. This request named another one, as a hostile page may.",
	}
	notLoggedIn = &problem{
		http.StatusForbidden, "Not logged in",
		"Open the address that “settlehook console” printed in your terminal. Each logs in one browser; the terminal shows the next.",
	}
	foreignForm = &problem{
		http.StatusForbidden, "Not from the console’s own page",
		"Nothing was done. The form came from elsewhere, or from before the console was started again: open its page anew.",
	}
)

// renderRefusal answers who was not let in.
func renderRefusal(w http.ResponseWriter, p *problem) {
	if err := render(w, "problem", page{Title: p.Title, Status: p.Status, Of: p}); err != nil {
		http.Error(w, p.Text, p.Status)
	}
}

// wrongInput is a slip of the person's.
func wrongInput(format string, args ...any) error {
	return &problem{http.StatusBadRequest, "That can’t be used", fmt.Sprintf(format, args...)}
}

// problem answers a request that failed.
func (c *Console) problem(w http.ResponseWriter, r *http.Request, err error) {
	var p *problem
	switch {
	case errors.As(err, &p):
	case errors.Is(err, stream.ErrGone):
		p = &problem{http.StatusNotFound, "It is not there", err.Error() + "; somebody may have dealt with it, or its time was over"}
	case !c.desk.NC.IsConnected():
		p = &problem{http.StatusServiceUnavailable, "Not known now", natsAway + ". Load the page again in a moment."}
	default:
		p = &problem{http.StatusBadGateway, "It did not work", err.Error()}
	}
	if err := c.show(w, r, "problem", page{Title: p.Title, Status: p.Status, Of: p}); err != nil {
		http.Error(w, p.Text, p.Status)
	}
}

// serveAsset serves the stylesheet and the script, which tell nothing to anybody.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	types := map[string]string{"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8"}
	name := strings.TrimPrefix(r.URL.Path, "/assets/")
	media, known := types[name]
	if !known || r.Method != http.MethodGet {
		renderRefusal(w, errNoPage)
		return
	}
	body, err := web.ReadFile("web/" + name)
	if err != nil {
		renderRefusal(w, errNoPage)
		return
	}
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(body) //nolint:gosec // a file of ours, chosen from a fixed list
}

func orderURL(merchant, id string) string {
	q := url.Values{"id": {id}}
	if merchant != "" && merchant != stream.Unknown {
		q.Set("merchant", merchant)
	}
	return "/orders?" + q.Encode()
}

func reviewURL(id string) string { return "/review?" + url.Values{"id": {id}}.Encode() }

func indented(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the template does
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.String(), err
}

// merchantOf reads the id of a merchant: it becomes part of a filter, where a
// wildcard would mean others, too.
func merchantOf(r *http.Request) (string, error) {
	id := strings.TrimSpace(r.FormValue("merchant"))
	if events.EscapeToken(id) != id {
		return "", wrongInput("The merchant %q: use only letters, digits, _ and -.", id)
	}
	return id, nil
}

// flowOf reads a flow, which may be left open.
func flowOf(r *http.Request) (string, error) {
	text := r.FormValue("flow")
	if text == "" {
		return "", nil
	}
	flow, err := events.ParseFlow(text)
	if err != nil {
		return "", wrongInput("The flow %q: choose collect or pay.", text)
	}
	return string(flow), nil
}

// sinceOf reads the day from which on a list is.
func sinceOf(r *http.Request) (time.Time, error) {
	text := r.FormValue("since")
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, wrongInput("The day %q: write it like 2026-05-01.", text)
	}
	return t, nil
}

// filter is what narrows a list.
type filter struct {
	Merchant, Flow, Reason, Order, Since string
	since                                time.Time
}

func filterOf(r *http.Request) (f filter, err error) {
	if f.Merchant, err = merchantOf(r); err != nil {
		return f, err
	}
	if f.Flow, err = flowOf(r); err != nil {
		return f, err
	}
	if f.since, err = sinceOf(r); err != nil {
		return f, err
	}
	f.Since = r.FormValue("since")
	f.Reason, f.Order = strings.TrimSpace(r.FormValue("reason")), strings.TrimSpace(r.FormValue("order"))
	return f, nil
}

func (f filter) window() stream.Window { return stream.Window{Since: f.since} }

// listed collects as many rows as a page shows.
func listed[M, R any](list func(each func(M) error) error, row func(M) R) (rows []R, more bool, err error) {
	err = list(func(m M) error {
		if len(rows) == shownAtMost {
			more = true
			return stream.ErrStop
		}
		rows = append(rows, row(m))
		return nil
	})
	return rows, more, err
}

func sequenceOf(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, wrongInput("%q is not a sequence in the stream.", text)
	}
	return n, nil
}

// sequencesOf reads what was chosen in a list.
func sequencesOf(r *http.Request) (all []uint64, err error) {
	for _, text := range r.PostForm["sequence"] {
		n, err := sequenceOf(text)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	switch {
	case len(all) == 0:
		return nil, wrongInput("Choose at least one.")
	case len(all) > redrivenAtMost:
		return nil, wrongInput("Choose at most %d at once.", redrivenAtMost)
	}
	slices.Sort(all) // the order of arrival
	return slices.Compact(all), nil
}

package console_test

import (
	"bufio"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

func TestPages(t *testing.T) {
	s := newSite(t)
	s.tells(0, events.Settled{Payment: payment("A1")})
	review := s.reviews("A2")
	s.parks("A4")
	s.refuses(signed(t, "A5", "other"))
	s.serve()
	reviewPath := "/review?id=" + url.QueryEscape(review.ID)
	await(t, "the streams are read", func() bool {
		body := s.get("/").body
		return strings.Contains(body, ">A1</a>") && strings.Contains(body, "parked 1") && strings.Contains(body, "refused 1") && !strings.Contains(body, "still being read")
	})
	for path, texts := range map[string][]string{
		"/":                        {`<p class="big s-settled">1</p>`, `INR <span class="money">1000.00</span> in, <span class="money">0.00</span> out`, "1 settled, 0 failed", "<b>1</b> in review", `href="` + html.EscapeString(reviewPath) + `"`},
		"/orders":                  {`name="id"`},
		"/orders?id=A1":            {`s-settled">settled`, "downstream was told", "Nothing waits for a person", "m1001/A1/settled", "three-way"},
		"/orders?id=A2":            {"a person is asked", ">Review amount_mismatch</a>"},
		"/orders?id=A4":            {"given up on", `<a href="/parked/1">Parked callback 1</a>`},
		"/orders?id=A5":            {"nothing vouches", `<a href="/quarantine/1">Refused callback 1</a>`},
		"/orders?id=a1":            {"No stream knows an order <b>a1</b>"},
		"/orders?id=A1&merchant=x": {"of merchant x"},
		"/reviews":                 {">A2</a>", "amount_mismatch", "900.00", "1000.00 INR"},
		"/reviews?state=resolved":  {"None"},
		"/reviews?reason=lagging":  {"None is open"},
		"/reviews?order=A2&merchant=m1001&flow=collect&state=all&since=2020-01-01": {">A2</a>"},
		reviewPath:                          {"What each says", "1000.00 INR", "900.00 INR", "Downstream was told no outcome", "Ask the gateway now", "hangs on the gateway"},
		"/parked":                           {`<a href="/parked/1">1</a>`, "expired", ">A4</a>"},
		"/parked?order=A9":                  {"None is parked"},
		"/parked/1":                         {"192.0.2.1", "11 on", "was told no outcome", "success 1000", "&#34;orderId&#34;:&#34;A4&#34;"},
		"/quarantine":                       {`<a href="/quarantine/1">1</a>`, "bad-signature", "A5"},
		"/quarantine?class=unknown":         {"None is there"},
		"/quarantine/1":                     {"it would be refused: bad-signature", "nothing vouches for it"},
		"/parked?since=2020-01-01&flow=pay": {"None is parked"},
	} {
		s.get(path).has(t, http.StatusOK, texts...)
	}
	for path, want := range map[string]int{
		"/nothing": http.StatusNotFound, "/parked/99": http.StatusNotFound, "/quarantine/99": http.StatusNotFound,
		"/parked/x": http.StatusBadRequest, "/quarantine/0": http.StatusBadRequest, "/review?id=x": http.StatusBadRequest,
		"/review?id=m1001/A9/review/lagging-00000000": http.StatusNotFound, "/reviews?state=x": http.StatusBadRequest,
		"/reviews?flow=x": http.StatusBadRequest, "/parked?merchant=*": http.StatusBadRequest, "/parked?merchant=%3E": http.StatusBadRequest,
		"/parked?since=yesterday": http.StatusBadRequest, "/quarantine?class=x": http.StatusBadRequest,
		"/orders?id=" + strings.Repeat("x", 65): http.StatusBadRequest, "/orders?id=x&merchant=a.b": http.StatusBadRequest,
	} {
		s.get(path).has(t, want, `role="alert"`)
	}
}

// Lists end where a page does, and say so.
func TestListsAreBounded(t *testing.T) {
	s := newSite(t)
	for i := range 103 {
		s.parks(fmt.Sprint("A", i))
	}
	s.serve()
	a := s.get("/parked")
	a.has(t, http.StatusOK, "There are more than these")
	if n := strings.Count(a.body, `name="sequence"`); n != 100 {
		t.Errorf("%d rows, want 100", n)
	}
	if n := strings.Count(s.get("/").body, `<tr class="row">`); n > 100 {
		t.Errorf("the flow has %d rows", n)
	}
}

// Whatever outsiders write stays text, and can't turn the page's text around.
func TestHostileTextStaysText(t *testing.T) {
	s := newSite(t)
	review := s.reviews("A2")
	s.reviews(`"><script>window.hacked=1</script>`)
	s.parks("A4")
	s.refuses([]byte(hostile))
	s.refuses(append([]byte(`{"orderId":"`), append([]byte(strings.ReplaceAll(strings.ReplaceAll(hostile, `"`, `\"`), "\x07", "")), `"}`...)...))
	s.serve()
	await(t, "the streams are read", func() bool { return strings.Contains(s.get("/").body, "refused 2") })
	paths := []string{"/", "/orders?id=A2", "/orders?id=A4", "/reviews", "/review?id=" + url.QueryEscape(review.ID), "/parked", "/parked/1", "/quarantine", "/quarantine/1", "/quarantine/2"}
	paths = append(paths, "/orders?id="+url.QueryEscape(hostile[:60]), "/orders?id="+url.QueryEscape("\u202e<b>"), "/reviews?reason="+url.QueryEscape(hostile), "/parked?merchant="+url.QueryEscape("<b>"))
	for _, path := range paths {
		harmless(t, path, s.get(path).body)
	}
	a := s.post("/review?id="+url.QueryEscape(review.ID), "/review/preview", url.Values{"id": {review.ID}, "as": {"dismissed"}, "why": {"x" + hostile}})
	a.has(t, http.StatusConflict, "Nothing was done")
	harmless(t, a.at, a.body)
	a = s.post("/review?id="+url.QueryEscape(review.ID), "/review/preview", url.Values{"id": {review.ID}, "as": {"dismissed"}, "why": {"<script>window.hacked=1</script>"}})
	a.has(t, http.StatusOK, "&lt;script&gt;")
	harmless(t, a.at, a.body)
	harmless(t, "the flow", s.flow(0, "refused 2"))
}

// tags are what our templates hold.
var tags = regexp.MustCompile(`<(script|img|b|i)[ >][^>]*>?`)

func harmless(t *testing.T, where, body string) {
	t.Helper()
	for _, tag := range tags.FindAllString(body, -1) {
		if tag != `<script src="/assets/console.js" defer>` && !strings.HasPrefix(tag, "<b") {
			t.Errorf("%s has the tag %q", where, tag)
		}
	}
	for _, r := range body {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			t.Errorf("%s has %U", where, r)
		}
	}
}

// flow reads what a live page is sent, up to a text.
func (s *site) flow(after int64, until string) string {
	s.t.Helper()
	res, err := s.http.Do(s.request(http.MethodGet, fmt.Sprintf("/flow?after=%d", after), nil))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if media := res.Header.Get("Content-Type"); media != "text/event-stream; charset=utf-8" {
		s.t.Errorf("the flow is %q", media)
	}
	var text strings.Builder
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), until) {
			return text.String()
		}
	}
	s.t.Fatalf("the flow ended without %q: %v\n%s", until, lines.Err(), text.String())
	return ""
}

var lastOfPage = regexp.MustCompile(`data-last="(\d+)"`)

// What comes while a page is shown is sent to it, and nothing twice.
func TestFlow(t *testing.T) {
	s := newSite(t)
	s.tells(0, events.Settled{Payment: payment("A1")})
	s.serve()
	var last int64
	await(t, "the streams are read", func() bool {
		a := s.get("/")
		_, err := fmt.Sscan(lastOfPage.FindStringSubmatch(a.body)[1], &last)
		return err == nil && last == 1
	})
	s.tells(0, events.Failed{Payment: failed("A2")})
	got := s.flow(last, "1000.00 INR")
	if !strings.Contains(got, "event: row\nid: 2\n") || !strings.Contains(got, ">A2</a>") || strings.Contains(got, ">A1</a>") {
		t.Errorf("the flow is %s", got)
	}
	// A browser that lost the connection goes on where it was.
	s.refuses([]byte("{}"))
	again := s.flow(2, "refused 1")
	if strings.Contains(again, ">A2</a>") {
		t.Errorf("sent twice: %s", again)
	}
	if figures := s.flow(3, "Failed today"); !strings.Contains(figures, "event: figures") {
		t.Errorf("the figures come as %s", figures)
	}
}

func failed(order string) events.Payment {
	p := payment(order)
	p.Net, p.Match = events.Amount{}, ""
	return p
}

// Who has too many live pages is told.
func TestFlowsAreBounded(t *testing.T) {
	s := newSite(t).serve()
	for range 32 {
		res, err := s.http.Do(s.request(http.MethodGet, "/flow?after=0", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
	}
	s.get("/flow?after=0").has(t, http.StatusTooManyRequests, "Too many live pages")
}

func TestParked(t *testing.T) {
	s := newSite(t)
	for _, order := range []string{"A1", "A2", "A3", "A4"} {
		s.parks(order)
	}
	s.serve()
	s.post("/parked", "/parked/redrive", url.Values{"sequence": {"1", "2"}}).has(t, http.StatusOK, "1, 2: redriven")
	s.get("/parked").lacks(t, "redriven") // it was said
	if parked, callbacks := s.count(stream.Parked), s.count(stream.Callbacks); parked != 2 || callbacks != 2 {
		t.Errorf("%d parked and %d callbacks, want 2 and 2", parked, callbacks)
	}
	s.post("/parked/3", "/parked/drop", url.Values{"sequence": {"3"}, "why": {" "}}).has(t, http.StatusConflict, "say why")
	if n := s.count(stream.Parked); n != 2 {
		t.Errorf("%d parked: dropped without a reason", n)
	}
	s.post("/parked/3", "/parked/drop", url.Values{"sequence": {"3"}, "why": {"a test of the gateway"}}).has(t, http.StatusOK, "3: dropped")
	if parked, trail := s.count(stream.Parked), s.count(stream.Trail); parked != 1 || trail != 1 {
		t.Errorf("%d parked and %d in TRAIL, want 1 and 1", parked, trail)
	}
	s.post("/parked", "/parked/redrive", url.Values{"sequence": {"3"}}).has(t, http.StatusOK, "3: refused", "somebody may have dealt with it")
	s.post("/parked", "/parked/redrive", url.Values{}).has(t, http.StatusBadRequest, "Choose at least one")
}

func TestQuarantine(t *testing.T) {
	s := newSite(t)
	s.refuses(signed(t, "A1", secret))
	s.refuses(signed(t, "A2", "wrong"))
	s.serve()
	s.get("/quarantine/1").has(t, http.StatusOK, "it would be accepted")
	s.post("/quarantine", "/quarantine/redrive", url.Values{"sequence": {"1", "2"}}).has(t, http.StatusOK, "1: redriven", "2: stays (bad-signature)")
	if refused, callbacks := s.count(stream.Quarantine), s.count(stream.Callbacks); refused != 1 || callbacks != 1 {
		t.Errorf("%d refused and %d callbacks, want 1 and 1", refused, callbacks)
	}
}

// Without the settings that something needs, the pages say so.
func TestWithoutSettings(t *testing.T) {
	s := newSite(t, without("MERCHANTS_FILE"))
	review := s.reviews("A1")
	s.refuses(signed(t, "A2", secret))
	s.parks("A3")
	s.serve()
	path := "/review?id=" + url.QueryEscape(review.ID)
	a := s.get(path)
	a.has(t, http.StatusOK, "MERCHANTS_FILE is not set")
	a.lacks(t, "Ask the gateway now")
	s.post(path, "/review/preview", url.Values{"id": {review.ID}, "as": {"settled"}, "why": {"because"}}).has(t, http.StatusBadRequest, "MERCHANTS_FILE is not set")
	s.get("/quarantine").lacks(t, `id="redrive"`)
	s.get("/quarantine/1").has(t, http.StatusOK, "MERCHANTS_FILE is not set")
	s.post("/parked", "/quarantine/redrive", url.Values{"sequence": {"1"}}).has(t, http.StatusBadRequest, "MERCHANTS_FILE is not set")
	s.resolves(review.ID, "dismissed").has(t, http.StatusOK, "no outcome was told")
}

func TestWithoutInstallation(t *testing.T) {
	s := newSite(t, without("INSTALLATION"))
	review := s.reviews("A1")
	s.parks("A2")
	s.serve()
	a := s.get("/review?id=" + url.QueryEscape(review.ID))
	a.has(t, http.StatusOK, "INSTALLATION is not set")
	a.lacks(t, "/review/preview")
	s.post("/parked", "/review/preview", url.Values{"id": {review.ID}, "as": {"dismissed"}, "why": {"because"}}).has(t, http.StatusBadRequest, "INSTALLATION is not set")
}

var previewToken = regexp.MustCompile(`name="preview" value="([A-Z0-9]+)"`)

// previews asks what a decision would do.
func (s *site) previews(id, as string) (page answer, token string) {
	s.t.Helper()
	a := s.post("/review?id="+url.QueryEscape(id), "/review/preview", url.Values{"id": {id}, "as": {as}, "why": {"agreed with the shop"}})
	if found := previewToken.FindStringSubmatch(a.body); found != nil {
		token = found[1]
	}
	return a, token
}

// resolves decides, as a person does who says yes.
func (s *site) resolves(id, as string) answer {
	s.t.Helper()
	a, token := s.previews(id, as)
	a.has(s.t, http.StatusOK, "operator", "agreed with the shop")
	return s.decides(id, token)
}

func TestResolve(t *testing.T) {
	s := newSite(t)
	ids := map[string]string{}
	for _, order := range []string{"A1", "A2", "A3", "A4"} {
		ids[order] = s.reviews(order).ID
	}
	s.serve()
	s.post("/review?id="+url.QueryEscape(ids["A1"]), "/review/ask", url.Values{"id": {ids["A1"]}}).
		has(t, http.StatusOK, "Order query, now", "tells settled over 900.00 INR", "resolve it as failed takes failed")
	if n := s.count(stream.Payments); n != 4 {
		t.Errorf("asking told something: %d events", n)
	}
	s.resolves(ids["A1"], "settled").has(t, http.StatusOK, "Downstream is told m1001/A1/settled 900.00 INR", "Resolved by <b>operator</b>", "agreed with the shop", "m1001/A1/settled", "900.00 INR")
	s.resolves(ids["A2"], "dismissed").has(t, http.StatusOK, "no outcome was told", "Downstream was told no outcome")
	if n := s.count(stream.Payments); n != 7 {
		t.Errorf("%d events, want a settled and two resolutions more than 4", n)
	}
	// What the gateway does not say is not told.
	a, token := s.previews(ids["A3"], "failed")
	a.has(t, http.StatusConflict, "Nothing was done", "takes failed", `value="agreed with the shop"`)
	if token != "" {
		t.Error("a refused decision can be made")
	}
	// Nor is another answer than the one that was shown.
	a, token = s.previews(ids["A3"], "settled")
	a.has(t, http.StatusOK, "over 900.00 INR")
	s.pays("901")
	s.decides(ids["A3"], token).has(t, http.StatusConflict, "Nothing was done")
	// A decision is made once.
	_, token = s.previews(ids["A4"], "dismissed")
	s.decides(ids["A4"], token).has(t, http.StatusOK, "no outcome was told")
	s.post("/review?id="+url.QueryEscape(ids["A3"]), "/review/resolve", url.Values{"preview": {token}}).has(t, http.StatusOK, "handed in before")
	s.post("/review?id="+url.QueryEscape(ids["A3"]), "/review/preview", url.Values{"id": {ids["A3"]}, "as": {"paid"}, "why": {"x"}}).has(t, http.StatusConflict, "choose what became")
	if n := s.count(stream.Payments); n != 8 {
		t.Errorf("%d events, want one resolution more than 7", n)
	}
}

// decides says yes to what was shown.
func (s *site) decides(id, token string) answer {
	s.t.Helper()
	return s.post("/review?id="+url.QueryEscape(id), "/review/resolve", url.Values{"preview": {token}})
}

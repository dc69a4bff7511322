package console_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
)

// tab is a person's browser at the console.
type tab struct {
	*site
	ctx        context.Context
	complaints func() []string
}

func (s *site) opens(browser context.Context, t *testing.T) *tab {
	t.Helper()
	b := &tab{site: s}
	b.ctx, b.complaints = testserver.WatchedTab(browser, t)
	b.do(chromedp.Navigate(s.login()))
	return b
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// isClean checks that the browser had nothing to complain about, and that nobody's
// text ran.
func (b *tab) isClean() {
	b.t.Helper()
	if hacked, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`"hacked" in window`)); err != nil || hacked {
		b.t.Errorf("a hostile text ran: %v, %v", hacked, err)
	}
	for _, said := range b.complaints() {
		b.t.Errorf("the browser says: %s", said)
	}
}

func (b *tab) prefers(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// violation is what axe-core found.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// axed runs axe-core on the page as it is shown. The protocol evaluates it: the
// page's own policy would let no such script in.
func (b *tab) axed(script string) []violation {
	b.t.Helper()
	run := script + `; axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify(r.violations))`
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](run, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe-core: %v", err)
	}
	var all []violation
	if err := json.Unmarshal([]byte(found), &all); err != nil {
		b.t.Fatal(err)
	}
	return all
}

// full is a site with something of everything.
func full(t *testing.T) *site {
	s := newSite(t)
	s.tells(0, events.Settled{Payment: payment("A1")})
	s.reviews("A2")
	s.reviews(`A<b>3`)
	s.parks("A4")
	s.refuses(signed(t, "A5", "other"))
	return s.serve()
}

// TestAccessible: axe-core finds nothing against any page, in light and dark, on a
// screen and on a phone; and what outsiders wrote ran in none.
func TestAccessible(t *testing.T) {
	axe := testserver.Axe(t)
	s := full(t)
	b := s.opens(testserver.Chromium(t), t)
	review := s.reviews("A6")
	for name, open := range map[string][]chromedp.Action[chromedp.Void]{
		"live":     {chromedp.Navigate(s.base + "/"), chromedp.WaitVisible(chromedp.ID("pause"))},
		"tables":   {chromedp.Navigate(s.base + "/"), chromedp.Click(chromedp.CSS("#told-table summary")), chromedp.Click(chromedp.CSS("#wait-table summary"))},
		"search":   {chromedp.Navigate(s.base + "/orders")},
		"order":    {chromedp.Navigate(s.base + "/orders?id=A2")},
		"nobody":   {chromedp.Navigate(s.base + "/orders?id=nobody")},
		"reviews":  {chromedp.Navigate(s.base + "/reviews")},
		"none":     {chromedp.Navigate(s.base + "/reviews?state=resolved")},
		"review":   {chromedp.Navigate(s.base + "/review?id=" + review.ID), chromedp.Click(chromedp.ID("ask")), chromedp.WaitVisible(chromedp.CSS(".evidence th:nth-child(5)"))},
		"parked":   {chromedp.Navigate(s.base + "/parked")},
		"one":      {chromedp.Navigate(s.base + "/parked/1")},
		"refused":  {chromedp.Navigate(s.base + "/quarantine")},
		"evidence": {chromedp.Navigate(s.base + "/quarantine/1")},
		"problem":  {chromedp.Navigate(s.base + "/parked/99")},
	} {
		for _, scheme := range []string{"light", "dark"} {
			for wide, size := range map[string]int64{"screen": 1200, "phone": 360} {
				t.Run(strings.Join([]string{name, scheme, wide}, " "), func(t *testing.T) {
					b.t, b.site.t = t, t
					b.prefers(scheme)
					b.do(chromedp.EmulateViewport(size, 800))
					b.do(open...)
					for _, v := range b.axed(axe) {
						for _, n := range v.Nodes {
							t.Errorf("%s (%s): %s\n%s", v.Help, v.ID, n.HTML, n.Summary)
						}
					}
					if over, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); err != nil || over > size {
						t.Errorf("the page is %d wide, want at most %d: %v", over, size, err)
					}
					b.isClean()
					b.photograph(name + "-" + scheme + "-" + wide)
				})
			}
		}
	}
	b.t, b.site.t = t, t
}

// photograph writes a picture into the folder of an environment variable, if it is
// set: for who changes how pages look.
func (b *tab) photograph(name string) {
	folder := os.Getenv("CONSOLE_LOOKS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// The check itself finds what it is for.
func TestAxeBites(t *testing.T) {
	axe := testserver.Axe(t)
	s := newSite(t).serve()
	b := s.opens(testserver.Chromium(t), t)
	const bad = `document.getElementById("main").innerHTML = '<img src="data:,"><input>'; true`
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](bad)); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, v := range b.axed(axe) {
		ids = append(ids, v.ID)
	}
	for _, want := range []string{"image-alt", "label"} {
		if !slices.Contains(ids, want) {
			t.Errorf("axe-core found %q, want %s too", ids, want)
		}
	}
}

package testserver

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// chromiumTimeout bounds the life of a test's browser, and with it every wait
// for a page.
const chromiumTimeout = 3 * time.Minute

// Chromium starts a headless browser with a new, empty profile, and returns the
// context of its first tab, for the actions of chromedp. [ChromiumTab] opens more.
// The browser reaches nothing but loopback; names under .test lead there too.
func Chromium(t testing.TB) context.Context {
	t.Helper()
	deadline, cancel := context.WithTimeout(context.Background(), chromiumTimeout)
	t.Cleanup(cancel)
	allocator, stop := chromedp.NewExecAllocator(deadline, chromiumOptions(chromiumBinary(t))...)
	t.Cleanup(stop)
	// A browser newer than the library sends events that it does not know, and
	// would log about.
	quiet := func(string, ...any) {}
	ctx, _ := chromedp.NewContext(allocator, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close Chromium: %v", err)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx
}

// ChromiumTab opens another tab of a browser, until the test ends. Tests that
// run in parallel need one each.
func ChromiumTab(browser context.Context, t testing.TB, options ...chromedp.ContextOption) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, options...)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab of Chromium: %v", err)
	}
	return ctx
}

// chromiumBinary finds the browser under one of the names that systems give it.
func chromiumBinary(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is not installed; run 'make tools' once (as root, or install it yourself: sudo apt-get install chromium), then test again")
	return ""
}

// chromiumOptions are chromedp's own, which make a new profile in a temporary
// folder and remove it once the last process of the browser is gone, and what
// keeps the browser from talking to anybody by itself.
func chromiumOptions(binary string) []chromedp.ExecAllocatorOption {
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	return append(options,
		chromedp.ExecPath(binary),
		chromedp.NoSandbox, // tests run as root in containers
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
	)
}

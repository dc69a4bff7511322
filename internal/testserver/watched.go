package testserver

import (
	"context"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// WatchedTab opens another tab of a browser, until the test ends. complaints are
// what a clean page gives no reason for: violations of its policy, scripts that
// fail or write to the console, dialogs.
func WatchedTab(browser context.Context, t testing.TB) (tab context.Context, complaints func() []string) {
	t.Helper()
	var mu sync.Mutex
	var said []string
	listen := func(event any) {
		var text string
		switch e := event.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceNetwork { // an answer of 4xx, which is wanted where it comes
				return
			}
			text = e.Entry.Text
		case *runtime.EventConsoleAPICalled:
			text = "a script wrote to the console"
		case *runtime.EventExceptionThrown:
			text = "a script failed"
		case *page.EventJavascriptDialogOpening:
			text = "a dialog opened: " + e.Message
		default:
			return
		}
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
	}
	return ChromiumTab(browser, t, chromedp.WithListener(listen)), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, said...)
	}
}

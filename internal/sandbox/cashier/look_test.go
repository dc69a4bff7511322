package cashier_test

import (
	"bytes"
	_ "embed"
	"fmt"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/settlehook/settlehook/internal/sandbox/cashier"
	"github.com/settlehook/settlehook/internal/testserver"
)

// faintText lists the texts of a page that stand out too little from what is
// behind them (WCAG 2.2, 1.4.3: 4.5 to 1), and narrowly says so of wide pages.
//
//go:embed testdata/faint.js
var faintText string

// Sizes of a window, in CSS pixels.
const (
	width, height = 960, 720
	phone         = 360
)

// maxScreenshot bounds the picture, in bytes: it goes into the README.
const maxScreenshot = 120 << 10

// TestLook: every page in light and dark, on a screen and on a phone. With
// CASHIER_SCREENSHOT=file.png, and CASHIER_SCREENSHOT_DARK, the open page is
// written there.
func TestLook(t *testing.T) {
	p := newPayer(testserver.Chromium(t), t)
	p.desk.bills = looks()
	for _, scheme := range []string{"light", "dark"} {
		p.prefers(scheme)
		for name := range p.desk.bills {
			p.do(chromedp.EmulateViewport(phone, height), chromedp.Navigate(p.base+"/cashier/"+name))
			if wide := evaluate[int](p, `document.documentElement.scrollWidth`); wide > phone {
				t.Errorf("%s, %s: the page is %d wide on a screen of %d", name, scheme, wide, phone)
			}
			if small := evaluate[string](p, `[...document.querySelectorAll("button, a, input:not([type=hidden])")].filter(e => e.getBoundingClientRect().height < 44).map(e => e.id).join()`); small != "" {
				t.Errorf("%s: too small for a finger: %s", name, small)
			}
			for _, faint := range evaluate[[]string](p, faintText) {
				t.Errorf("%s, %s: %s", name, scheme, faint)
			}
		}
		p.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(p.base+"/cashier/open"))
		if wide := evaluate[float64](p, `document.querySelector("main").getBoundingClientRect().width`); wide != 440 {
			t.Errorf("%s: the card is %v wide: is the style refused?", scheme, wide)
		}
		if tall := evaluate[int](p, `document.documentElement.scrollHeight`); tall > height {
			t.Errorf("%s: the open page is %d tall on a screen of %d", scheme, tall, height)
		}
		p.photograph(map[string]string{"light": "CASHIER_SCREENSHOT", "dark": "CASHIER_SCREENSHOT_DARK"}[scheme])
	}
	p.isClean()
}

// looks is an order in every state, each as long as it gets.
func looks() map[string]cashier.Bill {
	long := func(edits ...func(*cashier.Bill)) cashier.Bill {
		b := openBill()
		b.OrderID, b.Account = strings.Repeat("W", 32), strings.Repeat("8", 64)
		b.Amount, b.ReturnURL = dec("999999999999999.99"), "https://shop.example/"+strings.Repeat("w", 300)
		for _, edit := range edits {
			edit(&b)
		}
		return b
	}
	open := openBill()
	open.OrderID, open.ReturnURL = "sb-7f3a90c2d4e1-0000042", "https://shop.example/thanks"
	return map[string]cashier.Bill{
		"open": open, "long": long(),
		"settled":    long(closedAs("settled", "999999999999999.99")),
		"short-paid": long(closedAs("short-paid", "0.01")),
		"over-paid":  long(closedAs("over-paid", "999999999999999.99")),
		"failed":     long(closedAs("failed", "0.00")),
		"reversed":   long(closedAs("reversed", "1.00")),
		"expired":    long(closedAs("expired", "0.00"), returningTo("")),
	}
}

func (p *payer) prefers(scheme string) {
	p.t.Helper()
	_, err := chromedp.Call(p.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// photograph takes a picture of the page, and writes it to the file that an
// environment variable names, if it does.
func (p *payer) photograph(variable string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.tab, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	image, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		p.t.Fatal(err)
	}
	if got, want := fmt.Sprint(image.Bounds().Size()), fmt.Sprintf("(%d,%d)", width, height); got != want || len(picture) > maxScreenshot {
		p.t.Errorf("the picture is %s in %d bytes, want %s in at most %d", got, len(picture), want, maxScreenshot)
	}
	if file := os.Getenv(variable); file != "" {
		if err := os.WriteFile(file, picture, 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

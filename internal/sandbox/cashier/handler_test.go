package cashier_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/sandbox/cashier"
)

const (
	opened = "/cashier/" + token
	pay    = opened + "/pay"
	fail   = opened + "/fail"
)

func TestOpenPage(t *testing.T) {
	a := ask(t, newDesk(), request("GET", opened, ""))
	d := parse(t, a.body)
	if a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	for id, want := range map[string]string{
		"account": "8801", "order": "A-1001", "amount": "1000.00 INR", "state": "Waiting for payment",
		"pay": "Pay 1000.00 INR", "fail": "Let the payment fail", "return": "https://shop.example/thanks?cart=7&lang=en",
	} {
		if got, ok := d.text[id]; !ok || got != want {
			t.Errorf("#%s is %q, want %q", id, got, want)
		}
	}
	if !strings.Contains(a.body, "<strong>Sandbox cashier:</strong> no real money") {
		t.Error("the page does not say that no money is real")
	}
	if want := []string{pay, pay, fail}; !slices.Equal(d.attr["action"], want) {
		t.Errorf("forms go to %q, want %q", d.attr["action"], want)
	}
	if slices.Contains(d.attr["http-equiv"], "refresh") {
		t.Error("an open page must not move on")
	}
}

// TestAnswers: every route with what it answers, and what reaches the desk.
func TestAnswers(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	req := request
	for _, test := range []struct {
		name    string
		desk    *fakeDesk
		request *http.Request
		status  int
		calls   []string
		says    string
	}{
		{"look", newDesk(), req("GET", opened, ""), 200, nil, `id="pay"`},
		{"look at headers", newDesk(), req("HEAD", opened, ""), 200, nil, ""},
		{"pay", newDesk(), req("POST", pay, "amount=1000.00"), 303, []string{"pay 1000.00"}, ""},
		{"pay with white space", newDesk(), req("POST", pay, "amount=+900.5%0A"), 303, []string{"pay 900.5"}, ""},
		{"pay too much", newDesk(), req("POST", pay, "amount=999999999999999.99"), 303, []string{"pay 999999999999999.99"}, ""},
		{"pay as this site", newDesk(), req("POST", pay, "amount=1", header("Sec-Fetch-Site", "same-origin")), 303, []string{"pay 1"}, ""},
		{"pay as this host", newDesk(), req("POST", pay, "amount=1", header("Origin", "http://example.com")), 303, []string{"pay 1"}, ""},
		{"fail", newDesk(), req("POST", fail, ""), 303, []string{"fail"}, ""},

		{"no amount", newDesk(), req("POST", pay, ""), 400, nil, "Give an amount, such as 1000.00."},
		{"blank amount", newDesk(), req("POST", pay, "amount=+"), 400, nil, "Give an amount, such as 1000.00."},
		{"zero", newDesk(), req("POST", pay, "amount=0.00"), 400, nil, "Give an amount above zero"},
		{"comma", newDesk(), req("POST", pay, "amount=1000,50"), 400, nil, "Write the amount in digits with a point, such as 1000.00."},
		{"exponent", newDesk(), req("POST", pay, "amount=1e3"), 400, nil, "Write the amount in digits"},
		{"minus", newDesk(), req("POST", pay, "amount=-5"), 400, nil, "Write the amount in digits"},
		{"too many digits", newDesk(), req("POST", pay, "amount=1.00000"), 400, nil, "Write the amount as in 1000.00, with at most 15 digits before the point and 4 behind it."},
		{"refused by the desk", newDesk(), req("POST", pay, "amount=1.005"), 400, []string{"pay 1.005: this amount cannot be paid: at most 2 digits behind the point"}, "This amount cannot be paid: at most 2 digits behind the point."},
		{"two amounts", newDesk(), req("POST", pay, "amount=1&amount=2"), 400, nil, "A payment has one amount"},
		{"amount in the link", newDesk(), req("POST", pay+"?amount=1", ""), 400, nil, "Give an amount"},
		{"broken form", newDesk(), req("POST", pay, "amount=%zz"), 400, nil, "Not readable"},
		{"long form", newDesk(), req("POST", pay, "amount=1&x="+strings.Repeat("x", 5000)), 413, nil, "Too long"},
		{"JSON", newDesk(), req("POST", pay, `{"amount":"1"}`, header("Content-Type", "application/json")), 415, nil, "Not a form"},
		{"no media type", newDesk(), req("POST", pay, "amount=1", header("Content-Type", "")), 415, nil, "Not a form"},

		{"another site pays", newDesk(), req("POST", pay, "amount=1", header("Sec-Fetch-Site", "cross-site")), 403, nil, "Sent by another site"},
		{"another host fails", newDesk(), req("POST", fail, "", header("Origin", "https://evil.example")), 403, nil, "Sent by another site"},
		{"hidden origin", newDesk(), req("POST", fail, "", header("Origin", "null")), 403, nil, "Sent by another site"},

		{"unknown", newDesk(), req("GET", "/cashier/other", ""), 404, nil, "No such payment page"},
		{"pay unknown", newDesk(), req("POST", "/cashier/other/pay", "amount=1"), 404, nil, "No such payment page"},
		{"fail unknown", newDesk(), req("POST", "/cashier/other/fail", ""), 404, []string{"fail: no such payment page"}, "No such payment page"},
		{"no token", newDesk(), req("GET", "/cashier/", ""), 404, nil, "No such payment page"},
		{"other path", newDesk(), req("GET", opened+"/refund", ""), 404, nil, "No such payment page"},

		{"post to the page", newDesk(), req("POST", opened, "amount=1"), 405, nil, `href="/cashier/tok-1"`},
		{"delete the page", newDesk(), req("DELETE", opened, ""), 405, nil, "Not from here"},
		{"open the form's address", newDesk(), req("GET", pay, ""), 405, nil, `href="/cashier/tok-1"`},
		{"open the other's", newDesk(), req("PUT", fail, ""), 405, nil, "Not from here"},

		{"closed", newDesk(closedAs("settled", "1000.00")), req("GET", opened, ""), 200, nil, "1000.00 INR was paid in full."},
		{"pay closed", newDesk(closedAs("settled", "1000.00")), req("POST", pay, "amount=1"), 409, nil, "This order was closed already."},
		{"pay closed with nonsense", newDesk(closedAs("failed", "0.00")), req("POST", pay, "x"), 409, nil, "Payment failed"},
		{"fail closed", newDesk(closedAs("settled", "1000.00")), req("POST", fail, ""), 409, []string{"fail: the order is closed"}, "1000.00 INR was paid in full."},

		{"desk down", &fakeDesk{fault: errors.New("the <books> are full")}, req("GET", opened, ""), 500, nil, "the &lt;books&gt; are full"},
		{"desk down for payments", &fakeDesk{fault: errors.New("the books are full")}, req("POST", pay, "amount=1"), 500, nil, "The sandbox failed"},
		{"desk down for failures", &fakeDesk{fault: errors.New("the books are full")}, req("POST", fail, ""), 500, []string{"fail: the books are full"}, "The sandbox failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := ask(t, test.desk, test.request)
			if a.status != test.status {
				t.Errorf("status %d, want %d\n%s", a.status, test.status, a.body)
			}
			if !strings.Contains(a.body, test.says) {
				t.Errorf("the page does not say %q:\n%s", test.says, a.body)
			}
			if diff := cmp.Diff(test.calls, test.desk.called()); diff != "" {
				t.Errorf("calls of the desk (-want +got):\n%s", diff)
			}
			checkHeaders(t, a)
		})
	}
}

// checkHeaders: what every answer has to carry, errors and redirects included.
func checkHeaders(t *testing.T, a answer) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		if got := a.header.Values(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !slices.Contains(strings.Split(policy, "; "), want) {
			t.Errorf("Content-Security-Policy is %q, without %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("Content-Security-Policy is %q", policy)
	}
	switch a.status {
	case http.StatusSeeOther:
		if got := a.header.Get("Location"); got != opened {
			t.Errorf("the payment leads to %q, want %q", got, opened)
		}
	case http.StatusMethodNotAllowed:
		if a.header.Get("Allow") == "" {
			t.Error("405 without Allow")
		}
	}
	_, style, ok := strings.Cut(a.body, "<style>")
	if !ok {
		return
	}
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
		t.Errorf("the policy does not allow the page's own style: %q, want %s", policy, want)
	}
}

func TestResults(t *testing.T) {
	for _, test := range []struct{ state, paid, title, text string }{
		{"settled", "1000.00", "Paid", "1000.00 INR was paid in full."},
		{"short-paid", "900.00", "Short-paid", "900.00 INR of 1000.00 INR was paid."},
		{"over-paid", "1100.00", "Over-paid", "1100.00 INR was paid where 1000.00 INR was asked."},
		{"failed", "0.00", "Payment failed", "Nothing was paid."},
		{"reversed", "1000.00", "Reversed", "1000.00 INR was paid, and taken back."},
		{"expired", "0.00", "Closed", `The order's state is "expired".`},
		{"", "0.00", "Closed", `The order's state is "".`},
	} {
		t.Run(test.state, func(t *testing.T) {
			a := ask(t, newDesk(closedAs(test.state, test.paid)), request("GET", opened, ""))
			d := parse(t, a.body)
			got := []string{d.text["state"], d.text["result"], d.text["amount"], d.text["paid"], d.text["order"], d.text["back"]}
			want := []string{test.title, test.text, "1000.00 INR", test.paid + " INR", "A-1001", "Back to the shop"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !slices.Contains(d.attr["data-state"], test.state) {
				t.Errorf("data-state is %q, want %q", d.attr["data-state"], test.state)
			}
			for _, id := range []string{"pay", "pay-other", "other-amount", "fail", "late"} {
				if _, there := d.text[id]; there {
					t.Errorf("a closed order has #%s", id)
				}
			}
			if want := "4; url=" + openBill().ReturnURL; !slices.Contains(d.attr["content"], want) {
				t.Errorf("the page does not move on by %q: %q", want, d.attr["content"])
			}
		})
	}
}

func TestWayBack(t *testing.T) {
	for _, test := range []struct {
		url      string
		followed bool
	}{
		{"https://shop.example/thanks?cart=7&lang=en#top", true},
		{"http://127.0.0.1:3000", true},
		{"HTTPS://Shop.Example/", true},
		{"https://shop.example/a?x=%26y%3D1;url=javascript:alert(1)", true},
		{"https://shop.example/?q=%22%3E%3Cscript%3E", true},
		{"", false},
		{"javascript:alert(1)", false},
		{"JaVaScRiPt://shop.example/%0aalert(1)", false},
		{" javascript:alert(1)", false},
		{"\x01javascript:alert(1)", false},
		{"java\nscript:alert(1)", false},
		{"data:text/html,<script>alert(1)</script>", false},
		{"vbscript:x", false},
		{"file:///etc/passwd", false},
		{"intent://shop#Intent;end", false},
		{"//shop.example/", false},
		{"/cashier/tok-1/pay", false},
		{"shop.example", false},
		{"http:", false},
		{"http:///path", false},
		{"http:shop.example", false},
		{`http:\\shop.example`, false},
		{"http://shop.example/\r\nSet-Cookie: a=b", false},
		{"'https://shop.example/'", false},
	} {
		t.Run(test.url, func(t *testing.T) {
			a := ask(t, newDesk(closedAs("settled", "1000.00"), returningTo(test.url)), request("GET", opened, ""))
			d := parse(t, a.body)
			_, link := d.text["back"]
			refresh := slices.Contains(d.attr["http-equiv"], "refresh")
			if link != test.followed || refresh != test.followed {
				t.Errorf("link %t, refresh %t, want %t", link, refresh, test.followed)
			}
			if _, stay := d.text["stay"]; stay == test.followed {
				t.Errorf("the page says to stay: %t", stay)
			}
			if test.followed && !slices.Contains(d.attr["content"], "4; url="+test.url) {
				t.Errorf("the page moves on by %q", d.attr["content"])
			}
			if got, want := d.text["return"], strings.Join(strings.Fields(strings.ReplaceAll(test.url, "\x01", "\ufffd")), " "); got != want {
				t.Errorf("the page shows %q, want %q", got, want)
			}
		})
	}
}

// TestHostile: what others chose is text, wherever it stands: the page's tags
// and attributes stay those of a harmless order.
func TestHostile(t *testing.T) {
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='alert(1)' autofocus='`,
		`</title><script>alert(1)</script>`, `</style><script>alert(1)</script>`, `{{.Token}}`, `<!--`, `]]>`, `&lt;script&gt;`,
		"`", "\u202e", "a\x00b", `javascript:alert(1)`, `0; url=https://evil.example`,
	} {
		edit := func(with string) func(*cashier.Bill) {
			return func(b *cashier.Bill) {
				b.Account, b.OrderID, b.Currency = with, with, with
				b.ReturnURL = "https://shop.example/" + strings.ReplaceAll(with, "\x00", "%00")
			}
		}
		for name, test := range map[string]struct {
			state  func(*cashier.Bill)
			method string
			path   string
			form   func(string) string
		}{
			"open":   {closedAs(cashier.StateOpen, "0.00"), "GET", opened, func(string) string { return "" }},
			"closed": {closedAs("settled", "1000.00"), "GET", opened, func(string) string { return "" }},
			"other":  {closedAs(evil, "0.00"), "GET", opened, func(string) string { return "" }},
			"amount": {closedAs(cashier.StateOpen, "0.00"), "POST", pay, func(with string) string { return "amount=" + percent(with) }},
		} {
			t.Run(name+" "+evil, func(t *testing.T) {
				skeleton := func(with string) string {
					a := ask(t, newDesk(test.state, edit(with)), request(test.method, test.path, test.form(with)))
					return parse(t, a.body).skeleton()
				}
				if diff := cmp.Diff(skeleton("harmless"), skeleton(evil)); diff != "" {
					t.Errorf("tags (-harmless +hostile):\n%s", diff)
				}
			})
		}
	}
}

// percent encodes every byte.
func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteString("%" + string("0123456789ABCDEF"[c>>4]) + string("0123456789ABCDEF"[c&15]))
	}
	return b.String()
}

// TestHostileToken: a token comes from the address bar.
func TestHostileToken(t *testing.T) {
	evil := `"><script>alert(1)</script>/..`
	d := newDesk()
	d.bills[evil] = d.bills[token]
	path := "/cashier/" + percent(evil)
	a := ask(t, d, request("GET", path, ""))
	if diff := cmp.Diff(parse(t, ask(t, d, request("GET", opened, "")).body).skeleton(), parse(t, a.body).skeleton()); diff != "" {
		t.Errorf("tags (-harmless +hostile):\n%s", diff)
	}
	form := parse(t, a.body).attr["action"][0]
	if a := ask(t, d, request("POST", form, "amount=1")); a.status != http.StatusSeeOther {
		t.Errorf("paying by the page's form %q gives %d", form, a.status)
	} else if b := ask(t, d, request("GET", a.header.Get("Location"), "")); b.status != http.StatusOK || parse(t, b.body).text["state"] != "Short-paid" {
		t.Errorf("the payment leads to %q, which gives %d", a.header.Get("Location"), b.status)
	}
}

// TestDoubleClick: of payments at once one counts, and the others are told how
// the order stands.
func TestDoubleClick(t *testing.T) {
	const clicks = 16
	desk := newDesk()
	statuses := make([]int, clicks)
	var wg sync.WaitGroup
	for i := range clicks {
		wg.Go(func() {
			a := ask(t, desk, request("POST", pay, "amount=1000.00"))
			statuses[i] = a.status
			if a.status == http.StatusConflict && parse(t, a.body).text["state"] != "Paid" {
				t.Errorf("a late click is not told that the order is paid:\n%s", a.body)
			}
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	want := append([]int{http.StatusSeeOther}, slices.Repeat([]int{http.StatusConflict}, clicks-1)...)
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestClosedMeanwhile: the order closes between the look at it and the payment.
func TestClosedMeanwhile(t *testing.T) {
	desk := newDesk()
	desk.slip = func() { desk.close("over-paid", "1200.00") }
	a := ask(t, desk, request("POST", pay, "amount=1000.00"))
	d := parse(t, a.body)
	if a.status != http.StatusConflict || d.text["state"] != "Over-paid" || d.text["paid"] != "1200.00 INR" {
		t.Errorf("status %d, #state %q, #paid %q", a.status, d.text["state"], d.text["paid"])
	}
	if _, late := d.text["late"]; !late {
		t.Error("the payer is not told that this payment did not count")
	}
}
